"""A result as a folder of PNG files, one per layer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from softseg._files import whole_files
from softseg.images import eight_bits

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition


def save_png_folder(folder: Path, result: Decomposition) -> None:
    """Write each layer to ``layer_1.png``, ``layer_2.png``, ...: RGBA, 8 bits, straight alpha.

    Parameters
    ----------
    folder : pathlib.Path
        It is made if need be. An earlier result's layers there are replaced, and those beyond this result's
        last one are removed, so that the folder holds one result.
    result : SoftSegmentation
        What to write.

    Examples
    --------
    >>> from softseg import segment
    >>> segment("photo.jpg").save("layers")  # doctest: +SKIP
    """
    with whole_files(folder) as scratch:
        for number, layer in enumerate(result.rgba, start=1):
            Image.fromarray(eight_bits(layer)).save(scratch / f"layer_{number}.png")
    for file in folder.glob("layer_*.png"):
        match = re.fullmatch(r"layer_([1-9][0-9]*)\.png", file.name)
        if match and int(match[1]) > len(result.rgba):
            file.unlink()
