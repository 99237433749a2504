"""Natural image matting: the soft edge of an object from a trimap, by the Laplacian of the soft layers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int
from PIL import Image
from scipy import sparse

from softseg._checks import check_instance
from softseg.affinity import Affinity
from softseg.affinity.default import AFFINITY
from softseg.grid.direct import factorize_symmetric, has_only_positive_pivots
from softseg.grid.links import are_near
from softseg.grid.solver import solve_on_grid
from softseg.images import as_image
from softseg.scene import Scene

# A trimap's values above this are foreground, and those below 1 minus this are background. They need not be
# exactly 1 and 0, because JPEG files blur them. Chosen by the project.
SURE = 0.9

# Up to this many unknown pixels, a general sparse factorization is faster than a nested dissection of their
# bounding box, which does not gain from the known pixels in the box. Chosen by the project:
# docs/selection.md.
MOST_DIRECT = 30_000


def matte(image: Any, trimap: Any, affinity: Affinity | None = None) -> Float32[np.ndarray, "H W"]:
    """Return the alpha of an object, of which the trimap gives some pixels that are surely inside or outside.

    The alphas of the unknown pixels minimize ``alpha' L alpha``, with the known alphas given. With the
    matting affinity alone, this is closed-form matting. Negative affinities between far pixels are left out
    of L. They are not needed, because the trimap tells where the object is, and with them the energy often
    has no minimum (docs/selection.md).

    Parameters
    ----------
    image : path, PIL image, array_like of shape (H, W, 3), or Scene
        The photo; uint8, or float in [0, 1]. A `Scene` brings its features and superpixels.
    trimap : path, PIL image or array_like, shape (H, W)
        White (1, or 255 of uint8) where the object is opaque, black where it is absent, and gray where the
        alpha is unknown. Values above 0.9 count as white, and those below 0.1 as black.
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
        no background, or if the affinity does not define one matte of least energy. The latter happens where
        near pixels repel each other too strongly, or pixels lack links. The message has one line, which names
        the argument.

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
    system, right = _make_system(affinity.matrix(scene), alphas)
    try:
        if len(right) <= MOST_DIRECT:
            solution = _solve_directly(system, right)
        else:
            solution = _solve_on_bounding_box(system, right, unknown)
    except np.linalg.LinAlgError:
        raise ValueError(
            "affinity: no one matte has the least energy: unknown pixels repel each other, or lack links"
        ) from None
    alphas[unknown] = np.clip(solution, 0, 1)
    return alphas.astype(np.float32)


def _check_trimap(trimap: Any, shape: tuple[int, int]) -> Float64[np.ndarray, "H W"]:
    """Return the trimap as an array: 1 is foreground, 0 background, and 0.5 unknown."""
    if isinstance(trimap, (str, os.PathLike, Image.Image)):
        trimap = as_image(trimap, "trimap").mean(axis=2)
    values = np.asarray(trimap)
    if values.shape != shape:
        raise ValueError(f"trimap: expected shape {shape}, that of the image, got {values.shape}")
    if values.dtype == np.uint8:
        values = values / 255
    if not np.issubdtype(values.dtype, np.floating):
        raise TypeError(f"trimap: expected uint8, or floats in [0, 1], got {values.dtype}")
    if not (values.min() >= 0 and values.max() <= 1):  # also true if there is a NaN
        raise ValueError("trimap: expected floats in [0, 1]")
    sure = np.where(values > SURE, 1.0, np.where(values < 1 - SURE, 0.0, 0.5))
    for value, name in ((1, "foreground"), (0, "background")):
        if not (sure == value).any():
            raise ValueError(f"trimap: expected some {name} (pixels of {value}), got none")
    return sure


def _make_system(
    affinity: sparse.csr_array, alphas: Float64[np.ndarray, "H W"]
) -> tuple[sparse.csr_array, Float64[np.ndarray, " U"]]:
    """Return ``L_UU`` and ``-L_UK alpha_K``: U are the unknown pixels in row-major order, K the others."""
    unknown = ((alphas > 0) & (alphas < 1)).ravel()
    pixels = np.flatnonzero(unknown)
    rows = _drop_far_repulsion(affinity[pixels], pixels, alphas.shape[1])
    right = rows @ np.where(unknown, 0.0, alphas.ravel())  # L is -W off the diagonal
    system = sparse.diags_array(rows.sum(axis=1)) - rows[:, pixels]
    return sparse.csr_array(system), right


def _drop_far_repulsion(
    rows: sparse.csr_array, pixels: Int[np.ndarray, " U"], width: int
) -> sparse.csr_array:
    """Return the affinities of some pixels, with the negative ones to far pixels set to zero.

    Negative affinities to near pixels are kept. The matting affinity has some, and its Laplacian is still
    positive semidefinite.
    """
    repelling = np.flatnonzero(rows.data < 0)
    a, b = np.repeat(pixels, np.diff(rows.indptr))[repelling], rows.indices[repelling]
    far = ~are_near(a, b, width)
    data = rows.data.copy()
    data[repelling[far]] = 0
    return sparse.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)


def _solve_directly(system: sparse.csr_array, right: Float64[np.ndarray, " U"]) -> Float64[np.ndarray, " U"]:
    """Solve by a sparse factorization; raise a LinAlgError unless the matrix is positive definite."""
    try:
        factors = factorize_symmetric(system)
    except RuntimeError:
        raise np.linalg.LinAlgError("singular") from None
    if not has_only_positive_pivots(factors):
        raise np.linalg.LinAlgError("not positive definite")
    return factors.solve(right)


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
