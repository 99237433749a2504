"""A result as a folder of PNG files, one per layer."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from softseg._files import whole_files
from softseg.formats.color_space import OutputSpace
from softseg.images import eight_bits
from softseg.layers.stack import color_strips
from softseg.progress import tick

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition


# How zlib looks for repetitions: among neighbors only. Photos have no others, so that files are as large as
# with zlib's default, and take a third of the time (measured: docs/performance.md).
STRATEGY = zlib.Z_RLE


def save_png_folder(folder: Path, result: Decomposition, profile: str = "srgb") -> None:
    """Write each layer to ``layer_1.png``, ``layer_2.png``, ...: RGBA, 8 bits, straight alpha.

    Each file has its color profile in it.

    Parameters
    ----------
    folder : pathlib.Path
        It is made if need be. An earlier result's layers there are replaced, and those beyond this result's
        last one are removed, so that the folder holds one result.
    result : SoftSegmentation
        What to write.
    profile : {"srgb", "source"}
        The colors' profile: sRGB, or that of the photo's file, into which they are converted back; sRGB if it
        had none.

    Raises
    ------
    ValueError
        If ``profile`` is neither, or colors cannot be converted into that of the photo.

    Examples
    --------
    >>> from softseg import segment
    >>> segment("photo.jpg").save("layers")  # doctest: +SKIP
    """
    space = OutputSpace.of(result, profile)
    with whole_files(folder) as scratch:
        for number, layer in enumerate(_round(result, space), start=1):
            tick()
            Image.fromarray(layer).save(
                scratch / f"layer_{number}.png", compress_type=STRATEGY, icc_profile=space.profile
            )
    for file in folder.glob("layer_*.png"):
        match = re.fullmatch(r"layer_([1-9][0-9]*)\.png", file.name)
        if match and int(match[1]) > result.alphas.shape[2]:
            file.unlink()


def _round(result: Decomposition, space: OutputSpace) -> UInt8[np.ndarray, "K H W 4"]:
    """Return each layer's colors and alpha in 8 bits."""
    height, width, count = result.alphas.shape
    pixels = np.empty((count, height, width, 4), dtype=np.uint8)
    for rows, colors in color_strips(result):
        _, colors = space.converted(result.image[rows], result.alphas[rows], colors)
        pixels[:, rows, :, :3] = np.moveaxis(eight_bits(colors), 2, 0)
        pixels[:, rows, :, 3] = np.moveaxis(eight_bits(result.alphas[rows]), 2, 0)
    return pixels
