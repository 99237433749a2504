"""A result's alphas as the pages of a TIFF, with 16 bits each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from softseg._files import whole_files
from softseg.formats.names import given_names, layer_names
from softseg.formats.rounding import rounded_opacities
from softseg.progress import tick

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# Where a page's name stands (TIFF 6.0, section 12), and what is a text there. Texts ought to be ASCII; what
# programs write and read where that is not enough is UTF-8.
PAGE_NAME, TEXT = 285, 2
# The most bytes of pages in a classic TIFF, whose offsets have 32 bits; what else is in it gets the 64 MiB
# that are left free. Compressed pages are smaller, hardly ever larger.
CLASSIC = 2**32 - 2**26


def save_tiff(path: Path, result: Decomposition, names: Iterable[str] | None = None) -> None:
    """Write each layer's alpha as a gray page of 16 bits with its name, in the order of ``result.alphas``.

    Alphas are rounded so that the pages sum to exactly 65535 at every pixel. Pages are compressed without
    loss: deflate, with horizontal differences. More than 4 GB of them make a BigTIFF.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there.
    result : SoftSegmentation
        What to write.
    names : iterable of str, optional
        What the pages are called, in the order of ``result.alphas``; in UTF-8. Default: the result's own
        names, or where the layers are (`softseg.formats.layer_names`).

    Raises
    ------
    TypeError, ValueError
        If the names are not one line of text for each layer, all different
        (`softseg.formats.names.checked_names`).

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from tifffile import imread
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> with TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/alphas.tif")
    ...     pages = imread(f"{folder}/alphas.tif")
    >>> pages.shape, pages.dtype.name, bool((pages.sum(axis=0) == 65535).all())
    ((3, 20, 30), 'uint16', True)
    """
    from tifffile import TiffWriter

    called = given_names(result, names) or layer_names(result)
    opacities = rounded_opacities(result.alphas, np.uint16)
    with (
        whole_files(path.parent) as scratch,
        TiffWriter(scratch / path.name, bigtiff=opacities.nbytes > CLASSIC) as file,
    ):
        for layer, name in enumerate(called):
            tick()
            file.write(
                np.ascontiguousarray(opacities[:, :, layer]),
                photometric="minisblack",
                compression="adobe_deflate",
                predictor=True,
                metadata=None,  # plain pages, without tifffile's own description of them
                software="softseg",
                extratags=[(PAGE_NAME, TEXT, None, name.encode(), True)],
            )
