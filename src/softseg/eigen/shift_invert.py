"""The exact eigensolver: Lanczos on the inverse of a Laplacian shifted to just below its spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float
from scipy import sparse
from scipy.sparse import linalg as sparse_linalg

from softseg.eigen.base import Eigenpairs, Eigensolver, measure_pairs
from softseg.grid.direct import factorize_symmetric, has_only_positive_pivots

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

# The first guess of how far below zero the spectrum begins, as a multiple of the mean diagonal entry over the
# number of pixels. The most negative eigenvalue was at 15 to 25 on all photos that the project looked at.
FIRST_GUESS = 50
# A pair counts as missed if its eigenvalue is smaller than a known one by more than this share of the largest
# diagonal entry, far above double precision's rounding. Chosen by the project's own tests.
MISSED = 1e-11
GUESS_GROWTH = 4  # the factor from one guess to the next; chosen by the project's own tests
# The size of ARPACK's Krylov space, which is its own default, and how often it is begun anew before a space
# twice as large is tried: far more often than photos need. Eigenvalues that are all but equal next to the
# shift are told apart by a larger space only. Chosen by the project's own tests.
LEAST_SPACE = 20  # vectors
MOST_RESTARTS = 200


@final
@dataclass(frozen=True)
class ShiftInvert(Eigensolver):
    """Shift-invert Lanczos with one sparse factorization (SciPy's SuperLU and ARPACK).

    The exact path of the library: slow and memory-hungry above about a quarter of a megapixel, but it
    misses no eigenpair. The shift lies below the smallest eigenvalue, which the signs of the
    factorization's pivots prove (Sylvester's law of inertia). Eigenvalues that occur many times are searched
    for until no smaller one is left. Those that can hardly be told apart at that shift, next to weights that
    are larger by many orders of magnitude, are looked for in ever larger Krylov spaces.

    Examples
    --------
    >>> from scipy import sparse
    >>> from softseg import Laplacian
    >>> from softseg.eigen import ShiftInvert
    >>> path = sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(9, 9))
    >>> ShiftInvert().solve(Laplacian(path, shape=(3, 3)), k=3).values.round(3)
    array([0.098, 0.382, 0.824])
    """

    _remedy = "choose weights of the affinities that differ by fewer orders of magnitude"

    def _solve(self, laplacian: Laplacian, k: int, rng: np.random.Generator) -> Eigenpairs:
        matrix = laplacian.matrix
        shift, factors = _factorize_below_spectrum(matrix)
        try:
            values, vectors = _find_pairs(matrix, shift, factors, np.zeros((matrix.shape[0], 0)), k, rng)
            values, vectors = _add_missed_pairs(matrix, shift, factors, values, vectors, rng)
        except sparse_linalg.ArpackNoConvergence as error:
            return measure_pairs(laplacian, error.eigenvalues, error.eigenvectors, converged=False)
        return measure_pairs(laplacian, values, vectors, converged=True)


def _find_pairs(
    matrix: sparse.csr_array,
    shift: float,
    factors: sparse_linalg.SuperLU,
    known: Float[np.ndarray, "N m"],
    k: int,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "N k"]]:
    """Return the k smallest eigenpairs whose vectors are orthogonal to those known."""

    def solve(x: np.ndarray) -> np.ndarray:
        y = factors.solve(x - known @ (known.T @ x))
        return y - known @ (known.T @ y)

    inverse = sparse_linalg.LinearOperator(
        matrix.shape, matvec=solve if known.shape[1] else factors.solve, dtype=np.float64
    )
    n = matrix.shape[0]
    start = rng.standard_normal(n)
    space = min(n, max(2 * k + 1, LEAST_SPACE))
    while True:
        try:
            return sparse_linalg.eigsh(
                matrix, k, sigma=shift, OPinv=inverse, v0=start, ncv=space, maxiter=MOST_RESTARTS
            )
        except sparse_linalg.ArpackNoConvergence:
            if space == n:
                raise
            space = min(n, 2 * space)


def _add_missed_pairs(
    matrix: sparse.csr_array,
    shift: float,
    factors: sparse_linalg.SuperLU,
    values: Float[np.ndarray, " k"],
    vectors: Float[np.ndarray, "N k"],
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "N k"]]:
    """Return as many pairs, the smallest of those given and those that were missed.

    From one start, Lanczos finds one vector of each eigenspace, and the others only as far as rounding helps:
    it misses eigenvalues that occur many times, as those of many unconnected parts do. So we look for one
    more pair, orthogonal to all known ones. If it is smaller than a known one, others may be missing as well.
    """
    k, more = len(values), 1
    resolution = MISSED * max(float(np.abs(matrix.diagonal()).max()), -shift)
    while (room := matrix.shape[0] - vectors.shape[1] - 1) > 0:
        found, extra = _find_pairs(matrix, shift, factors, vectors, min(more, room), rng)
        missed = found < np.sort(values)[k - 1] - resolution
        if not missed.any():
            break
        values = np.concatenate([values, found[missed]])
        vectors = np.linalg.qr(np.column_stack([vectors, extra[:, missed]]))[0]
        more = k
    if len(values) == k:
        return values, vectors
    order = np.argsort(values, kind="stable")[:k]
    return values[order], vectors[:, order]


def _factorize_below_spectrum(matrix: sparse.csr_array) -> tuple[float, sparse_linalg.SuperLU]:
    """Factorize ``L - shift Id`` with a negative shift below all eigenvalues, as near as guesses get."""
    n = matrix.shape[0]
    shift = -FIRST_GUESS * float(np.abs(matrix.diagonal()).mean()) / n
    while True:
        factors = factorize_symmetric(matrix - shift * sparse.eye_array(n))
        if has_only_positive_pivots(factors):
            return shift, factors
        shift *= GUESS_GROWTH
