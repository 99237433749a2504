"""What the preconditioners that factorize a shifted matrix by nested dissection have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse

from softseg.eigen.preconditioner import Prepared
from softseg.grid.dissection import Factorization, factorize
from softseg.grid.links import LOCAL_RADIUS

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian


# The least mean diagonal entry of the local part that gives the unit of shifts, as a share of that of the
# whole Laplacian: it is above a half for the published affinities. Single precision has seven digits, and a
# shift must stand out from the entries by some of them. Chosen by the project's own tests.
LEAST_LOCAL_SHARE = 1e-3


@dataclass(frozen=True, eq=False)
class FactorizedInverse(Prepared):
    """A preconditioner that multiplies by the inverse of a factorized matrix; subclasses say how to start."""

    factors: Factorization
    shift: float

    def precondition(self, right: Float[np.ndarray, "N c"]) -> Float[np.ndarray, "N c"]:
        """Return the inverse times a block, in single precision."""
        return self.factors.solve(right)


def choose_unit(laplacian: Laplacian) -> float:
    """Return the unit of shifts: the mean diagonal entry of the local part over the number of pixels.

    Where far links are all that a Laplacian has, or outweigh the near ones by far, it is a share of the whole
    mean diagonal entry instead.
    """
    local, whole = (float(np.abs(m.diagonal()).mean()) for m in (laplacian.local, laplacian.matrix))
    return max(local, LEAST_LOCAL_SHARE * whole) / laplacian.matrix.shape[0]


def factorize_shifted(
    matrix: sparse.csr_array,
    laplacian: Laplacian,
    relative_shift: float,
    growth: float,
    kept: Bool[np.ndarray, "H W"] | None = None,
    most_negative: int = 0,
) -> tuple[Factorization, float]:
    """Factorize ``matrix + shift Id``, with a larger shift if the first one is too small.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array, shape (H*W, H*W)
        The Laplacian, or an approximation of it.
    laplacian : Laplacian
        It gives the unit of the shift (`choose_unit`).
    relative_shift : float
        The first shift to try, in that unit.
    growth : float
        The factor by which the shift grows from one try to the next.
    kept : ndarray of bool, shape (H, W), optional
        Pixels that are eliminated last, see `factorize`.
    most_negative : int
        The largest number of negative eigenvalues that the shifted matrix may have.

    Returns
    -------
    factors : Factorization
        Of the shifted matrix.
    shift : float
        The shift that was found.
    """
    shift = relative_shift * choose_unit(laplacian)
    while True:
        try:
            factors = factorize(matrix, shift, laplacian.shape, LOCAL_RADIUS, kept, np.float32)
        except np.linalg.LinAlgError:  # the pixels that are not kept are not positive definite
            pass
        else:
            if factors.negative <= most_negative:
                return factors, shift
        shift *= growth
