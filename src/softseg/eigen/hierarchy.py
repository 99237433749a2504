"""The levels of multigrid, the V-cycle over them, and nested iteration: coarse problems are solved first.

The levels below the finest hold Galerkin copies of the eigenproblem. pyamg aggregates only the *local* part
of the Laplacian, shifted to be positive definite. The links between superpixels, which may repel, never enter
the matrices of the coarse levels; they are carried along in factored form. Few pixels take part in them, so
that on every level they are J C J', with the small graph C of the linked pixels and the rows J of the
prolongation at these pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import final

import numpy as np
from jaxtyping import Float
from scipy import linalg, sparse

from softseg._threads import workers
from softseg.eigen._kernels import chebyshev_step, residual
from softseg.eigen.blocks import TallBlocks, times_block
from softseg.eigen.iteration import StoppingRule, complete_basis, iterate
from softseg.eigen.preconditioner import Prepared, Start
from softseg.eigen.problem import Problem
from softseg.progress import tick

# Coarse problems only give vectors to start from on the next finer level. Their iteration may therefore stop
# at errors that are larger by the factor COARSE_SLACK than on the finest level, and may leave the share
# COARSE_UNCONVERGED of the wanted pairs unconverged. All three were chosen by the project's own tests.
COARSE_SLACK = 10.0
COARSE_UNCONVERGED = 0.1
MOST_COARSE_ITERATIONS = 60
# The degree of the Chebyshev polynomial by which the V-cycle smooths errors, and the share of the largest
# eigenvalue above which it damps them. Chosen by the project's own tests.
SMOOTHING_DEGREE = 4
SMOOTHED_FROM = 1 / 16


@final
@dataclass(frozen=True, eq=False)
class LongLinks:
    """The part of the Laplacian beyond the local one, J C J', with the same small graph C on every level."""

    rows: sparse.csr_array  # J (n, S): how the unknowns of a level add up to the linked pixels' values
    rows_transposed: sparse.csr_array
    graph: sparse.csr_array  # C (S, S)

    def add_product(self, block: Float[np.ndarray, "n c"], out: Float[np.ndarray, "n c"]) -> None:
        """Add ``J C J' block`` to ``out``."""
        out += times_block(self.rows, times_block(self.graph, times_block(self.rows_transposed, block)))


