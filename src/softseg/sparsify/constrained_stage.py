"""Constrained sparsification: layers in the eigenvectors' span that are 0 or 1 wherever they can be.

These are Spectral Matting's sparse layers (Levin, Rav-Acha, Lischinski 2008, Section 5). They start from a
hard clustering, and iteratively reweighted least squares make them sparse. The energy is summed over all
pixels, as published, or over a sample of them.
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
from softseg.sparsify.reweighted import IterativeSolver, Pixels, solve_directly

# Pixels that a thread takes at a time when a product runs over all pixels. The blocks' sums are added in
# order, so this number decides the last bits of the result. Chosen by the project.
PIXELS_PER_TASK = 4096

# A layer whose alphas nowhere exceed this is dropped (Aksoy et al. 2018, Section 3.4).
LEAST_PEAK = 0.1

# Eigenvectors that are used: so many always, the published number, and of more than that one for so many
# pixels. Nearly as many eigenvectors as pixels hold any pattern of pixels; layers then keep to the clusters
# that they start from, none fades, and the direct solves of small photos take minutes. Chosen by the project.
ALWAYS_USED = 100
PIXELS_PER_VECTOR = 16

# Pixels that the energy is summed over after the first layers are dropped. Measured:
# docs/notes/performance.md, "The constrained stage".
SAMPLE = 8192

# Until the first layers are dropped, the energy is summed over this many times the sample. Measured:
# docs/notes/performance.md, "The constrained stage".
EARLY_SAMPLE_FACTOR = 2

# Of photos with few pixels the sample is this share of them, but no fewer than LEAST_SAMPLE. Photos with
# fewer pixels than that are summed over whole, with direct solves, which cost little there. Measured:
# docs/notes/performance.md, "The constrained stage".
SMALL_PHOTO_SHARE = 1 / 4
LEAST_SAMPLE = 4096

# Pixels of the sample that go into the preconditioner of the iterative solves, about: a sample of less than
# one and a half times as many goes into it whole. Measured: docs/notes/performance.md, "The constrained
# stage".
PRECONDITIONER_PIXELS = 2048

# How many solves a preconditioner serves, until the first layers are dropped and after that, when the weights
# move slowly. Measured: docs/notes/performance.md, "The constrained stage".
EARLY_LIFETIME = 1
PRECONDITIONER_LIFETIME = 3


@single_threaded_blas()
def constrained(
    pairs: Eigenpairs,
    labels: Int[np.ndarray, "H W"],
    iterations: int = 40,
    sample: int | None = SAMPLE,
    rng: RNG = None,
) -> Float[np.ndarray, "H W K"]:
    """Return sparse soft layers in the span of the eigenvectors.

    The function minimizes, over layers ``alpha_k = E y_k`` that sum to one,
    ``sum_k [sum_p |alpha_k|^0.8 + |1 - alpha_k|^0.8] + sum_k y_k' Lambda y_k``
    by iteratively reweighted least squares. Layers that have faded away are dropped after about a quarter, a
    half and three quarters of the iterations.

    Parameters
    ----------
    pairs : Eigenpairs
        The eigenpairs of the Laplacian, for ``H * W`` pixels. Of more than 100, no more are used than one for
        16 pixels, the smallest ones.
    labels : ndarray of int, shape (H, W)
        The hard clusters 0 .. K0-1 that the layers start from.
    iterations : int
        The number of reweighted solves.
    sample : int or None
        The energy is summed over about this many pixels, and most solves are a few conjugate gradient steps.
        The only unknowns are the eigenvectors' coefficients, and a sample determines those well. The first
        quarter of the iterations decides where the layers go, so there the energy is summed over twice
        as many pixels. Of small photos the sample is a quarter. With None, or on photos of up to 4096 pixels,
        the energy is summed over all pixels and each solve is direct, as published.
    rng : None, int or numpy.random.Generator
        The random numbers of the sample. None means a fixed seed.

    Returns
    -------
    ndarray, shape (H, W, K)
        Float64. The alphas sum to one at each pixel, and lie near [0, 1] but not exactly in it. There are
        K <= K0 layers, in the order of the clusters.

    Raises
    ------
    TypeError, ValueError
        If ``iterations`` is not a positive integer, or ``labels`` has another size than the eigenvectors or
        holds negative numbers.

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
    pairs = _take_smallest(pairs, max(ALWAYS_USED, labels.size // PIXELS_PER_VECTOR))
    with workers() as pool:
        if sample is not None:
            sample = min(sample, max(int(SMALL_PHOTO_SHARE * labels.size), LEAST_SAMPLE))
        if sample is None or sample >= labels.size:
            coefficients = _iterate_over_all(pairs, labels.ravel(), iterations, pool)
        else:
            coefficients = _iterate_over_sample(
                pairs, labels.ravel(), iterations, sample, generator(rng), pool
            )
        return _evaluate_everywhere(pairs.vectors, coefficients, pool).reshape(height, width, -1)


def _take_smallest(pairs: Eigenpairs, most: int) -> Eigenpairs:
    """Return the smallest eigenpairs, at most so many."""
    if len(pairs.values) <= most:
        return pairs
    vectors = np.ascontiguousarray(pairs.vectors[:, :most])
    return Eigenpairs(pairs.values[:most], vectors, pairs.residuals[:most], pairs.converged)


def _iterate_over_all(
    pairs: Eigenpairs, labels: Int[np.ndarray, " N"], iterations: int, pool: ThreadPoolExecutor
) -> Float[np.ndarray, "k1 K"]:
    """Return the layers' coefficients after direct solves over all pixels, as published."""
    drops = _choose_drop_iterations(iterations)
    pixels = Pixels(pairs.vectors, np.ones(len(labels)))
    layers = (labels[:, None] == np.arange(labels.max() + 1)).astype(np.float64)
    for iteration in range(1, iterations + 1):
        tick()
        coefficients = solve_directly(pixels, pairs.values, layers, pool)
        layers = pixels.layers(coefficients)
        if iteration in drops and iteration < iterations:
            visible = _find_visible(layers)
            layers, coefficients = layers[:, visible], coefficients[:, visible]
    return coefficients


def _iterate_over_sample(
    pairs: Eigenpairs,
    labels: Int[np.ndarray, " N"],
    iterations: int,
    sample: int,
    rng: np.random.Generator,
    pool: ThreadPoolExecutor,
) -> Float[np.ndarray, "k1 K"]:
    """Return the layers' coefficients after mostly iterative solves, over many pixels first, then few."""
    drops = _choose_drop_iterations(iterations)
    pixels, few, few_shares = _draw_samples(pairs.vectors, labels, sample, rng)
    stride = max(round(len(few) / PRECONDITIONER_PIXELS), 1)
    coarse, coarse_shares = slice(None, None, stride), stride * few_shares[::stride]
    solver = IterativeSolver(pixels, few[coarse], coarse_shares, pairs.values, EARLY_LIFETIME, pool)
    tick()
    coefficients = _project_clusters(pairs.vectors, labels, pool)  # solves the first iteration exactly
    for iteration in range(2, iterations + 1):
        tick()
        if iteration - 1 in drops:  # a direct solve spreads what was dropped over the layers that are left
            coefficients = solve_directly(pixels, pairs.values, pixels.layers(coefficients), pool)
        else:
            coefficients = solver.solve(coefficients)
        if iteration in drops and iteration < iterations:
            coefficients = coefficients[:, _find_visible(pixels.layers(coefficients))]
        if iteration == drops[0]:
            pixels, coarse_few = pixels.at(few, few_shares), np.arange(len(few))[coarse]
            solver = IterativeSolver(
                pixels, coarse_few, coarse_shares, pairs.values, PRECONDITIONER_LIFETIME, pool
            )
    return coefficients


def _draw_samples(
    vectors: Float[np.ndarray, "N k"],
    labels: Int[np.ndarray, " N"],
    sample: int,
    rng: np.random.Generator,
) -> tuple[Pixels, Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Draw many pixels, and a few of those; return both, with the number of pixels that each stands for.

    The first result are the many pixels. The second are the positions of the few among the many, and the
    third is how many of the photo's pixels each of the few stands for.

    A pixel's odds are the mean of three. The first are the same for all pixels. The second give every
    cluster the same share, so that small clusters are sampled well. The third follow the pixel's leverage,
    which is the squared length of its row of the eigenvectors: some eigenvectors live on a few pixels, and a
    sample without those pixels would leave their coefficients free.
    """
    area = np.bincount(labels)
    leverage = np.einsum("ij,ij->i", vectors, vectors)
    even, clustered = 1 / len(labels), 1 / (np.count_nonzero(area) * area[labels])
    odds = (even + clustered + leverage / leverage.sum()) / 3
    early_sample = EARLY_SAMPLE_FACTOR * sample
    chances = np.minimum(early_sample * odds, 1) if early_sample < len(labels) else np.ones(len(labels))
    chosen = _draw_systematically(chances, rng)
    many = Pixels(vectors[chosen], 1 / chances[chosen])
    few_chances = np.minimum(sample * odds[chosen], 1)
    few = _draw_systematically(few_chances * many.shares, rng)
    return many, few, 1 / few_chances[few]


def _draw_systematically(chances: Float[np.ndarray, " n"], rng: np.random.Generator) -> Int[np.ndarray, " m"]:
    """Draw positions, each with its own chance, so that they are spread evenly over the photo.

    A position is drawn wherever the running sum of the chances, which starts at a random offset, passes a
    whole number.
    """
    passed = np.floor(np.cumsum(chances) + rng.random())
    return np.flatnonzero(np.diff(passed, prepend=0))


def _project_clusters(
    vectors: Float[np.ndarray, "N k"], labels: Int[np.ndarray, " N"], pool: ThreadPoolExecutor
) -> Float[np.ndarray, "k1 K"]:
    """Return the coefficients of the hard clusters' projection onto the eigenvectors.

    The projection is the solution of the first reweighted solve over all pixels, because there every alpha is
    0 or 1 and all weights are the same.
    """
    clusters = np.arange(labels.max() + 1)

    def block(rows: slice) -> np.ndarray:
        return vectors[rows].T @ (labels[rows, None] == clusters).astype(np.float64)

    projected = np.sum(list(pool.map(block, row_blocks(len(labels), PIXELS_PER_TASK))), axis=0)
    projected[:, -1] -= projected.sum(axis=1)  # the last layer is one minus the others
    return np.vstack([projected, clusters == clusters[-1]])


def _evaluate_everywhere(
    vectors: Float[np.ndarray, "N k"], coefficients: Float[np.ndarray, "k1 K"], pool: ThreadPoolExecutor
) -> Float[np.ndarray, "N K"]:
    """Return the layers at all pixels."""
    layers = np.empty((len(vectors), coefficients.shape[1]))

    def block(rows: slice) -> None:
        np.matmul(vectors[rows], coefficients[:-1], out=layers[rows])
        layers[rows] += coefficients[-1]

    list(pool.map(block, row_blocks(len(vectors), PIXELS_PER_TASK)))
    return layers


def _choose_drop_iterations(iterations: int) -> tuple[int, int, int]:
    """Return the iterations after which faded layers are dropped: 11, 21 and 31 of 40, as published."""
    quarter = math.ceil(iterations / 4)
    return quarter + 1, 2 * quarter + 1, 3 * quarter + 1


def _find_visible(layers: Float[np.ndarray, "n K"]) -> np.ndarray:
    """Return as booleans (K,) which layers exceed LEAST_PEAK somewhere; the strongest always counts."""
    peaks = np.abs(layers).max(axis=0)
    return peaks > min(LEAST_PEAK, 0.999 * float(peaks.max()))
