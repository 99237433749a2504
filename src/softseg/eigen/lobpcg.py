"""The default eigensolver: block LOBPCG with a strong preconditioner, which also says where to start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float
from scipy import linalg

from softseg._checks import check_count, check_instance, check_positive
from softseg._threads import workers
from softseg.eigen.base import Eigenpairs, Eigensolver, in_order, signs
from softseg.eigen.blocks import TallBlocks, columns, times_block
from softseg.eigen.preconditioner import Preconditioner, Prepared, Start
from softseg.eigen.problem import Problem
from softseg.eigen.shifted_inverse import ShiftedInverse
from softseg.progress import tick

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

GUARD = 0.1  # share of vectors iterated beyond those asked for: the last wanted ones converge sooner
# Coarse problems only start the next one: they stop at a larger tolerance and leave a few pairs behind.
COARSE_SLACK = 10
COARSE_SPARE = 0.1
# A converged pair is left alone until its residual has grown by this factor: others turn into it.
UNSETTLED = 1.2
RELATIVE = 3e-3  # of the largest wanted eigenvalue: no error is larger, however small the eigenvalues
SINGLE = 3e-7  # rounding errors of single precision, over the mean diagonal entry; double takes over below
# Directions of a basis whose squared length is below this, relative to the others, are rounding.
DEPENDENT = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-10}


@final
@dataclass(frozen=True)
class LOBPCG(Eigensolver):
    """Locally optimal block preconditioned conjugate gradients with nested iteration.

    Parameters
    ----------
    tol : float
        A pair has converged when the estimated error of its eigenvalue is at most ``tol`` times the
        Laplacian's mean diagonal entry. Eigenvalues are smoothness per pixel, which the sparsification
        weighs against a sparsity of order one per pixel: the larger a photo, the fewer digits of them matter.
        At least two digits of the largest wanted one are found all the same.
    max_iterations : int
        Most iterations on each level.
    preconditioner : Preconditioner
        Default `ShiftedInverse`.

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

    def _solve(self, laplacian: Laplacian, k: int, rng: np.random.Generator) -> Eigenpairs:
        prepared = self.preconditioner.prepare(laplacian, rng)
        m = k + max(5, round(GUARD * k))
        diagonal = float(laplacian.matrix.diagonal().mean())
        goal = self.tol * diagonal
        found = prepared.start(k, m, goal, rng)
        with workers() as pool:
            dense = TallBlocks(pool)
            pairs = _proven(prepared, found, k, goal, dense) if goal >= SINGLE * diagonal else None
            if pairs is not None:
                return pairs
            vectors = found.vectors
            for depth in reversed(range(len(prepared.problems))):
                tick()
                start = _full(prepared.problems[depth], vectors.astype(np.float32), m, rng, dense)
                values, vectors, converged = self._iterate(prepared, depth, start, k, goal, dense)
                if depth > 0:
                    vectors = times_block(prepared.problems[depth - 1].prolongation, vectors)
            if _allowed(goal, values[:k]) < SINGLE * diagonal:
                start = _full(prepared.problems[0], vectors.astype(np.float64), m, rng, dense)
                values, vectors, converged = self._iterate(prepared, 0, start, k, goal, dense)
            return in_order(*_measured(prepared.problems[0], vectors[:, :k], dense), converged)

    def _iterate(
        self,
        prepared: Prepared,
        depth: int,
        start: Float[np.ndarray, "n m"],
        k: int,
        goal: float,
        dense: TallBlocks,
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "n m"], bool]:
        """Iterate on one problem until the first k pairs have converged.

        With a residual r and the preconditioner T, ``r' T r`` estimates an eigenvalue's error closely: it
        weighs what is left of each frequency by what it does to the Rayleigh quotient. T's shift makes it
        too small, by at most the factor that is put back.
        """
        problem = prepared.problems[depth]
        slack, spare = (1, 0) if depth == 0 else (COARSE_SLACK, round(COARSE_SPARE * k))
        values, X = _start(problem, start, dense)
        P = None
        settled = np.zeros(len(values))  # residual norms at which pairs were last found converged
        for iteration in range(self.max_iterations + 1):
            tick()
            R, mass_X = problem.times(X), problem.times_mass(X)
            # Orthonormal up to rounding, which would build up if it were taken for granted.
            corners = dense.gram_matrix([X], [R]), dense.gram_matrix([X], [mass_X])
            norms = dense.subtract_scaled(R, mass_X, values)
            checked = norms > UNSETTLED * settled
            R = columns(R, checked)
            W = prepared.precondition(depth, R).astype(X.dtype, copy=False)
            # Negative where T is not positive definite, and then no sign of convergence.
            errors = np.abs(dense.column_products(R, W)) * _unshifted(prepared, values[:k])
            open_ = errors > slack * _allowed(goal, values[:k])
            settled[checked] = np.where(open_, 0, norms[checked])
            active = np.zeros(len(values), bool)
            active[checked] = open_
            converged = bool(np.count_nonzero(active[:k]) <= spare)
            if converged or iteration == self.max_iterations:
                break
            others = [columns(W, open_)] if P is None else [columns(W, open_), columns(P, active)]
            del R, W, mass_X
            values, X, P = _rayleigh_ritz(problem, corners, X, others, dense)
        return values, X, converged


def _allowed(goal: float, values: Float[np.ndarray, " k"]) -> float:
    """Return how large an error may be, given the wanted eigenvalues."""
    return min(goal, RELATIVE * float(np.abs(values).max()))


