"""A result as a layered Photoshop file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from softseg._files import whole_files
from softseg.formats.rounding import (
    OPAQUE,
    nearest_colors,
    over_opacities,
    rounded_opacities,
    shares_when_over,
)
from softseg.images import eight_bits

if TYPE_CHECKING:
    from psd_tools import PSDImage

    from softseg.layers.stack import Decomposition

# What ``blend`` may be.
BLENDS = ("add", "normal")


def save_psd(path: Path, result: Decomposition, blend: str = "add") -> None:
    """Write the layers, named ``layer 1``, ``layer 2``, ..., from back to front in the result's order.

    Each layer has straight colors and its opacity as transparency, 8 bits each. Together they show the photo,
    up to half a step of 255: opacities are rounded so that they add up, and colors are then changed as little
    as can be to make up for the rounding.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there.
    result : SoftSegmentation
        What to write.
    blend : {"add", "normal"}
        ``"add"``: the opacities are the layers' alphas. Each layer lies over black in a group of its own, and
        the groups add up (linear dodge) on a black base. ``"normal"``: each layer covers those behind it,
        with the opacities that show the photo that way; only the front layer's is its alpha.

    Raises
    ------
    ValueError
        If ``blend`` is neither.

    Notes ----- The layers are in groups because linear dodge clips before it looks at transparency: backdrop
    B and color F with alpha a give ``(1 - a) B + a min(1, B + F)``, so two half transparent layers of white
    would make 3/4 of white. A group that is opaque, black under its layer, gives ``min(1, B + a F)``.

    Examples
    --------
    >>> from softseg import segment
    >>> segment("photo.jpg").save("photo.psd", blend="normal")  # doctest: +SKIP
    """
    if blend not in BLENDS:
        raise ValueError(f"blend: expected {' or '.join(map(repr, BLENDS))}, got {blend!r}")
    order = list(result.order)
    opacities = rounded_opacities(result.alphas[:, :, order])
    shares = opacities / np.float32(OPAQUE)
    if blend == "normal":
        opacities = over_opacities(opacities)
        shares = shares_when_over(opacities)
    colors = eight_bits(nearest_colors(result.image, shares, result.colors[:, :, order]))
    layers = {
        f"layer {layer + 1}": np.dstack([colors[:, :, place], opacities[:, :, place]])
        for place, layer in enumerate(order)
    }
    document = _stack_adding(layers) if blend == "add" else _stack_covering(layers)
    with whole_files(path.parent) as scratch:
        document.save(scratch / path.name)


def _stack_adding(layers: dict[str, np.ndarray]) -> PSDImage:
    """Return a document of named RGBA layers, from back to front, that add up."""
    from psd_tools.constants import BlendMode

    document = _make_document(layers)
    black = np.zeros((document.height, document.width, 3), dtype=np.uint8)
    document.create_pixel_layer_from_array(black, "black")
    for name, pixels in layers.items():
        group = document.create_group(name=name, blend_mode=BlendMode.LINEAR_DODGE, open_folder=False)
        group.create_pixel_layer_from_array(black, "black")
        group.create_pixel_layer_from_array(pixels, name)
    return document


def _stack_covering(layers: dict[str, np.ndarray]) -> PSDImage:
    """Return a document of named RGBA layers, from back to front, each over those before it."""
    document = _make_document(layers)
    for name, pixels in layers.items():
        document.create_pixel_layer_from_array(pixels, name)
    return document


def _make_document(layers: dict[str, np.ndarray]) -> PSDImage:
    from psd_tools import PSDImage

    height, width, _ = next(iter(layers.values())).shape
    return PSDImage.new("RGB", (width, height))