@final
@dataclass(frozen=True, eq=False)
class CoarseProblem(Problem):
    """``L x = value M x`` on a coarse level; the matrix holds only the local part of L."""

    long_links: LongLinks
    mass: sparse.csr_array  # M

    def times(self, block: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        """Return L times a block, in the block's precision."""
        product = super().times(block)
        self.long_links.add_product(block, product)
        return product

    def times_mass(self, block: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        """Return M times a block."""
        return times_block(self.mass, block)


@final
@dataclass(frozen=True, eq=False)
class Level:
    """One level: its eigenproblem, and what the V-cycle needs."""

    problem: Problem  # the Laplacian's own on the finest level
    definite: sparse.csr_array  # the local part, shifted to be positive definite, float32
    inverse_diagonal: Float[np.ndarray, " n"]  # of `definite`
    largest: float  # an upper bound on the eigenvalues of D^-1 definite, D being the diagonal
    prolongation: sparse.csr_array | None  # P, from the next coarser level, float32; None on the coarsest
    restriction: sparse.csr_array | None  # P'


@final
@dataclass(frozen=True, eq=False)
class Hierarchy(Prepared):
    """The levels, finest first, as a preconditioner."""

    levels: tuple[Level, ...]
    shift: float

    def start(self, wanted: int, count: int, goal: float, rng: np.random.Generator) -> Start:
        """Solve the coarse problems one after the other, each starting from the solution of the coarser one.

        The coarsest problem is solved by LAPACK, the others by the iteration of LOBPCG with the V-cycle that
        begins on their level. What comes out is prolonged to the finest level.
        """
        vectors = self._solve_coarsest(count)
        if len(self.levels) == 1:
            return Start(vectors)
        unconverged = round(COARSE_UNCONVERGED * wanted)
        rule = StoppingRule(wanted, goal, MOST_COARSE_ITERATIONS, COARSE_SLACK, unconverged)
        with workers() as pool:
            dense = TallBlocks(pool)
            for depth in range(len(self.levels) - 2, 0, -1):
                tick()
                level = self.levels[depth]
                prolonged = times_block(level.prolongation, vectors).astype(np.float32)
                basis = complete_basis(level.problem, prolonged, count, rng, dense)
                cycle = partial(self._cycle, depth)
                _, vectors, _ = iterate(level.problem, cycle, self.shift, basis, rule, dense)
        return Start(times_block(self.levels[0].prolongation, vectors))

    def precondition(self, right: Float[np.ndarray, "N c"]) -> Float[np.ndarray, "N c"]:
        """Return the approximation of ``definite^-1 right`` by one symmetric V-cycle.

        All of it is in single precision, because a preconditioner only has to point the right way.
        """
        return self._cycle(0, right)

    def _cycle(self, depth: int, right: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        """Approximate ``definite^-1 right`` by a V-cycle from level ``depth`` to the coarsest and back."""
        right = np.ascontiguousarray(right, dtype=np.float32)
        if depth == len(self.levels) - 1:
            return self._coarsest_inverse @ right
        level = self.levels[depth]
        block = _smooth(level, None, right)
        remainder = _subtract_product(right, level.definite, block)
        correction = self._cycle(depth + 1, times_block(level.restriction, remainder))
        block += times_block(level.prolongation, correction)
        return _smooth(level, block, right)

    def _solve_coarsest(self, count: int) -> Float[np.ndarray, "n found"]:
        """Return the coarsest problem's eigenvectors for its smallest eigenvalues, at most ``count``."""
        problem = self.levels[-1].problem
        identity = np.eye(problem.size)
        last = min(count, problem.size) - 1
        stiffness, mass = problem.times(identity), problem.times_mass(identity)
        return linalg.eigh(stiffness, mass, subset_by_index=[0, last])[1]

    @cached_property
    def _coarsest_inverse(self) -> Float[np.ndarray, "n n"]:
        return linalg.inv(self.levels[-1].definite.toarray().astype(np.float64)).astype(np.float32)


def _smooth(
    level: Level, block: Float[np.ndarray, "n c"] | None, right: Float[np.ndarray, "n c"]
) -> Float[np.ndarray, "n c"]:
    """Damp the upper part of the error's spectrum by a Chebyshev polynomial (Saad 2003, Alg. 12.1).

    The block is an approximate solution of ``definite x = right`` and is changed in place; None means zero.
    """
    high, low = level.largest, level.largest * SMOOTHED_FROM
    center, radius = (high + low) / 2, (high - low) / 2
    momentum, step, rho = 0.0, 1 / center, radius / center
    # The residual of zero is the right-hand side itself and takes no product.
    remainder = right if block is None else _subtract_product(right, level.definite, block)
    block = np.zeros_like(right) if block is None else block
    direction = np.zeros_like(right)
    for degree in range(SMOOTHING_DEGREE):
        if degree > 0:
            remainder = _subtract_product(right, level.definite, block)
        chebyshev_step(
            remainder, level.inverse_diagonal, np.float32(momentum), np.float32(step), direction, block
        )
        previous, rho = rho, 1 / (2 * center / radius - rho)
        momentum, step = rho * previous, 2 * rho / radius
    return block


def _subtract_product(
    right: Float[np.ndarray, "n c"], matrix: sparse.csr_array, block: Float[np.ndarray, "n c"]
) -> Float[np.ndarray, "n c"]:
    """Return ``right - matrix @ block``."""
    out = np.empty_like(right)
    residual(matrix.indptr, matrix.indices, matrix.data, block, right, out)
    return out
