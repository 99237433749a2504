"""Constrained sparsification: layers in the eigenvectors' span that are 0 or 1 wherever they can be.

Spectral Matting's sparse layers (Levin, Rav-Acha, Lischinski 2008, Section 5), started from a hard
clustering. Reweighted least squares; each iteration's system of all layers is eliminated block by block.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float, Int
from scipy import linalg

from softseg._checks import check_count
from softseg._threads import row_blocks, workers
from softseg.eigen.base import Eigenpairs

GAMMA = 0.8  # the sparsity norm's exponent
WEIGHT = 0.3**GAMMA
SMALLEST = 1e-10  # alphas this near to 0 or 1 count as this far from it
FAINT = 0.1  # layers that nowhere exceed this are dropped
BLOCK_ROWS = 1024  # pixels weighted at a time: what fits a core's cache


def constrained(
    pairs: Eigenpairs, labels: Int[np.ndarray, "H W"], iterations: int = 40
) -> Float[np.ndarray, "H W K"]:
    """Return sparse soft layers in the span of the eigenvectors.

    Minimises, over layers ``alpha_k = E y_k`` that sum to one,
    ``sum_k [sum_p |alpha_k|^0.8 + |1 - alpha_k|^0.8] + sum_k y_k' Lambda y_k``
    by iteratively reweighted least squares. Layers that fade away are dropped after about a quarter, a half
    and three quarters of the iterations.

    Parameters
    ----------
    pairs : Eigenpairs
        Of the Laplacian; ``H * W`` pixels.
    labels : ndarray of int, shape (H, W)
        The hard clusters 0 .. K0-1 to start from.
    iterations : int
        How many reweighted solves.

    Returns
    -------
    ndarray, shape (H, W, K)
        Float64; alphas sum to one, and lie near but not exactly in [0, 1]. K <= K0, in the clusters' order.

    Raises
    ------
    TypeError, ValueError
        If ``iterations`` is not a positive integer or the sizes do not fit.

    References
    ----------
    Aksoy et al. 2018, Section 3.4, Eq. 7; Levin et al. 2008, Eq. 15.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import MattingAffinity, Scene
    >>> from softseg.eigen import ShiftInvert
    >>> from softseg.sparsify import constrained
    >>> image = np.zeros((8, 9, 3)); image[:, 5:] = 1
    >>> pairs = ShiftInvert().solve(MattingAffinity().laplacian(Scene(image)), k=6)
    >>> alphas = constrained(pairs, (image[:, :, 0] > 0.5).astype(int))
    >>> alphas.shape, bool(np.allclose(alphas[:, :, 1], image[:, :, 0], atol=1e-4))
    ((8, 9, 2), True)
    """
    check_count("iterations", iterations)
    height, width = labels.shape
    if labels.size != len(pairs.vectors):
        raise ValueError(
            f"labels: expected {len(pairs.vectors)} pixels as the eigenvectors have, got {labels.shape}"
        )
    alphas = _hard_alphas(labels)
    drops = _drop_iterations(iterations)
    with workers() as pool:
        for iteration in range(1, iterations + 1):
            alphas = _reweighted_solve(pairs, alphas, pool)
            if iteration in drops:
                alphas = alphas[:, _visible(alphas)]
    return alphas.reshape(height, width, -1)


def _hard_alphas(labels: np.ndarray) -> np.ndarray:
    if labels.min() < 0:
        raise ValueError(f"labels: expected cluster numbers from 0 up, got {labels.min()}")
    return (labels.reshape(-1, 1) == np.arange(labels.max() + 1)).astype(np.float64)


def _drop_iterations(iterations: int) -> set[int]:
    quarter = math.ceil(iterations / 4)
    return {quarter + 1, 2 * quarter + 1, 3 * quarter + 1}


def _visible(alphas: Float[np.ndarray, "N K"]) -> np.ndarray:
    peaks = np.abs(alphas).max(axis=0)
    return peaks > min(FAINT, 0.999 * float(peaks.max()))


def _reweighted_solve(
    pairs: Eigenpairs, alphas: Float[np.ndarray, "N K"], pool: ThreadPoolExecutor
) -> Float[np.ndarray, "N K"]:
    """Weight by the current alphas, solve the quadratic energy, and return the new alphas.

    The last layer is one minus the others. With ``s`` the sum of the others' coefficients, the equations
    ``A_k y_k + A_K s = b_k`` give ``(Id + sum_k A_k^-1 A_K) s = sum_k A_k^-1 b_k``, and then each ``y_k``.
    """
    if alphas.shape[1] == 1:
        return np.ones_like(alphas)
    to_one, to_zero = _weights(1 - alphas.T), _weights(alphas.T)

    def normal_equations(layer: int) -> tuple[np.ndarray, np.ndarray]:
        return _normal_equations(pairs, to_one[layer], to_zero[layer], to_zero[-1])

    def eliminate(equations: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        gram, right = equations
        return linalg.solve(gram, np.column_stack([last, right]))

    *others, (last, _) = pool.map(normal_equations, range(len(to_one)))
    solved = np.stack(list(pool.map(eliminate, others)))  # A_k^-1 [A_K, b_k]
    summed = solved.sum(axis=0)
    total = linalg.solve(np.eye(len(last)) + summed[:, :-1], summed[:, -1])
    coefficients = solved[:, :, -1] - solved[:, :, :-1] @ total
    layers = pairs.vectors @ coefficients.T
    return np.column_stack([layers, 1 - layers.sum(axis=1)])


def _normal_equations(
    pairs: Eigenpairs,
    to_one: Float[np.ndarray, " N"],
    to_zero: Float[np.ndarray, " N"],
    last_to_zero: Float[np.ndarray, " N"],
) -> tuple[Float[np.ndarray, "k k"], Float[np.ndarray, " k"]]:
    """Return one layer's ``A = E' diag(u + v) E + Lambda`` and ``b = E' (u + v_K)``.

    Float64 throughout: the weights run up to 1e12, and single precision would change which layers survive.
    """
    gram = np.diag(pairs.values)
    right = np.zeros(len(gram))
    root = np.sqrt(to_one + to_zero)
    for rows in row_blocks(len(root), BLOCK_ROWS):
        weighted = pairs.vectors[rows] * root[rows, None]
        gram += weighted.T @ weighted
        right += (to_one[rows] + last_to_zero[rows]) @ pairs.vectors[rows]
    return gram, right


def _weights(distance: np.ndarray) -> np.ndarray:
    return WEIGHT * np.maximum(np.abs(distance), SMALLEST) ** (GAMMA - 2)
