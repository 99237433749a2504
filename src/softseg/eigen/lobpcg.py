"""The default eigensolver: block LOBPCG with a strong preconditioner, which also says where to start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float

from softseg._checks import check_count, check_instance, check_positive
from softseg._threads import workers
from softseg.eigen.base import Eigenpairs, Eigensolver, find_signs, sort_pairs
from softseg.eigen.blocks import TallBlocks
from softseg.eigen.iteration import StoppingRule, complete_basis, iterate, limit_error, undo_shift
from softseg.eigen.preconditioner import Preconditioner, Start
from softseg.eigen.problem import Problem
from softseg.eigen.shifted_inverse import ShiftedInverse
from softseg.progress import tick

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

# The number of vectors that are iterated in addition to the wanted ones, as a share of those. The last wanted
# vectors then converge sooner, because the eigenvalues that are left out lie farther from them. Chosen by the
# project's own tests.
GUARD = 0.1
LEAST_GUARD = 5  # vectors in addition to the wanted ones, however few those are; chosen likewise
# The smallest error of an eigenvalue that single precision can reach, over the Laplacian's mean diagonal
# entry: about five times the unit roundoff 2^-24. For smaller errors the iteration goes on in double
# precision. Described in docs/architecture.md, "Single precision where it is enough".
SINGLE_PRECISION = 3e-7


@final
@dataclass(frozen=True)
class LOBPCG(Eigensolver):
    """Locally optimal block preconditioned conjugate gradients.

    Parameters
    ----------
    tol : float
        A pair has converged when the estimated error of its eigenvalue is at most ``tol`` times the
        Laplacian's mean diagonal entry in magnitude. Eigenvalues are smoothness per pixel, which the
        sparsification weighs against a sparsity of order one per pixel: the larger a photo, the fewer digits
        of them matter.
        At least two digits of the largest wanted eigenvalue are found all the same.
    max_iterations : int
        The largest number of iterations, at least 1. It counts anew if single precision turns out not to be
        enough.
    preconditioner : Preconditioner
        Default `ShiftedInverse`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not as above.

    References
    ----------
    Knyazev, "Toward the Optimal Preconditioned Eigensolver", SISC 2001; the bases are kept orthonormal
    as in Duersch, Shao, Yang, Gu, "A Robust and Efficient Implementation of LOBPCG", SISC 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import MattingAffinity, Scene
    >>> from softseg.eigen import LOBPCG
    >>> scene = Scene(np.random.default_rng(0).random((40, 50, 3)))
    >>> LOBPCG().solve(MattingAffinity().laplacian(scene), k=10)
    <Eigenpairs: 10 of 2000 pixels, converged>
    """

    tol: float = 1e-6
    max_iterations: int = 60
    preconditioner: Preconditioner = field(default_factory=ShiftedInverse)

    def __post_init__(self) -> None:
        check_positive("tol", self.tol)
        check_count("max_iterations", self.max_iterations)
        check_instance("preconditioner", self.preconditioner, Preconditioner)

    _remedy = "raise max_iterations or tol, or use ShiftInvert()"

    def _solve(self, laplacian: Laplacian, k: int, rng: np.random.Generator) -> Eigenpairs:
        prepared = self.preconditioner.prepare(laplacian, rng)
        count = k + max(LEAST_GUARD, round(GUARD * k))
        diagonal = float(np.abs(laplacian.matrix.diagonal()).mean())  # entries are negative where all repels
        goal = self.tol * diagonal
        rule = StoppingRule(k, goal, self.max_iterations)
        start = prepared.start(k, count, goal, rng)
        problem = Problem(laplacian.matrix)
        with workers() as pool:
            dense = TallBlocks(pool)
            if goal >= SINGLE_PRECISION * diagonal:
                pairs = _accept_start(problem, prepared.shift, start, rule, dense)
                if pairs is not None:
                    return pairs

            def refine(
                vectors: Float[np.ndarray, "N found"],
            ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "N m"], bool]:
                basis = complete_basis(problem, vectors, count, rng, dense)
                return iterate(problem, prepared.precondition, prepared.shift, basis, rule, dense)

            tick()
            values, vectors, converged = refine(start.vectors.astype(np.float32))
            fine = limit_error(goal, prepared.shift, values[:k]) < SINGLE_PRECISION * diagonal
            if fine or not converged:  # rounding may also be what keeps it from converging
                values, vectors, converged = refine(vectors.astype(np.float64))
            return sort_pairs(*_measure_pairs(problem, vectors[:, :k], dense), converged)


def _accept_start(
    problem: Problem, shift: float, start: Start, rule: StoppingRule, dense: TallBlocks
) -> Eigenpairs | None:
    """Return the wanted pairs of a start if they have converged already, and otherwise None.

    Errors are estimated as `iterate` does, but without another product with T. If T is the inverse of
    ``M = L + shift Id``, a unit vector x with ``rho = x' M x`` and ``theta = x' T x`` has the residual
    ``r = (M - rho) x``, so that ``r' T r = rho (rho theta - 1)``.
    """
    if start.inverse_quotients is None or len(start.inverse_quotients) < rule.wanted:
        return None
    values, vectors, residuals = _measure_pairs(problem, start.vectors[:, : rule.wanted], dense)
    rho, theta = values + shift, start.inverse_quotients[: rule.wanted]
    errors = np.abs(rho * (rho * theta - 1)) * undo_shift(shift, values)
    converged = bool(errors.max() <= limit_error(rule.goal, shift, values))
    return sort_pairs(values, vectors, residuals, converged) if converged else None


def _measure_pairs(
    problem: Problem, vectors: Float[np.ndarray, "N k"], dense: TallBlocks
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "N k"], Float[np.ndarray, " k"]]:
    """Return Rayleigh quotients, the vectors in double precision, and the norms of the residuals."""
    tick()
    vectors = _polish(vectors.astype(np.float64), dense)
    tick()
    product = problem.times(vectors)
    values = dense.column_products(vectors, product)
    return values, vectors, dense.subtract_scaled(product, vectors, values)


def _polish(vectors: Float[np.ndarray, "N k"], dense: TallBlocks) -> Float[np.ndarray, "N k"]:
    """Make vectors that are orthonormal in single precision orthonormal in double, and fix their signs.

    The vectors are multiplied by the inverse square root of their overlaps, to first order: of all ways to
    make them orthonormal, this moves them least.
    """
    overlaps = dense.gram(vectors, vectors)
    root = 1.5 * np.eye(len(overlaps)) - 0.5 * overlaps
    return dense.product([vectors], root * find_signs(vectors))
