"""Constrained sparsification: layers in the eigenvectors' span that are 0 or 1 wherever they can be.

Spectral Matting's sparse layers (Levin, Rav-Acha, Lischinski 2008, Section 5), started from a hard
clustering. Reweighted least squares: over all pixels as published, or over as many as decide where it goes.
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
from softseg.progress import tick
from softseg.sparsify.reweighted import Pixels, solve_directly, solve_iteratively

BLOCK_ROWS = 4096  # pixels that a thread takes at a time
FAINT = 0.1  # layers that nowhere exceed this are dropped
SAMPLE = 8192  # pixels that the energy is summed over once the first layers are dropped
MANY = 16  # times as many until then
SMALL = 4  # photos of up to so many times the sample are summed over whole: that is fast, too
THINNED = 4  # one in so many of the sample is enough for a preconditioner


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
        Sum the energy over about this many pixels if there are more than four times as many: the unknowns are
        only the eigenvectors' coefficients, which a sample determines well. The first quarter of the
        iterations, which decide where the layers go, see all pixels or sixteen times as many. None: over all
        pixels, as published.
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
    drops = _drop_iterations(iterations)
    with workers() as pool:
        if sample is None or labels.size <= SMALL * sample:
            first, pixels = 1, Pixels(pairs.vectors, np.ones(labels.size))
            layers = (labels.reshape(-1, 1) == np.arange(labels.max() + 1)).astype(np.float64)
        else:
            first = min(drops[0], iterations) + 1
            many, few, few_shares = _sampled(pairs.vectors, labels.ravel(), sample, generator(rng))
            tick()
            coefficients = _projected(pairs.vectors, labels.ravel(), pool)
            fewer = few[::THINNED], THINNED * few_shares[::THINNED]
            for _ in range(2, first):
                tick()
                coefficients = solve_iteratively(many, *fewer, pairs.values, coefficients, pool)
            if first <= iterations:
                coefficients = coefficients[:, _visible(many.layers(coefficients))]
            pixels = many.at(few, few_shares)
            layers = pixels.layers(coefficients)
        for iteration in range(first, iterations + 1):
            tick()
            coefficients = solve_directly(pixels, pairs.values, layers, pool)
            layers = pixels.layers(coefficients)
            if iteration in drops and iteration < iterations:
                visible = _visible(layers)
                layers, coefficients = layers[:, visible], coefficients[:, visible]
        return _everywhere(pairs.vectors, coefficients, pool).reshape(height, width, -1)


def _sampled(
    vectors: Float[np.ndarray, "N k"],
    labels: Int[np.ndarray, " N"],
    sample: int,
    rng: np.random.Generator,
) -> tuple[Pixels, Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Choose many pixels, the positions of a few among them, and how many of all each of these stands for.

    A third of the chances are even; a third are the same for every cluster, so that small ones stay well
    sampled; a third follow the eigenvectors' leverage: some live on a few pixels, and a sample without
    those would leave their coefficients free.
    """
    area = np.bincount(labels)
    leverage = np.einsum("ij,ij->i", vectors, vectors)
    even, clustered = 1 / len(labels), 1 / (np.count_nonzero(area) * area[labels])
    odds = (even + clustered + leverage / leverage.sum()) / 3
    chances = np.minimum(MANY * sample * odds, 1) if MANY * sample < len(labels) else np.ones(len(labels))
    chosen = _systematic(chances, rng)
    many = Pixels(vectors[chosen], 1 / chances[chosen])
    few_chances = np.minimum(sample * odds[chosen], 1)
    few = _systematic(few_chances * many.shares, rng)
    return many, few, 1 / few_chances[few]


def _systematic(chances: Float[np.ndarray, " n"], rng: np.random.Generator) -> Int[np.ndarray, " m"]:
    """Draw a position for each whole number that the running sum passes: they spread over the raster."""
    passed = np.floor(np.cumsum(chances) + rng.random())
    return np.flatnonzero(np.diff(passed, prepend=0))


def _projected(
    vectors: Float[np.ndarray, "N k"], labels: Int[np.ndarray, " N"], pool: ThreadPoolExecutor
) -> Float[np.ndarray, "k1 K"]:
    """Return the coefficients of the hard clusters' projection onto the eigenvectors.

    That is the first reweighted solve over all pixels: every alpha is 0 or 1, and all weights are the same.
    """
    clusters = np.arange(labels.max() + 1)

    def block(rows: slice) -> np.ndarray:
        return vectors[rows].T @ (labels[rows, None] == clusters).astype(np.float64)

    projected = np.sum(list(pool.map(block, row_blocks(len(labels), BLOCK_ROWS))), axis=0)
    projected[:, -1] -= projected.sum(axis=1)  # of one minus the others
    return np.vstack([projected, clusters == clusters[-1]])


def _everywhere(
    vectors: Float[np.ndarray, "N k"], coefficients: Float[np.ndarray, "k1 K"], pool: ThreadPoolExecutor
) -> Float[np.ndarray, "N K"]:
    """Return the layers at all pixels."""
    layers = np.empty((len(vectors), coefficients.shape[1]))

    def block(rows: slice) -> None:
        np.matmul(vectors[rows], coefficients[:-1], out=layers[rows])
        layers[rows] += coefficients[-1]

    list(pool.map(block, row_blocks(len(vectors), BLOCK_ROWS)))
    return layers


def _drop_iterations(iterations: int) -> tuple[int, int, int]:
    quarter = math.ceil(iterations / 4)
    return quarter + 1, 2 * quarter + 1, 3 * quarter + 1


def _visible(layers: Float[np.ndarray, "n K"]) -> np.ndarray:
    peaks = np.abs(layers).max(axis=0)
    return peaks > min(FAINT, 0.999 * float(peaks.max()))
