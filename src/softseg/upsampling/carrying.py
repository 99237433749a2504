"""Finishing layers at the photo's own size: they are carried up to it, then relaxed tile by tile."""

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

# The most pixels along a side of a tile, so that a tile's working memory stays in a processor's cache.
# Measured: docs/notes/performance.md, "Carrying layers up".
TILE = 256

# Pixels around a tile that are solved along with it and then cut off. Measured:
# docs/notes/performance.md, "Carrying layers up".
TILE_MARGIN = 16


def carried_up(
    grouped: Float[np.ndarray, "h w K"],
    small: Float[np.ndarray, "h w 3"],
    image: Float[np.ndarray, "H W 3"],
    preconditioner: LayerPreconditioner | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Float32[np.ndarray, "H W K"]:
    """Return the layers of a photo from the grouped layers of its shrunken copy.

    The grouped layers are carried up by local affine color models. Then the relaxed stage runs at full size,
    on tiles that overlap, with the Laplacian of the matting affinity alone. The affinities between
    superpixels are left out, because they act through the eigenvectors, of which the grouped layers are made.
    In the relaxed stage they would change the alphas only by about 1e-4 (docs/notes/performance.md,
    "Carrying layers up").

    Parameters
    ----------
    grouped : ndarray, shape (h, w, K)
        The grouped layers of the small photo, before the relaxed stage. Relaxed layers would be relaxed
        twice, which makes soft edges too sharp.
    small : ndarray, shape (h, w, 3)
        The shrunken photo, float in [0, 1].
    image : ndarray, shape (H, W, 3)
        The photo, float in [0, 1], of at least 3x3 pixels.
    preconditioner : LayerPreconditioner, optional
        The preconditioner of the relaxed stage. The default is that of `softseg.sparsify.relaxed`.
    progress : callable, optional
        It is called as ``progress(done, total)`` before each tile and at the end. An exception that it raises
        stops the work.

    Returns
    -------
    ndarray, shape (H, W, K)
        Float32. Each is in [0, 1], and they sum to one at each pixel.

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
    tiles = list(_cut_tiles(*image.shape[:2]))
    for done, (rows, columns) in enumerate(tiles):
        if progress is not None:
            progress(done, len(tiles))
        around = _widen(rows, image.shape[0]), _widen(columns, image.shape[1])
        colors = np.ascontiguousarray(image[around])
        stencil = Stencil.of_half_stencil(MattingAffinity().half_stencil(colors))
        finished = relaxed_on(stencil, models.alphas(image, *around), colors, preconditioner)
        inside = _shift_into(rows, around[0]), _shift_into(columns, around[1])
        result[rows, columns] = project_to_simplex(finished[inside])
    if progress is not None:
        progress(len(tiles), len(tiles))
    return result


def _cut_tiles(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of each tile. Tiles of nearly equal sizes cover the photo, row after row."""
    for rows in _cut_evenly(height):
        for columns in _cut_evenly(width):
            yield rows, columns


def _cut_evenly(length: int) -> list[slice]:
    """Cut ``length`` pixels into as few nearly equal parts as TILE allows."""
    count = -(-length // TILE)
    ends = [length * i // count for i in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(ends)]


def _widen(part: slice, length: int) -> slice:
    """Add the margin to both sides of a part, as far as the ``length`` pixels go."""
    return slice(max(part.start - TILE_MARGIN, 0), min(part.stop + TILE_MARGIN, length))


def _shift_into(part: slice, around: slice) -> slice:
    """Return where the part lies in its widened surroundings."""
    return slice(part.start - around.start, part.stop - around.start)