def _unshifted(prepared: Prepared, values: Float[np.ndarray, " k"]) -> float:
    """Return the factor that T's shift makes estimates too small by, at most."""
    return 1 + prepared.shift / float(np.abs(values).max())


def _proven(prepared: Prepared, found: Start, k: int, goal: float, dense: TallBlocks) -> Eigenpairs | None:
    """Return the first k pairs of a start if they have converged as they are.

    Errors are estimated as LOBPCG does, but without another product with T: if T is the inverse of
    ``M = L + shift Id``, a unit vector x with ``rho = x' M x`` and ``theta = x' T x`` has the residual
    ``r = (M - rho) x``, and ``r' T r = rho (rho theta - 1)``.
    """
    if found.inverse_quotients is None or len(found.inverse_quotients) < k:
        return None
    values, vectors, residuals = _measured(prepared.problems[0], found.vectors[:, :k], dense)
    rho, theta = values + prepared.shift, found.inverse_quotients[:k]
    errors = np.abs(rho * (rho * theta - 1)) * _unshifted(prepared, values)
    return in_order(values, vectors, residuals, True) if errors.max() <= _allowed(goal, values) else None


def _full(
    problem: Problem, block: Float[np.ndarray, "n found"], m: int, rng: np.random.Generator, dense: TallBlocks
) -> Float[np.ndarray, "n m"]:
    """Orthonormalise a block, and put noise in the place of what it lacks or has twice."""
    block = _orthonormal(problem, block, dense)
    if block.shape[1] == m:
        return block
    noise = rng.standard_normal((len(block), m - block.shape[1])).astype(block.dtype)
    return _orthonormal(problem, np.hstack([block, noise]), dense)


def _orthonormal(
    problem: Problem, block: Float[np.ndarray, "n found"], dense: TallBlocks
) -> Float[np.ndarray, "n r"]:
    mass = dense.gram_matrix([block], [problem.times_mass(block)])
    return dense.product([block], _orthonormalising(mass, DEPENDENT[block.dtype]))


def _start(
    problem: Problem, block: Float[np.ndarray, "n m"], dense: TallBlocks
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "n m"]]:
    """Return the Ritz values of an orthonormal block's span and their vectors."""
    values, C = linalg.eigh(dense.gram_matrix([block], [problem.times(block)]))
    return values, dense.product([block], C)


def _measured(
    problem: Problem, vectors: Float[np.ndarray, "n k"], dense: TallBlocks
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "n k"], Float[np.ndarray, " k"]]:
    """Return Rayleigh quotients, the vectors in double precision, and residuals."""
    tick()
    vectors = _polished(vectors.astype(np.float64), dense)
    tick()
    product = problem.times(vectors)
    values = dense.column_products(vectors, product)
    return values, vectors, dense.subtract_scaled(product, vectors, values)


def _polished(vectors: Float[np.ndarray, "n k"], dense: TallBlocks) -> Float[np.ndarray, "n k"]:
    """Make vectors orthonormal in double precision that are so in single; each moves as little as can be."""
    overlap = dense.gram(vectors, vectors)
    half = 1.5 * np.eye(len(overlap)) - 0.5 * overlap  # overlap^-1/2 to first order
    return dense.product([vectors], half * signs(vectors))


def _rayleigh_ritz(
    problem: Problem,
    corners: tuple[Float[np.ndarray, "m m"], Float[np.ndarray, "m m"]],
    X: Float[np.ndarray, "n m"],
    others: list[np.ndarray],
    dense: TallBlocks,
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "n m"], Float[np.ndarray, "n m"]]:
    """Return the smallest Ritz values of [X, others], their vectors, and the part of those outside X.

    That part is the step which LOBPCG keeps as its conjugate directions P. The corners are X's own stiffness
    and mass matrices.
    """
    m = X.shape[1]
    stiffness = _bordered(corners[0], X, others, [problem.times(block) for block in others], dense)
    mass = _bordered(corners[1], X, others, [problem.times_mass(block) for block in others], dense)
    T = _orthonormalising(mass, DEPENDENT[X.dtype])
    values, C = linalg.eigh(T.T @ stiffness @ T, subset_by_index=[0, m - 1])
    C = T @ C
    step = dense.product(others, C[m:])
    return values, dense.product([X], C[:m], step), step


def _bordered(
    corner: Float[np.ndarray, "m m"],
    X: Float[np.ndarray, "n m"],
    others: list[np.ndarray],
    products: list[np.ndarray],
    dense: TallBlocks,
) -> Float[np.ndarray, "s s"]:
    """Return the Gram matrix of [X, others] from that of X, which is known."""
    border = np.hstack([dense.gram(X, product) for product in products])
    return np.block([[corner, border], [border.T, dense.gram_matrix(others, products)]])


def _orthonormalising(mass: Float[np.ndarray, "s s"], dependent: float) -> Float[np.ndarray, "s r"]:
    """Return T with ``T' mass T = Id``, leaving out directions in which the basis is nearly dependent."""
    scale = 1 / np.sqrt(np.maximum(mass.diagonal(), np.finfo(float).tiny))
    eigenvalues, vectors = linalg.eigh(mass * scale * scale[:, None])
    keep = eigenvalues > dependent
    return scale[:, None] * vectors[:, keep] / np.sqrt(eigenvalues[keep])
