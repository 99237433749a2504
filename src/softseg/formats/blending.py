"""How layered documents put layers together, some rows at a time: added up, or each over the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from softseg.formats.color_space import OutputSpace
from softseg.formats.rounding import (
    OPAQUE,
    nearest_colors,
    over_opacities,
    rounded_opacities,
    shares_when_over,
)
from softseg.images import eight_bits
from softseg.layers.stack import color_strips

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# What ``blend`` may be.
BLENDS = ("add", "normal")
# The name of what lies under all groups, and under the layer of each.
BLACK = "black"


def check_blend(blend: str) -> None:
    """Raise ValueError if layers cannot be put together in that way.

    Examples
    --------
    >>> from softseg.formats.blending import check_blend
    >>> check_blend("screen")
    Traceback (most recent call last):
    ValueError: blend: expected 'add' or 'normal', got 'screen'
    """
    if blend not in BLENDS:
        raise ValueError(f"blend: expected {' or '.join(map(repr, BLENDS))}, got {blend!r}")


def blended_strips(
    result: Decomposition, order: Sequence[int], blend: str, space: OutputSpace
) -> Iterator[tuple[slice, UInt8[np.ndarray, "h W K"], UInt8[np.ndarray, "h W K 3"]]]:
    """Yield layers of 8 bits that show the photo when they are blended, a few rows at a time.

    Opacities are rounded so that they add up, and colors are then changed as little as can be to make up for
    the rounding.

    Parameters
    ----------
    result : SoftSegmentation
        K layers.
    order : sequence of int
        Their indices from back to front.
    blend : {"add", "normal"}
        Whether the layers add up, each with its alpha as opacity; or cover those behind them.
    space : OutputSpace
        That of the colors.

    Yields
    ------
    rows : slice
        The rows; they follow on those before.
    opacities : ndarray of uint8, shape (h, W, K)
        From back to front.
    pixels : ndarray of uint8, shape (h, W, K, 3)
        Straight colors.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import LayerStack
    >>> from softseg.formats.blending import blended_strips
    >>> from softseg.formats.color_space import OutputSpace
    >>> stack = LayerStack(np.full((3, 4, 3), 0.4), np.full((3, 4, 2), 0.5, dtype=np.float32))
    >>> ((_, opacities, pixels),) = blended_strips(stack, [0, 1], "normal", OutputSpace.of(stack, "srgb"))
    >>> opacities[0, 0], pixels[0, 0, 0]
    (array([255, 127], dtype=uint8), array([102, 102, 102], dtype=uint8))
    """
    for rows, colors in color_strips(result):
        opacities = rounded_opacities(result.alphas[rows][:, :, order])
        shares = opacities / np.float32(OPAQUE)
        if blend == "normal":
            opacities = over_opacities(opacities)
            shares = shares_when_over(opacities)
        image, colors = space.converted(result.image[rows], result.alphas[rows], colors)
        yield rows, opacities, eight_bits(nearest_colors(image, shares, colors[:, :, order]))
