"""Block Lanczos iteration on the inverse of a shifted matrix: where the default eigensolver starts from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy import linalg

from softseg.eigen.blocks import TallBlocks
from softseg.progress import tick

BLOCK = 24  # vectors: with fewer the basis may be smaller, but BLAS waits for memory
LARGEST = 6  # times the wanted vectors and a block: most vectors in the basis
SLACK = 0.5  # of the goal: estimated errors that are small enough; the estimate is good to a small factor
DEPENDENT = 1e-10  # directions of a new block whose squared length is below this, relatively, are rounding


def smallest_pairs(
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
        Returns ``(L + shift * Id)^-1`` times a block of vectors.
    times : callable
        Returns L times a block.
    n : int
        Length of the vectors.
    shift : float
        Of the inverse.
    below : int
        How many eigenvalues of L are below ``-shift``, where the inverse is negative.
    wanted, count : int
        How many eigenvalues should be found; how many vectors to return.
    goal : float
        The error of eigenvalues at which the basis need not grow.
    rng : numpy.random.Generator
        For the first block.
    dense : TallBlocks
        The algebra.

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
    first = rng.standard_normal((n, min(BLOCK, n)), dtype=np.float32)
    basis = [_orthonormal(first, dense.gram(first, first), dense)]
    projected = np.zeros((0, 0))
    while True:
        tick()
        new = inverse(basis[-1])
        # The inverse is symmetric: up to rounding, it couples a block with itself and the one before alone.
        near = dense.stacked_gram(basis[-2:], new)
        dense.subtract_product(new, basis[-2:], near)
        coupling = dense.stacked_gram(basis, new)
        gram = dense.subtract_product(new, basis, coupling)
        coupling[-len(near) :] += near
        projected = _bordered(projected, coupling)
        if len(projected) > wanted:
            energy = dense.gram(new, times(new)) + shift * gram
            if _error(projected, energy, shift, below, wanted) <= SLACK * goal:
                break
        if len(projected) >= min(LARGEST * (wanted + BLOCK), n):
            break
        block = _orthonormal(new, gram, dense)
        if block.shape[1] == 0:
            break
        basis.append(block)
    theta, vectors = linalg.eigh(projected)
    chosen = _wanted_first(theta, below)[:count]
    return dense.product(basis, vectors[:, chosen]), theta[chosen]


def _bordered(
    known: Float[np.ndarray, "a a"], coupling: Float[np.ndarray, "m b"]
) -> Float[np.ndarray, "m m"]:
    """Return the inverse's matrix in the basis, which has grown by b vectors."""
    a = len(known)
    corner = (coupling[a:] + coupling[a:].T) / 2
    return np.block([[known, coupling[:a]], [coupling[:a].T, corner]])


def _error(
    projected: Float[np.ndarray, "m m"],
    energy: Float[np.ndarray, "b b"],
    shift: float,
    below: int,
    wanted: int,
) -> float:
    """Estimate the largest error of L's wanted eigenvalues, as far as the basis knows them.

    With T the inverse of ``M = L + shift Id``, a Ritz vector x has the residual ``r = T x - theta x``: its
    last b coefficients, times what T makes of the last block outside the basis. As ``r`` is also
    ``-theta T (M x - x / theta)``, L's residual weighed by T is ``r' M r / theta^2``: LOBPCG's estimate, with
    the same factor for the shift.
    """
    theta, vectors = linalg.eigh(projected)
    chosen = _wanted_first(theta, below)[:wanted]
    last = vectors[-len(energy) :, chosen]
    weighed = np.abs(np.einsum("im,ij,jm->m", last, energy, last)) / theta[chosen] ** 2
    largest = np.abs(1 / theta[chosen] - shift).max()
    return float(weighed.max() * (1 + shift / largest))


def _wanted_first(theta: Float[np.ndarray, " m"], below: int) -> Int[np.ndarray, " m"]:
    """Order eigenvalues of the inverse, which ascend, as those of L: negative ones, then from the largest.

    Beyond the known number of negative ones, what is negative is rounding.
    """
    below = min(below, int(np.count_nonzero(theta < 0)))
    return np.concatenate([np.arange(below)[::-1], np.arange(below, len(theta))[::-1]])


def _orthonormal(
    block: Float32[np.ndarray, "n b"], gram: Float[np.ndarray, "b b"], dense: TallBlocks
) -> Float32[np.ndarray, "n r"]:
    """Orthonormalise a block, given its Gram matrix; again, for in single precision once is not enough."""
    for _ in range(2):
        squares, vectors = linalg.eigh(gram)
        keep = squares > DEPENDENT * squares.max(initial=0)
        block, gram = dense.transformed(block, vectors[:, keep] / np.sqrt(squares[keep]))
    return block
