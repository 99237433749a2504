"""The default preconditioner: the shifted Laplacian's exact inverse, and a Krylov space to start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float

from softseg._threads import workers
from softseg.eigen.blocks import TallBlocks
from softseg.eigen.krylov import smallest_pairs
from softseg.eigen.local_inverse import LocalInverse
from softseg.eigen.preconditioner import Preconditioner, Prepared, Start
from softseg.eigen.problem import Problem
from softseg.grid.dissection import Factorization, factorize
from softseg.grid.laplacian import LOCAL_RADIUS

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

# Times the mean diagonal over n: a sixth to a half of the largest wanted eigenvalue. The smaller, the better
# the inverse tells the wanted ones apart; but nearer to zero there are more of them to collide with.
SHIFT = 20
MOST_KEPT = 5000  # pixels with far links: the dense matrix that is left of them takes a second to factorise
# Eigenvalues below minus the shift are found, too, but if there are many they are the wanted ones, and the
# shift is raised; likewise where repelling links make the shifted local part indefinite.
MOST_BELOW = 15
RAISE = 4


@final
@dataclass(frozen=True)
class ShiftedInverse(Preconditioner):
    """Invert the whole Laplacian, far links included, shifted a little.

    The pixels with far links, one for each superpixel, are few. They are eliminated last: all others are
    linked to near ones only, and factorised by nested dissection. Repulsion may give the Laplacian a few
    eigenvalues below minus the shift, for which the inverse is negative. Laplacians with far links at more
    than some thousand pixels are left to `LocalInverse`.
    """

    def prepare(self, laplacian: Laplacian, rng: np.random.Generator) -> Prepared:
        """Factorise the shifted Laplacian."""
        kept = laplacian.far_linked
        if np.count_nonzero(kept) > MOST_KEPT:
            return LocalInverse().prepare(laplacian, rng)
        shift: float = SHIFT * float(np.abs(laplacian.local.diagonal()).mean()) / kept.size
        shift = max(shift, float(np.finfo(np.float32).tiny))
        while True:
            try:
                factors = factorize(laplacian.matrix, shift, laplacian.shape, LOCAL_RADIUS, kept)
            except np.linalg.LinAlgError:
                factors = None
            if factors is not None and factors.negative <= MOST_BELOW:
                return _Factorized(Problem(laplacian.matrix), factors, shift)
            shift *= RAISE


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
        with workers() as pool:
            vectors, quotients = smallest_pairs(
                self.factors.solve,
                self.problem.times,
                self.problem.size,
                self.shift,
                self.factors.negative,
                wanted,
                count,
                goal,
                rng,
                TallBlocks(pool),
            )
        return Start(vectors, quotients)

    def precondition(self, depth: int, right: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        return self.factors.solve(right)
