"""Natural image matting: the soft edge of an object from a trimap, by the Laplacian of the soft layers."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64
from PIL import Image
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from softseg._checks import check_instance
from softseg.affinity import Affinity, without_repulsion
from softseg.affinity.default import AFFINITY
from softseg.grid.direct import factorize_symmetric, has_only_positive_pivots
from softseg.grid.solver import solve_on_grid
from softseg.images import as_image
from softseg.scene import Scene

# A trimap's values above this are foreground, and those below 1 minus this are background. They need not be
# exactly 1 and 0, because JPEG files blur them. Chosen by the project.
SURE = 0.9

# What white, the surest foreground, may be where a trimap has whole numbers above 1: 0, 1, 2 number the three
# kinds of pixels, and the others are pictures of 8 and of 16 bits.
WHITES = (2, 255, 65535)

# What is added to the diagonal of a system whose smallest eigenvalue drowns in rounding, as a share of its
# largest entry: a few units of rounding at first, and more by a factor until it is enough. Chosen by the
# project.
FIRST_LIFT = 1e-15
LIFT_GROWTH = 10.0

# How far beyond 0 and 1 numbers may lie that were computed, such as those of a resized trimap. Chosen by the
# project.
ROUNDING = 1e-6

# What errors say about the numbers of a trimap.
TRIMAPS = (
    "a trimap has floats or integers from 0 to 1, whole numbers 0, 1, 2, or grays 0 to 255 or 0 to 65535"
)

# Up to this many unknown pixels, a general sparse factorization is faster than a nested dissection of their
# bounding box, which does not gain from the known pixels in the box. Chosen by the project:
# docs/notes/selection.md.
MOST_DIRECT = 30_000


def matte(image: Any, trimap: Any, affinity: Affinity | None = None) -> Float32[np.ndarray, "H W"]:
    """Return the alpha of an object, of which the trimap gives some pixels that are surely inside or outside.

    The alphas of the unknown pixels minimize ``alpha' L alpha``, with the known alphas given. With the
    matting affinity alone, this is closed-form matting. Repulsion between superpixels is left out of L. It is
    not needed, because the trimap tells where the object is, and with it the energy often has no minimum
    (docs/notes/selection.md). So is that of other terms whose own Laplacian has a negative eigenvalue
    (`softseg.affinity.without_repulsion`).

    Parameters
    ----------
    image : path, PIL image, array_like of shape (H, W, 3), or Scene
        The photo; uint8, or float in [0, 1]. A `Scene` brings its features and superpixels.
    trimap : path, PIL image or array_like, shape (H, W)
        White where the object is opaque, black where it is absent, and gray where the alpha is unknown. White
        is 1 where no number is larger, also of integers, and of booleans nothing is unknown. Whole numbers up
        to 2 are 0, background, 1, unknown, and 2, foreground; other whole numbers are grays of 8 or of 16
        bits. Above 0.9 of white counts as white, and below 0.1 as black.
    affinity : Affinity, optional
        The default is ``MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()``.

    Returns
    -------
    ndarray, shape (H, W)
        Float32 in [0, 1], and exactly 0 or 1 where the trimap is black or white.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        If an argument is not as above, if the trimap has another size than the photo or has no foreground or
        no background, or if the given affinity links some unknown pixel to no known one. The message has one
        line, which names the argument.

    References
    ----------
    Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting", PAMI 2008; Grady et al.,
    "Random Walks for Interactive Alpha-Matting", VIIP 2005 (known pixels eliminated).

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import MattingAffinity
    >>> from softseg.matting import matte
    >>> ramp = np.clip((np.arange(20) - 7) / 6, 0, 1)
    >>> image = np.tile(ramp[:, None], (9, 1, 3))               # black to white
    >>> trimap = np.tile(np.where(np.arange(20) < 4, 0, np.where(np.arange(20) > 15, 1, 0.5)), (9, 1))
    >>> bool(np.allclose(matte(image, trimap, MattingAffinity()), ramp, atol=1e-3))
    True
    """
    scene = image if isinstance(image, Scene) else Scene(image)
    affinity = AFFINITY if affinity is None else check_instance("affinity", affinity, Affinity)
    alphas = _check_trimap(trimap, scene.shape)
    unknown = (alphas > 0) & (alphas < 1)
    if not unknown.any():
        return alphas.astype(np.float32)
    system, right = _make_system(without_repulsion(affinity, scene), alphas)
    alphas[unknown] = np.clip(solve_unknown(system, right, unknown), 0, 1)
    return alphas.astype(np.float32)


def _check_trimap(trimap: Any, shape: tuple[int, int]) -> Float64[np.ndarray, "H W"]:
    """Return the trimap as an array: 1 is foreground, 0 background, and 0.5 unknown."""
    values = _scale_trimap(_read_trimap(trimap, shape))
    sure = np.where(values > SURE, 1.0, np.where(values < 1 - SURE, 0.0, 0.5))
    for value, name in ((1, "foreground"), (0, "background")):
        if not (sure == value).any():
            raise ValueError(f"trimap: expected some {name} (pixels of {value}), got none; {TRIMAPS}")
    return sure


def _read_trimap(trimap: Any, shape: tuple[int, int]) -> np.ndarray:
    """Return a trimap's numbers, one for each pixel, as they were given."""
    if isinstance(trimap, (str, os.PathLike, Image.Image)):
        gray = as_image(trimap, "trimap").mean(axis=2)
        levels = np.rint(255 * gray)
        # A picture whose brightest gray is 2 of 255 holds numbers, not grays.
        trimap = levels if levels.max() <= 2 and np.allclose(levels, 255 * gray) else gray
    values = np.asarray(trimap)
    if values.ndim == 3 and values.shape[2] in (1, 3) and (values == values[..., :1]).all():
        values = values[..., 0]  # a gray picture, as many libraries load it
    if values.shape != shape:
        raise ValueError(f"trimap: expected shape {shape}, that of the image, got {values.shape}")
    if values.dtype == bool or np.issubdtype(values.dtype, np.integer):
        return values.astype(np.float64)
    if not np.issubdtype(values.dtype, np.floating):
        raise TypeError(f"trimap: expected numbers, got {values.dtype}; {TRIMAPS}")
    return values.astype(np.float64)


