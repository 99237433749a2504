"""Constrained sparsification: layers in the eigenvectors' span that are 0 or 1 wherever they can be.

Spectral Matting's sparse layers (Levin, Rav-Acha, Lischinski 2008, Section 5), started from a hard
clustering. Reweighted least squares; each iteration's system of all layers is eliminated block by block.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float, Int

from softseg._checks import check_count
from softseg._rng import RNG, generator
from softseg._threads import row_blocks, single_threaded_blas, workers
from softseg.eigen.base import Eigenpairs

GAMMA = 0.8  # the sparsity norm's exponent
WEIGHT = 0.3**GAMMA
SMALLEST = 1e-10  # alphas this near to 0 or 1 count as this far from it
FAINT = 0.1  # layers that nowhere exceed this are dropped
SAMPLE = 32768  # pixels that the energy is summed over
BLOCK_ROWS = 1024  # pixels weighted at a time: what fits a core's cache


@single_threaded_blas()
def constrained(
    pairs: Eigenpairs,
    labels: Int[np.ndarray, "H W"],
    iterations: int = 40,
    sample: int | None = SAMPLE,
    rng: RNG = None,
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
    sample : int or None
        Sum the energy over about this many pixels if there are more: the unknowns are only the eigenvectors'
        coefficients, which a sample determines well. None: over all pixels, as published.
    rng : None, int or numpy.random.Generator
        For the sample. None means a fixed seed.

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
    if labels.min() < 0:
        raise ValueError(f"labels: expected cluster numbers from 0 up, got {labels.min()}")
    pixels, shares = _sampled(pairs.vectors, labels.ravel(), sample, generator(rng))
    vectors = pairs.vectors[pixels]
    layers = (labels.reshape(-1, 1)[pixels] == np.arange(labels.max() + 1)).astype(np.float64)
    drops = _drop_iterations(iterations)
    with workers() as pool:
        for iteration in range(1, iterations + 1):
            coefficients = _reweighted_solve(vectors, pairs.values, shares, layers, pool)
            layers = _layers(vectors, coefficients)
            if iteration in drops and iteration < iterations:
                visible = _visible(layers)
                layers, coefficients = layers[:, visible], coefficients[:, visible]
    return _layers(pairs.vectors, coefficients).reshape(height, width, -1)


def _sampled(
    vectors: Float[np.ndarray, "N k"],
    labels: Int[np.ndarray, " N"],
    sample: int | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray | slice, Float[np.ndarray, " n"]]:
    """Choose pixels, and how many each stands for.

    A third of the chances are even; a third are the same for every cluster, so that small ones stay well
    sampled; a third follow the eigenvectors' leverage: some live on a few pixels, and a sample without
    those would leave their coefficients free.
    """
    if sample is None or len(labels) <= sample:
        return slice(None), np.ones(len(labels))
    check_count("sample", sample)
    area = np.bincount(labels)
    leverage = np.einsum("ij,ij->i", vectors, vectors)
    even, clustered = 1 / len(labels), 1 / (np.count_nonzero(area) * area[labels])
    chances = np.minimum(sample / 3 * (even + clustered + leverage / leverage.sum()), 1)
    # Systematic sampling: a pixel for each whole number that the running sum passes, spread over the raster.
    passed = np.floor(np.cumsum(chances) + rng.random())
    chosen = np.flatnonzero(np.diff(passed, prepend=0))
    return chosen, 1 / chances[chosen]


def _layers(
    vectors: Float[np.ndarray, "n k"], coefficients: Float[np.ndarray, "k1 K"]
) -> Float[np.ndarray, "n K"]:
    """Return ``E y_k + c_k``; the constants, in the last row, are 0 but for the layer that closes the sum."""
    return vectors @ coefficients[:-1] + coefficients[-1]


def _drop_iterations(iterations: int) -> set[int]:
    quarter = math.ceil(iterations / 4)
    return {quarter + 1, 2 * quarter + 1, 3 * quarter + 1}


def _visible(layers: Float[np.ndarray, "n K"]) -> np.ndarray:
    peaks = np.abs(layers).max(axis=0)
    return peaks > min(FAINT, 0.999 * float(peaks.max()))


def _reweighted_solve(
    vectors: Float[np.ndarray, "n k"],
    values: Float[np.ndarray, " k"],
    shares: Float[np.ndarray, " n"],
    layers: Float[np.ndarray, "n K"],
    pool: ThreadPoolExecutor,
) -> Float[np.ndarray, "k1 K"]:
    """Weight by the current layers, solve the quadratic energy, and return the new layers' coefficients.

    The last layer is one minus the others. With ``s`` the sum of the others' coefficients, the equations
    ``A_k y_k + A_K s = b_k`` give ``(Id + sum_k A_k^-1 A_K) s = sum_k A_k^-1 b_k``, and then each ``y_k``.
    """
    k = len(values)
    coefficients = np.zeros((k + 1, layers.shape[1]))
    coefficients[k, -1] = 1
    to_one, to_zero = shares * _weights(1 - layers.T), shares * _weights(layers.T)

    def normal_equations(layer: int) -> tuple[np.ndarray, np.ndarray]:
        gram = np.diag(values) + _weighted_gram(vectors, to_one[layer] + to_zero[layer])
        return gram, (to_one[layer] + to_zero[-1]) @ vectors

    def eliminate(equations: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        gram, right = equations
        return np.linalg.solve(gram, np.column_stack([last, right]))

    *others, (last, _) = pool.map(normal_equations, range(layers.shape[1]))
    if others:
        solved = np.stack(list(pool.map(eliminate, others)))  # A_k^-1 [A_K, b_k]
        summed = solved.sum(axis=0)
        total = np.linalg.solve(np.eye(k) + summed[:, :-1], summed[:, -1])
        coefficients[:k, :-1] = (solved[:, :, -1] - solved[:, :, :-1] @ total).T
        coefficients[:k, -1] = -coefficients[:k, :-1].sum(axis=1)
    return coefficients


def _weighted_gram(
    vectors: Float[np.ndarray, "n k"], weights: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "k k"]:
    """Return ``E' diag(w) E``.

    In float64: weights run up to 1e12, and rounding them would change which layers survive.
    """
    gram = np.zeros((vectors.shape[1], vectors.shape[1]))
    root = np.sqrt(weights)
    for rows in row_blocks(len(vectors), BLOCK_ROWS):
        weighted = vectors[rows] * root[rows, None]
        gram += weighted.T @ weighted
    return gram


def _weights(distance: np.ndarray) -> np.ndarray:
    return WEIGHT * np.maximum(np.abs(distance), SMALLEST) ** (GAMMA - 2)
