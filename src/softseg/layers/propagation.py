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

# How strongly a stroke pulls each of its pixels to the stroke's strength, as a weight in the energy: about as
# strongly as the pixel's neighbors do, whose affinities sum to one. Chosen by the project's own tests.
STROKE = 1.0
# How strongly all pixels together are pulled to 0, no edit, as a weight in the energy: the smaller, the
# farther edits reach. Chosen by the project's own tests.
REST = 2.0


def propagate(result: Decomposition, strokes: Any, values: Any) -> Float32[np.ndarray, "H W"]:
    """Spread the strengths of an edit from sparse strokes over everything alike.

    The strengths x minimize, at working size,
    ``x' L+ x + sum over stroke pixels of (x - v)^2 + 2 * mean x^2``, where v are the strokes' strengths and
    L+ is the Laplacian with its few negative eigenvalues, the semantic cuts, raised to zero: a cut costs
    nothing. What is unlike all strokes comes out near 0, and so unedited; give a stroke of strength 0 to keep
    a region from the edit for sure. The photo's own size is reached by local affine models of its colors.

    Parameters
    ----------
    result : SoftSegmentation
        The decomposed photo.
    strokes : array_like of int, shape (H, W)
        0 where there is no stroke; 1 .. n are the strokes.
    values : array_like, shape (n,)
        The strength of each stroke, in any unit; 0 is no edit.

    Returns
    -------
    ndarray, shape (H, W)
        The strength at each pixel, float32. It lies between the smallest and the largest of the given
        strengths and 0.

    Raises
    ------
    TypeError, ValueError
        In one line that names the argument, if the strokes are not integers of the photo's size, there are
        none or not as many as values, or a value is not finite or exceeds single precision; if the Laplacian
        is not known (see `SoftSegmentation.laplacian`); or if its system cannot be solved, where the
        affinities are extreme.

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
    given = _check_values(values)
    # A power of two changes no digit, and keeps squares of huge and tiny strengths finite.
    _, exponent = np.frexp(np.abs(given).max())
    strengths = np.ldexp(given, -exponent)
    labels = _check_strokes(strokes, result.image.shape[:2], len(strengths))
    weights, wanted = _shrink_strokes(labels, strengths, result.scene.shape)
    matrix = result.laplacian.matrix + sparse.diags_array(weights + REST / weights.size)
    matrix.sort_indices()
    raised = partial(_multiply_cuts, result.eigenpairs)
    try:
        solution = solve_on_grid(sparse.csr_array(matrix), weights * wanted, result.scene.shape, raised)
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"result: the system of its Laplacian cannot be solved ({error}); segment again with affinities "
            "whose weights differ less, with more eigenvectors, or with eigensolver='ShiftInvert'"
        ) from None
    spread = solution.reshape(result.scene.shape)
    if result.scene.shape != result.image.shape[:2]:
        spread = upsample(spread[..., None], result.scene.image, result.image)[..., 0]
    # The matting term lets values overshoot where colors do.
    spread = np.clip(spread, strengths.min(initial=0), strengths.max(initial=0))
    return np.ldexp(spread, exponent).astype(np.float32)


def _multiply_cuts(pairs: Eigenpairs, x: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """Return ``(L+ - L) x``: what raises the negative eigenvalues to zero.

    Where even the largest known eigenvalue is negative, others may be that are not known. They lie between it
    and zero, so that raising all of them by as much leaves none negative.
    """
    unknown = max(-float(pairs.values[-1]), 0.0)
    negative = pairs.values < 0
    vectors = pairs.vectors[:, negative]
    return unknown * x + vectors @ ((-pairs.values[negative] - unknown) * (vectors.T @ x))


def _shrink_strokes(
    strokes: Int[np.ndarray, "H W"], values: Float64[np.ndarray, " n"], shape: tuple[int, int]
) -> tuple[Float64[np.ndarray, " N"], Float64[np.ndarray, " N"]]:
    """Return each working pixel's weight, and the mean strength of the stroke pixels that fall on it.

    A working pixel has the whole weight however little of it a stroke covers, because strokes may be thinner
    than the pixels of a shrunken photo.
    """
    y, x = np.nonzero(strokes)
    pixels = (y * shape[0] // strokes.shape[0]) * shape[1] + x * shape[1] // strokes.shape[1]
    counts = np.bincount(pixels, minlength=shape[0] * shape[1])
    sums = np.bincount(pixels, values[strokes[y, x] - 1], minlength=shape[0] * shape[1])
    return STROKE * (counts > 0), sums / np.maximum(counts, 1)


def _check_values(values: Any) -> Float64[np.ndarray, " n"]:
    try:
        strengths = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"values: expected numbers, got {values!r:.40}") from None
    if strengths.ndim != 1 or strengths.size == 0:
        raise ValueError(f"values: expected one number for each stroke, got shape {strengths.shape}")
    if not np.isfinite(strengths).all():
        raise ValueError("values: expected finite numbers, got NaN or infinity")
    largest = float(np.abs(strengths).max())
    if largest > np.finfo(np.float32).max:
        raise ValueError(f"values: expected numbers of at most 3.4e+38, got {largest:.3g}")
    return strengths


def _check_strokes(strokes: Any, shape: tuple[int, ...], count: int) -> Int[np.ndarray, "H W"]:
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
