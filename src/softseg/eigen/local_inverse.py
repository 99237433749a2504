"""The default preconditioner: the exact inverse of the Laplacian's local part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float
from scipy import sparse

from softseg.eigen.preconditioner import Preconditioner, Prepared, Start
from softseg.eigen.problem import Problem
from softseg.grid.dissection import Factorization, factorize
from softseg.grid.laplacian import LOCAL_RADIUS

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

# Times the mean diagonal over n: below most of the wanted eigenvalues, so that the inverse tells them apart.
SHIFT = 5
# The share of the far links' diagonal that is inverted too. Without it the inverse is far too large for what
# is smooth locally but not across those links; all of it would be too much for what is smooth across both.
FAR_SHARE = 0.5
RAISE = 10  # where repelling links make the shifted local part indefinite
INVERSE_ITERATIONS = 2  # on noise, to start from


@final
@dataclass(frozen=True)
class LocalInverse(Preconditioner):
    """Invert the part of the Laplacian that links near pixels, factorised by nested dissection.

    That part holds the matting term, whose weights span so many orders of magnitude that a multigrid cycle
    leaves 0.93 to 0.97 of an error; inverted exactly it leaves only the far links to the iteration, and
    the better part of those is on the diagonal, which is inverted too.
    """

    def prepare(self, laplacian: Laplacian, rng: np.random.Generator) -> Prepared:
        """Factorise the local part, shifted to be positive definite."""
        local = laplacian.local + FAR_SHARE * sparse.diags_array(laplacian.attraction)
        shift = SHIFT * float(np.abs(laplacian.local.diagonal()).mean()) / local.shape[0]
        shift = max(shift, np.finfo(np.float32).tiny)
        while True:
            try:
                factors = factorize(sparse.csr_array(local), shift, laplacian.shape, LOCAL_RADIUS)
            except np.linalg.LinAlgError:
                shift *= RAISE
            else:
                return _Factorized(Problem(laplacian.matrix), factors, shift)


@final
@dataclass(frozen=True, eq=False)
class _Factorized(Prepared):
    problem: Problem
    factors: Factorization
    shift: float

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (self.problem,)

    def start(self, wanted: int, count: int, goal: float, rng: np.random.Generator) -> Start:
        block = rng.standard_normal((self.problem.size, count), dtype=np.float32)
        for _ in range(INVERSE_ITERATIONS):
            block = self.factors.solve(block)
            block /= max(block.max(), -block.min())
        return Start(block)

    def precondition(self, depth: int, right: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        return self.factors.solve(right)