def _scale_trimap(values: Float64[np.ndarray, "H W"]) -> Float64[np.ndarray, "H W"]:
    """Return a trimap's numbers on a scale from 0, background, to 1, foreground."""
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"trimap: expected finite numbers, got NaN or infinity; {TRIMAPS}")
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        return values
    if low >= 0 and (values == np.rint(values)).all():
        for white in WHITES:
            if SURE * white < high <= white:
                return values / white
    raise ValueError(f"trimap: cannot tell what its numbers from {low:g} to {high:g} mean; {TRIMAPS}")


def _check_links(rows: sparse.csr_array, unknown: Bool[np.ndarray, " N"]) -> None:
    """Raise a ValueError if an unknown pixel has no path of links to a known one."""
    n = unknown.size
    links = rows.tocoo()
    linked = links.data != 0
    pixels = np.flatnonzero(unknown)
    # All known pixels are one node, the last: their alphas are given, whatever links them.
    nodes = np.where(unknown, np.arange(n), n)
    graph = sparse.coo_array(
        (linked[linked], (pixels[links.row[linked]], nodes[links.col[linked]])), shape=(n + 1, n + 1)
    )
    labels = connected_components(graph, directed=False)[1]
    apart = int(np.count_nonzero(labels[pixels] != labels[n]))
    if apart:
        raise ValueError(
            f"affinity: links {apart} of {pixels.size} unknown pixels to no pixel that the trimap gives; "
            "add MattingAffinity(), which links all neighbors"
        )


def _make_system(
    affinity: sparse.csr_array, alphas: Float64[np.ndarray, "H W"]
) -> tuple[sparse.csr_array, Float64[np.ndarray, " U"]]:
    """Return ``L_UU`` and ``-L_UK alpha_K``: U are the unknown pixels in row-major order, K the others."""
    unknown = ((alphas > 0) & (alphas < 1)).ravel()
    pixels = np.flatnonzero(unknown)
    rows = affinity[pixels]
    _check_links(rows, unknown)
    right = rows @ np.where(unknown, 0.0, alphas.ravel())  # L is -W off the diagonal
    system = sparse.diags_array(rows.sum(axis=1)) - rows[:, pixels]
    return sparse.csr_array(system), right


def solve_unknown(
    system: sparse.csr_array, right: Float64[np.ndarray, " U"], unknown: Bool[np.ndarray, "H W"]
) -> Float64[np.ndarray, " U"]:
    """Solve a system that is positive definite, but for rounding."""
    if len(right) > MOST_DIRECT:
        try:
            return _solve_on_bounding_box(system, right, unknown)
        except np.linalg.LinAlgError:  # the weights of a given affinity differ too much for the iteration
            pass
    return _solve_directly(system, right)


def _solve_directly(system: sparse.csr_array, right: Float64[np.ndarray, " U"]) -> Float64[np.ndarray, " U"]:
    """Solve by a sparse factorization; where rounding makes the matrix indefinite, lift its diagonal."""
    lift = 0.0
    while True:
        try:
            factors = factorize_symmetric(system + lift * sparse.eye_array(len(right)))
        except RuntimeError:  # singular
            pass
        else:
            if has_only_positive_pivots(factors):
                return factors.solve(right)
        lift = max(LIFT_GROWTH * lift, FIRST_LIFT * float(system.diagonal().max()))


def _solve_on_bounding_box(
    system: sparse.csr_array, right: Float64[np.ndarray, " U"], unknown: Bool[np.ndarray, "H W"]
) -> Float64[np.ndarray, " U"]:
    """Solve by nested dissection of the unknown pixels' bounding box, with x = 0 for the known ones in it."""
    rows, columns = (np.flatnonzero(unknown.any(axis=axis)) for axis in (1, 0))
    box = unknown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    free, entries = np.flatnonzero(box), system.tocoo()
    within = sparse.coo_array((entries.data, (free[entries.row], free[entries.col])), (box.size, box.size))
    whole = sparse.csr_array(within.tocsr() + sparse.diags_array((~box.ravel()).astype(np.float64)))
    whole.sort_indices()
    padded = np.zeros(box.size)
    padded[free] = right
    return solve_on_grid(whole, padded, box.shape)[free]
