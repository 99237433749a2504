"""Layers found at working size, finished at the photo's own: carried up, then relaxed tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float32

from softseg.affinity import MattingAffinity
from softseg.grid import Stencil
from softseg.sparsify.relaxed_stage import LayerPreconditioner, relaxed_on
from softseg.sparsify.simplex import project_to_simplex
from softseg.upsampling.affine import ColorModels

TILE = 256  # pixels along a side: a tile's working memory then stays in a processor's cache
MARGIN = 16  # pixels of surroundings that a tile is solved with


def carried_up(
    grouped: Float[np.ndarray, "h w K"],
    small: Float[np.ndarray, "h w 3"],
    image: Float[np.ndarray, "H W 3"],
    preconditioner: LayerPreconditioner | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Float32[np.ndarray, "H W K"]:
    """Return the layers of a photo from the grouped layers of its shrunken copy.

    The grouped layers are carried up by local affine colour models, and the relaxed stage runs at full size,
    on tiles that overlap. Its Laplacian is that of the matting affinity alone. What links superpixels acts
    through the eigenvectors, which the grouped layers were made of: in the relaxed stage it moves alphas by
    about 1e-4.

    Parameters
    ----------
    grouped : ndarray, shape (h, w, K)
        The grouped layers of the small photo. Not relaxed ones: relaxing twice sharpens soft edges twice.
    small : ndarray, shape (h, w, 3)
        The shrunken photo, float in [0, 1].
    image : ndarray, shape (H, W, 3)
        The photo, at least 3x3 pixels.
    preconditioner : LayerPreconditioner, optional
        Of the relaxed stage.
    progress : callable, optional
        Called as ``progress(done, total)`` before each tile, and at the end. What it raises stops the work.

    Returns
    -------
    ndarray, shape (H, W, K)
        Float32, on the simplex: each in [0, 1], summing to one.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.upsampling import carried_up
    >>> image = np.zeros((12, 16, 3)); image[:, 9:] = 1        # the edge cuts through a small pixel
    >>> small = image.reshape(6, 2, 8, 2, 3).mean(axis=(1, 3))
    >>> alphas = carried_up(np.stack([small[:, :, 0], 1 - small[:, :, 0]], axis=2), small, image)
    >>> bool(np.allclose(alphas[:, :, 0], image[:, :, 0], atol=0.01))
    True
    """
    models = ColorModels.fitted(grouped, small)
    result = np.empty((*image.shape[:2], grouped.shape[2]), np.float32)
    tiles = list(_tiles(*image.shape[:2]))
    for done, (rows, columns) in enumerate(tiles):
        if progress is not None:
            progress(done, len(tiles))
        around = _grown(rows, image.shape[0]), _grown(columns, image.shape[1])
        colors = np.ascontiguousarray(image[around])
        stencil = Stencil.of_half_stencil(MattingAffinity().half_stencil(colors))
        finished = relaxed_on(stencil, models.alphas(image, *around), colors, preconditioner)
        inside = _within(rows, around[0]), _within(columns, around[1])
        result[rows, columns] = project_to_simplex(finished[inside])
    if progress is not None:
        progress(len(tiles), len(tiles))
    return result


def _tiles(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of tiles of about one size that cut the photo, row after row."""
    for rows in _cuts(height):
        for columns in _cuts(width):
            yield rows, columns


def _cuts(length: int) -> list[slice]:
    count = -(-length // TILE)
    ends = [length * i // count for i in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(ends)]


def _grown(part: slice, length: int) -> slice:
    return slice(max(part.start - MARGIN, 0), min(part.stop + MARGIN, length))


def _within(part: slice, around: slice) -> slice:
    return slice(part.start - around.start, part.stop - around.start)
