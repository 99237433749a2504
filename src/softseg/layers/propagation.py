"""Edit propagation: the strength of an edit, given on a few strokes, spread over everything alike."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Float64, Int
from scipy import sparse

from softseg.grid.solver import solve_on_grid
from softseg.upsampling import upsample

if TYPE_CHECKING:
    from softseg.eigen import Eigenpairs
    from softseg.layers.stack import Decomposition

STROKE = 1.0  # a stroke's pull on its pixels: about that of a pixel's neighbours, whose affinities sum to one
REST = 2.0  # the pull of all pixels together to 0, no edit: the smaller, the farther edits reach


def propagate(result: Decomposition, strokes: Any, values: Any) -> Float32[np.ndarray, "H W"]:
    """Spread the strengths of an edit from sparse strokes over everything alike.

    Minimises ``x' L+ x + sum over stroke pixels of (x - v)^2 + rest * mean x^2`` at working size, L+ the
    Laplacian with its few negative eigenvalues, the semantic cuts, raised to zero: a cut costs nothing. What
    is unlike all strokes comes out near 0, and so unedited; give a stroke of strength 0 to keep a region from
    the edit for sure. The photo's own size is reached by local affine models of its colors.

    Parameters
    ----------
    result : SoftSegmentation
        Of the photo.
    strokes : array_like of int, shape (H, W)
        0 where there is no stroke; 1 .. n are the strokes.
    values : array_like, shape (n,)
        The strength of each, in any unit; 0 is no edit.

    Returns
    -------
    ndarray, shape (H, W)
        Float32; at most as strong, either way, as the strongest stroke or 0.

    Raises
    ------
    TypeError, ValueError
        In one line, naming the argument, if the strokes are not integers of the photo's size, there are none
        or not as many as values, or a value is not finite; or if the Laplacian is not known (see
        `SoftSegmentation.laplacian`).

    References
    ----------
    Levin, Lischinski, Weiss, "Colorization using Optimization", SIGGRAPH 2004; An and Pellacini, "AppProp:
    All-Pairs Appearance-Space Edit Propagation", SIGGRAPH 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import segment
    >>> image = np.zeros((20, 30, 3)); image[:, 12:] = (1, 0.8, 0)
    >>> strokes = np.zeros((20, 30), int); strokes[4:16, 15:25] = 1
    >>> strengths = segment(image, n_layers=2).propagate(strokes, [0.5])
    >>> bool(np.allclose(strengths[:, 13:], 0.5, atol=0.02)), bool(np.abs(strengths[:, :11]).max() < 0.02)
    (True, True)
    """
    strengths = _checked_values(values)
    labels = _checked_strokes(strokes, result.image.shape[:2], len(strengths))
    weights, wanted = _at_working_size(labels, strengths, result.scene.shape)
    matrix = result.laplacian.matrix + sparse.diags_array(weights + REST / weights.size)
    matrix.sort_indices()
    raised = partial(_times_cuts, result.eigenpairs)
    solution = solve_on_grid(sparse.csr_array(matrix), weights * wanted, result.scene.shape, raised)
    spread = solution.reshape(result.scene.shape)
    if result.scene.shape != result.image.shape[:2]:
        spread = upsample(spread[..., None], result.scene.image, result.image)[..., 0]
    # The matting term lets values overshoot where colors do.
    return np.clip(spread, strengths.min(initial=0), strengths.max(initial=0)).astype(np.float32)


def _times_cuts(pairs: Eigenpairs, x: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """Return ``(L+ - L) x``: what raises the negative eigenvalues to zero."""
    negative = pairs.values < 0
    vectors = pairs.vectors[:, negative]
    return vectors @ (-pairs.values[negative] * (vectors.T @ x))


def _at_working_size(
    strokes: Int[np.ndarray, "H W"], values: Float64[np.ndarray, " n"], shape: tuple[int, int]
) -> tuple[Float64[np.ndarray, " N"], Float64[np.ndarray, " N"]]:
    """Return each working pixel's weight, and the mean strength of the stroke pixels that fall on it.

    However little of it a stroke covers, the whole weight: strokes are thinner than shrunken pixels.
    """
    y, x = np.nonzero(strokes)
    pixels = (y * shape[0] // strokes.shape[0]) * shape[1] + x * shape[1] // strokes.shape[1]
    counts = np.bincount(pixels, minlength=shape[0] * shape[1])
    sums = np.bincount(pixels, values[strokes[y, x] - 1], minlength=shape[0] * shape[1])
    return STROKE * (counts > 0), sums / np.maximum(counts, 1)


def _checked_values(values: Any) -> Float64[np.ndarray, " n"]:
    try:
        strengths = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"values: expected numbers, got {values!r:.40}") from None
    if strengths.ndim != 1 or strengths.size == 0:
        raise ValueError(f"values: expected one number for each stroke, got shape {strengths.shape}")
    if not np.isfinite(strengths).all():
        raise ValueError("values: expected finite numbers, got NaN or infinity")
    return strengths


def _checked_strokes(strokes: Any, shape: tuple[int, ...], count: int) -> Int[np.ndarray, "H W"]:
    labels = np.asarray(strokes)
    if labels.shape != shape:
        raise ValueError(f"strokes: expected shape {shape}, that of the photo, got {labels.shape}")
    if labels.dtype == bool:
        labels = labels.astype(np.int64)
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"strokes: expected integers, 0 for no stroke, got {labels.dtype}")
    if labels.max() < 1:
        raise ValueError("strokes: expected at least one stroke, got none")
    if labels.min() < 0 or labels.max() > count:
        raise ValueError(
            f"strokes: expected numbers from 0 to {count}, one for each value, "
            f"got {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int64)
