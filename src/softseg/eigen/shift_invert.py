"""The exact eigensolver: Lanczos on the inverse of a Laplacian shifted to just below its spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from scipy import sparse
from scipy.sparse import linalg as sparse_linalg

from softseg.eigen.base import Eigenpairs, Eigensolver, measure_pairs
from softseg.grid.direct import factorize_symmetric, has_only_positive_pivots

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

# The first guess of how far below zero the spectrum begins, as a multiple of the mean diagonal entry over the
# number of pixels. The most negative eigenvalue was at 15 to 25 on all photos that the project looked at.
FIRST_GUESS = 50
GUESS_GROWTH = 4  # the factor from one guess to the next; chosen by the project's own tests


@final
@dataclass(frozen=True)
class ShiftInvert(Eigensolver):
    """Shift-invert Lanczos with one sparse factorization (SciPy's SuperLU and ARPACK).

    The exact path of the library: slow and memory-hungry above about a quarter of a megapixel, but it
    misses no eigenpair. The shift lies below the smallest eigenvalue, which the signs of the
    factorization's pivots prove (Sylvester's law of inertia).

    Examples
    --------
    >>> from scipy import sparse
    >>> from softseg import Laplacian
    >>> from softseg.eigen import ShiftInvert
    >>> path = sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(9, 9))
    >>> ShiftInvert().solve(Laplacian(path, shape=(3, 3)), k=3).values.round(3)
    array([0.098, 0.382, 0.824])
    """

    def _solve(self, laplacian: Laplacian, k: int, rng: np.random.Generator) -> Eigenpairs:
        matrix = laplacian.matrix
        shift, factors = _factorize_below_spectrum(matrix)
        inverse = sparse_linalg.LinearOperator(matrix.shape, matvec=factors.solve, dtype=np.float64)
        start = rng.standard_normal(matrix.shape[0])
        try:
            values, vectors = sparse_linalg.eigsh(matrix, k, sigma=shift, OPinv=inverse, v0=start)
        except sparse_linalg.ArpackNoConvergence as error:
            return measure_pairs(laplacian, error.eigenvalues, error.eigenvectors, converged=False)
        return measure_pairs(laplacian, values, vectors, converged=True)


def _factorize_below_spectrum(matrix: sparse.csr_array) -> tuple[float, sparse_linalg.SuperLU]:
    """Factorize ``L - shift Id`` with a negative shift below all eigenvalues, as near as guesses get."""
    n = matrix.shape[0]
    shift = -FIRST_GUESS * float(np.abs(matrix.diagonal()).mean()) / n
    while True:
        factors = factorize_symmetric(matrix - shift * sparse.eye_array(n))
        if has_only_positive_pivots(factors):
            return shift, factors
        shift *= GUESS_GROWTH
