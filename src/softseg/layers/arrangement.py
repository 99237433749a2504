"""How layers are ordered, told apart by color, and described."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from softseg.images import eight_bits

if TYPE_CHECKING:
    from softseg.layers.stack import LayerStack

# The layers' colors on sheets, figures, pages and label maps, as red, green and blue from 0 to 255. They were
# picked one by one among colors known to be accessible, each as far in CIELAB from those before as can be,
# for the normal eye and the three kinds of color blindness: few layers get the most distinct colors. How far
# they are apart is checked in tests/layers/test_arrangement.py.
PALETTE = np.array(
    [
        (0x00, 0x72, 0xB2),  # blue
        (0xFE, 0x61, 0x00),  # orange
        (0xFF, 0xAA, 0xBB),  # pink
        (0x22, 0x22, 0x22),  # almost black
        (0xEE, 0xDD, 0x88),  # cream
        (0x33, 0x22, 0x88),  # indigo
        (0x99, 0xDD, 0xFF),  # sky
        (0x8C, 0x51, 0x0A),  # brown
        (0xAA, 0x33, 0x77),  # magenta
        (0x78, 0x5E, 0xF0),  # violet
    ]
)


def distinct_colors(count: int) -> Int[np.ndarray, "{count} 3"]:
    """Return a color for each of so many layers; from the eleventh layer on the colors repeat.

    Parameters
    ----------
    count : int
        How many layers.

    Returns
    -------
    ndarray of int, shape (count, 3)
        Red, green and blue, 0 to 255.

    Examples
    --------
    >>> from softseg.layers.arrangement import distinct_colors
    >>> distinct_colors(2)
    array([[  0, 114, 178],
           [254,  97,   0]])
    """
    return PALETTE[np.arange(count) % len(PALETTE)]


def back_to_front(result: LayerStack) -> tuple[int, ...]:
    """Return the layers' indices from back to front.

    A layer that lies behind is large and goes on beyond the photo; one that stands in front is small and
    inside. So the layers are sorted by the share of the photo's area that they cover plus the share of its
    border, the largest sum first: sky along three sides is behind a person of the same area who stands on the
    fourth.

    Parameters
    ----------
    result : LayerStack
        K layers.

    Returns
    -------
    tuple of int, length K
        The indices. Of equal layers the one of the lower index comes first.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import segment
    >>> image = np.zeros((20, 30, 3)); image[:, 12:] = (1, 0.8, 0)
    >>> result = segment(image, n_layers=2)
    >>> result.order[0] == int(result.alphas[10, 20].argmax())
    True
    """
    alphas = result.alphas
    border = np.concatenate([alphas[0], alphas[-1], alphas[1:-1, 0], alphas[1:-1, -1]])
    behind = alphas.mean(axis=(0, 1), dtype=float) + border.mean(axis=0, dtype=float)
    return tuple(np.argsort(-behind, kind="stable").tolist())


def description(result: LayerStack) -> str:
    """Return what a result's repr says: its size and, from back to front, its layers.

    Of each layer it says the index (from 0, as `softseg.SoftSegmentation.edit` takes it), the share of the
    photo's area, and the mean color as red, green and blue in hexadecimal digits, as in HTML.

    Parameters
    ----------
    result : LayerStack
        K layers.

    Returns
    -------
    str
        K + 1 lines.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import segment
    >>> image = np.zeros((20, 30, 3)); image[:, 12:] = (1, 0.8, 0)
    >>> segment(image, n_layers=2)
    <SoftSegmentation: 2 layers of 30x20 pixels, from back to front
      [...]  ...%  #f...
      [...]  ...%  #0...>
    """
    height, width, count = result.alphas.shape
    areas = result.alphas.mean(axis=(0, 1), dtype=float)
    lines = [
        f"<{type(result).__name__}: {count} layer{'s' * (count > 1)} of {width}x{height} pixels, "
        "from back to front",
        *(f"  [{k}] {areas[k]:6.1%}  {_format_mean_color(result, k)}" for k in result.order),
    ]
    return "\n".join(lines).rstrip() + ">"


def _format_mean_color(result: LayerStack, layer: int) -> str:
    """Return a layer's mean color, or nothing if the layer is empty.

    It is the mean of the photo where the layer is, not of the layer's own colors, which take long to find.
    """
    alpha = result.alphas[..., layer]
    if not alpha.any():
        return ""
    mean = np.einsum("hw,hwc->c", alpha, result.image, dtype=float) / alpha.sum(dtype=float)
    return "#" + eight_bits(mean).tobytes().hex()
