"""Compiling all kernels ahead of the first photo."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np


def warm_up() -> None:
    """Compile all kernels now, and keep them for later processes, so that no photo has to wait for that.

    Kernels are otherwise compiled when they are first needed, which takes the first run some ten seconds
    more. Compiled kernels are kept beside the installed package, or in the user's cache folder if that cannot
    be written, or in the folder that the environment variable ``NUMBA_CACHE_DIR`` names. Call this when a
    container's image is built, or before many processes start at once.

    Examples
    --------
    >>> import softseg
    >>> softseg.warm_up()  # doctest: +SKIP
    """
    # Everything that has kernels is run once, on a small picture. What is heavy is imported only now.
    from softseg.affinity import MattingAffinity
    from softseg.matting import matte
    from softseg.refinement import refine
    from softseg.segmentation import segment

    rows, columns = np.mgrid[:50, :70]
    image = np.stack([(rows + columns) % 50 / 50, rows / 50, np.where(columns < 30, 0.2, 0.8)], axis=2)
    result = segment(image, n_layers=2)
    result.select(point=(10, 10))
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".ora", ".tif", ".npz"):  # those that need no further package
            result.save(Path(folder, f"layers{suffix}"))
        loaded = type(result).load(Path(folder, "layers.npz"))
    loaded.colors, loaded.laplacian  # noqa: B018  # computed when first asked for
    segment(image, features="low-level", n_layers=2, working_pixels=image.shape[0] * image.shape[1] // 2)
    refine(image, columns < 30)
    large = np.tile(image, (4, 3, 1))  # so many unknown pixels that the grid's own solver is used
    trimap = np.full(large.shape[:2], 0.5)
    trimap[:, 0], trimap[:, -1] = 1, 0
    matte(large, trimap, MattingAffinity())
