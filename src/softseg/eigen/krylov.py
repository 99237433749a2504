"""Block Lanczos iteration on the inverse of a shifted matrix: where the default eigensolver starts from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy import linalg

from softseg.eigen.blocks import TallBlocks
from softseg.eigen.iteration import undo_shift
from softseg.progress import tick

# The number of vectors in a block. With smaller blocks the basis may be smaller, but products with them are
# slower; 16 to 48 vectors take the same time in all. Measured: docs/notes/performance.md,
# "Eigenvectors".
BLOCK_SIZE = 24
# The largest number of vectors in the basis, as a multiple of the number of wanted vectors plus one block.
# Chosen by the project's own tests.
LARGEST_BASIS = 6
# The share of the goal that the estimated errors must stay below, because the estimate is good to a small
# factor only (it was 0.95 of the true errors: docs/notes/performance.md, "Eigenvectors"). Chosen by
# the project's own tests.
SAFETY = 0.5
# A direction of a new block is taken for rounding, and dropped, if its squared length is below this share of
# the largest one. Chosen by the project's own tests.
ROUNDING_SHARE = 1e-10


def find_smallest_pairs(
    inverse: Callable[[Float32[np.ndarray, "n b"]], Float32[np.ndarray, "n b"]],
    times: Callable[[Float32[np.ndarray, "n b"]], Float32[np.ndarray, "n b"]],
    n: int,
    shift: float,
    below: int,
    wanted: int,
    count: int,
    goal: float,
    rng: np.random.Generator,
    dense: TallBlocks,
) -> tuple[Float32[np.ndarray, "n found"], Float[np.ndarray, " found"]]:
    """Return approximate eigenvectors for a matrix's smallest eigenvalues, given its shifted inverse.

    Parameters
    ----------
    inverse : callable
        Returns ``(L + shift Id)^-1`` times a block of vectors.
    times : callable
        Returns L times a block of vectors.
    n : int
        The length of the vectors.
    shift : float
        The shift of the inverse.
    below : int
        The number of eigenvalues of L below ``-shift``, where the inverse is negative.
    wanted, count : int
        The number of eigenvalues that should be found, and the largest number of vectors to return.
    goal : float
        The error of eigenvalues at which the basis need not grow any more.
    rng : numpy.random.Generator
        The source of the first block.
    dense : TallBlocks
        The algebra of blocks of vectors.

    Returns
    -------
    ndarray, shape (n, found)
        Orthonormal up to rounding.
    ndarray, shape (found,)
        The inverse's eigenvalues for them.

    References
    ----------
    Golub and Underwood, "The Block Lanczos Method for Computing Eigenvalues", 1977; Ericsson and Ruhe, "The
    Spectral Transformation Lanczos Method", 1980.
    """
    first = rng.standard_normal((n, min(BLOCK_SIZE, n)), dtype=np.float32)
    basis = [_orthonormalize(first, dense.gram(first, first), dense)]
    projected = np.zeros((0, 0))
    while True:
        tick()
        new = inverse(basis[-1])
        # The inverse is symmetric. Up to rounding, it therefore couples a block only with itself and with the
        # block before. The second product removes the rounding along the whole basis.
        near = dense.stacked_gram(basis[-2:], new)
        dense.subtract_product(new, basis[-2:], near)
        coupling = dense.stacked_gram(basis, new)
        gram = dense.subtract_product(new, basis, coupling)
        coupling[-len(near) :] += near
        projected = _extend(projected, coupling)
        if len(projected) > wanted:
            estimate = _error_estimate(projected, shift, below, wanted, len(gram))
            # The product with L is made only where the error may be small enough without L's own energy.
            if estimate(shift * gram) <= SAFETY * goal:
                energy = dense.gram(new, times(new)) + shift * gram
                if estimate(energy) <= SAFETY * goal:
                    break
        if len(projected) >= min(LARGEST_BASIS * (wanted + BLOCK_SIZE), n):
            break
        block = _orthonormalize(new, gram, dense)
        if block.shape[1] == 0:
            break
        basis.append(block)
    theta, vectors = linalg.eigh(projected)
    chosen = _order_wanted_first(theta, below)[:count]
    return dense.product(basis, vectors[:, chosen]), theta[chosen]


def _extend(known: Float[np.ndarray, "a a"], coupling: Float[np.ndarray, "m b"]) -> Float[np.ndarray, "m m"]:
    """Return the matrix of the inverse in the basis, which has grown by b vectors."""
    a = len(known)
    corner = (coupling[a:] + coupling[a:].T) / 2
    return np.block([[known, coupling[:a]], [coupling[:a].T, corner]])


def _error_estimate(
    projected: Float[np.ndarray, "m m"], shift: float, below: int, wanted: int, block: int
) -> Callable[[Float[np.ndarray, "b b"]], float]:
    """Return a function that estimates the largest error of the wanted eigenvalues of L.

    Given is the matrix of T, the inverse of ``M = L + shift Id``, in the basis, whose last ``block`` vectors
    are new. A Ritz vector x of T has the residual ``r = T x - theta x``. This is the product of two things:
    what T makes of the last block and the basis does not hold, and the last coefficients of x. The function
    takes the former's Gram matrix with respect to M, its energy. As ``r`` also equals
    ``-theta T (M x - x / theta)``, the residual of L weighted by T is ``r' M r / theta^2``. That is the
    estimate that LOBPCG uses, too.
    """
    theta, vectors = linalg.eigh(projected)
    chosen = _order_wanted_first(theta, below)[:wanted]
    theta, last = theta[chosen], vectors[-block:, chosen]
    limit = undo_shift(shift, 1 / theta - shift)

    def estimate(energy: Float[np.ndarray, "b b"]) -> float:
        weighted = np.abs(np.einsum("im,ij,jm->m", last, energy, last)) / theta**2
        return float(weighted.max() * limit)

    return estimate


def _order_wanted_first(theta: Float[np.ndarray, " m"], below: int) -> Int[np.ndarray, " m"]:
    """Return the order of the inverse's eigenvalues in which those of L ascend.

    Given are the inverse's eigenvalues in ascending order. First come the negative ones, from the one nearest
    to zero, then the positive ones, from the largest. More negative ones than ``below`` are due to rounding.
    """
    below = min(below, int(np.count_nonzero(theta < 0)))
    return np.concatenate([np.arange(below)[::-1], np.arange(below, len(theta))[::-1]])


def _orthonormalize(
    block: Float32[np.ndarray, "n b"], gram: Float[np.ndarray, "b b"], dense: TallBlocks
) -> Float32[np.ndarray, "n r"]:
    """Orthonormalize a block, given its Gram matrix; twice, as once is not enough in single precision."""
    for _ in range(2):
        squares, vectors = linalg.eigh(gram)
        keep = squares > ROUNDING_SHARE * squares.max(initial=0)
        block, gram = dense.transformed(block, vectors[:, keep] / np.sqrt(squares[keep]))
    return block
