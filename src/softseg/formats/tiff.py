"""A result's alphas as the pages of a TIFF, with 16 bits each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from softseg._files import whole_files
from softseg.formats.blending import layer_names
from softseg.formats.rounding import rounded_opacities
from softseg.progress import tick

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# Where a page's name stands (TIFF 6.0, section 12), and what is a text there.
PAGE_NAME, TEXT = 285, 2
# The most bytes of pages in a classic TIFF, whose offsets have 32 bits; what else is in it gets the 64 MiB
# that are left free. Compressed pages are smaller, hardly ever larger.
CLASSIC = 2**32 - 2**26


def save_tiff(path: Path, result: Decomposition) -> None:
    """Write each layer's alpha as a gray page of 16 bits, named ``layer 1``, ``layer 2``, ... in this order.

    Alphas are rounded so that the pages sum to exactly 65535 at every pixel. Pages are compressed without
    loss: deflate, with horizontal differences. More than 4 GB of them make a BigTIFF.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there.
    result : SoftSegmentation
        What to write.

    Examples
    --------
    >>> from softseg import segment
    >>> segment("photo.jpg").save("alphas.tif")  # doctest: +SKIP
    """
    from tifffile import TiffWriter

    opacities = rounded_opacities(result.alphas, np.uint16)
    names = layer_names(range(opacities.shape[2]))
    with (
        whole_files(path.parent) as scratch,
        TiffWriter(scratch / path.name, bigtiff=opacities.nbytes > CLASSIC) as file,
    ):
        for layer, name in enumerate(names):
            tick()
            file.write(
                np.ascontiguousarray(opacities[:, :, layer]),
                photometric="minisblack",
                compression="adobe_deflate",
                predictor=True,
                metadata=None,  # plain pages, without tifffile's own description of them
                software="softseg",
                extratags=[(PAGE_NAME, TEXT, None, name, True)],
            )
