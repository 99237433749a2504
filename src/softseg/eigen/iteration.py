"""The iteration of LOBPCG on one eigenproblem, ``L x = value M x``.

`LOBPCG` runs it on a Laplacian, and `Multigrid` on the coarse copies of one as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float
from scipy import linalg

from softseg.eigen.blocks import TallBlocks, columns
from softseg.eigen.problem import Problem
from softseg.progress import tick

# A converged pair is left out of the next steps until its residual norm has grown by this factor. It can
# grow, because every Rayleigh-Ritz step mixes all vectors. Described in docs/architecture.md, "A tolerance
# per pixel"; the value was chosen by the project's own tests.
UNSETTLED = 1.2
# The largest error of an eigenvalue as a share of the largest wanted eigenvalue, which holds whatever the
# tolerance is: with an absolute tolerance alone, tiny eigenvalues would not have a single correct digit.
# Chosen by the project's own tests.
LARGEST_SHARE = 3e-3
# Where all wanted eigenvalues are nearer to zero than this share of the preconditioner's shift, they count as
# zeros, and errors are measured against this: a share of rounding has no meaning. The wanted eigenvalues of
# photos go up to a few shifts. Chosen by the project.
ZERO_SHARE = 1e-6
# A direction of a basis is taken for rounding, and dropped, if its squared length is below this once all
# basis vectors have been scaled to length one. Chosen by the project's own tests.
DEPENDENT = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-10}


@final
@dataclass(frozen=True)
class StoppingRule:
    """When an iteration ends.

    Attributes
    ----------
    wanted : int
        The number of smallest pairs that should converge.
    goal : float
        The estimated error of an eigenvalue at which its pair has converged, in units of L's entries.
    most_iterations : int
        The number of iterations after which the iteration ends all the same.
    slack : float
        A factor by which errors may be larger than `limit_error` says.
    unconverged : int
        How many of the wanted pairs need not converge.
    """

    wanted: int
    goal: float
    most_iterations: int
    slack: float = 1.0
    unconverged: int = 0


def iterate(
    problem: Problem,
    precondition: Callable[[Float[np.ndarray, "n c"]], Float[np.ndarray, "n c"]],
    shift: float,
    start: Float[np.ndarray, "n m"],
    rule: StoppingRule,
    dense: TallBlocks,
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "n m"], bool]:
    """Iterate until the smallest wanted pairs of a problem have converged.

    With a residual r and the preconditioner T, ``r' T r`` estimates the error of an eigenvalue closely,
    because it weighs what is left of each frequency by its effect on the Rayleigh quotient. T inverts
    ``L + shift M`` instead of L, which makes the estimate too small, at most by the factor that
    `undo_shift` returns.

    Parameters
    ----------
    problem : Problem
        L and M.
    precondition : callable
        Multiplies a block of vectors by T, which is symmetric and near ``(L + shift M)^-1``.
    shift : float
        The shift of T.
    start : ndarray, shape (n, m)
        Vectors that are orthonormal with respect to M, up to rounding; their precision is that of the
        iteration.
    rule : StoppingRule
        When to stop; at most m pairs can be wanted.
    dense : TallBlocks
        The algebra of blocks of vectors.

    Returns
    -------
    values : ndarray, shape (m,)
        The smallest Ritz values, ascending.
    vectors : ndarray, shape (n, m)
        Their Ritz vectors.
    converged : bool
        Whether the iteration ended because enough pairs had converged.

    References
    ----------
    Knyazev, "Toward the Optimal Preconditioned Eigensolver", SISC 2001.
    """
    wanted = slice(rule.wanted)
    values, X = _find_ritz_pairs(problem, start, dense)
    P = None
    settled = np.zeros(len(values))  # each pair's residual norm when it was last found converged, or 0
    for iteration in range(rule.most_iterations + 1):
        tick()
        R, mass_X = problem.times(X), problem.times_mass(X)
        # X is orthonormal only up to rounding. Taking its mass matrix for the identity would let the rounding
        # build up from one iteration to the next.
        corners = dense.gram_matrix([X], [R]), dense.gram_matrix([X], [mass_X])
        norms = dense.subtract_scaled(R, mass_X, values)
        checked = norms > UNSETTLED * settled
        R = columns(R, checked)
        W = precondition(R).astype(X.dtype, copy=False)
        # The estimate is negative where T is not positive definite, which is no sign of convergence.
        errors = np.abs(dense.column_products(R, W)) * undo_shift(shift, values[wanted])
        unfinished = errors > rule.slack * limit_error(rule.goal, shift, values[wanted])
        settled[checked] = np.where(unfinished, 0, norms[checked])
        active = np.zeros(len(values), bool)
        active[checked] = unfinished
        converged = bool(np.count_nonzero(active[wanted]) <= rule.unconverged)
        if converged or iteration == rule.most_iterations:
            break
        others = [columns(W, unfinished)] if P is None else [columns(W, unfinished), columns(P, active)]
        del R, W, mass_X
        values, X, P = _step(problem, corners, X, others, dense)
    return values, X, converged


def limit_error(goal: float, shift: float, values: Float[np.ndarray, " k"]) -> float:
    """Return how large the error of an eigenvalue may be, given all wanted eigenvalues."""
    return min(goal, LARGEST_SHARE * _measure_largest(shift, values))


def undo_shift(shift: float, values: Float[np.ndarray, " k"]) -> float:
    """Return the largest factor by which the shift of T makes estimated errors of eigenvalues too small."""
    return 1 + shift / _measure_largest(shift, values)


def _measure_largest(shift: float, values: Float[np.ndarray, " k"]) -> float:
    """Return the largest eigenvalue, or the largest magnitude where none is above zero.

    What the wanted vectors lack belongs to still larger eigenvalues. A cut far below zero says nothing about
    those: taken for the largest, it would make errors of small eigenvalues seem smaller than they are. The
    magnitude of zeros is a small share of the shift.
    """
    zero = ZERO_SHARE * shift
    largest = float(values.max())
    return largest if largest > zero else max(float(np.abs(values).max()), zero)


def complete_basis(
    problem: Problem,
    block: Float[np.ndarray, "n found"],
    size: int,
    rng: np.random.Generator,
    dense: TallBlocks,
) -> Float[np.ndarray, "n size"]:
    """Orthonormalize a block, and add noise in the place of vectors that are missing or dependent."""
    block = _orthonormalize(problem, block, dense)
    if block.shape[1] == size:
        return block
    noise = rng.standard_normal((len(block), size - block.shape[1])).astype(block.dtype)
    return _orthonormalize(problem, np.hstack([block, noise]), dense)


def _orthonormalize(
    problem: Problem, block: Float[np.ndarray, "n found"], dense: TallBlocks
) -> Float[np.ndarray, "n r"]:
    mass = dense.gram_matrix([block], [problem.times_mass(block)])
    return dense.product([block], _find_orthonormalizer(mass, DEPENDENT[block.dtype]))


def _find_ritz_pairs(
    problem: Problem, block: Float[np.ndarray, "n m"], dense: TallBlocks
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "n m"]]:
    """Return the Ritz values and vectors in the span of an orthonormal block."""
    values, C = linalg.eigh(dense.gram_matrix([block], [problem.times(block)]))
    return values, dense.product([block], C)


def _step(
    problem: Problem,
    corners: tuple[Float[np.ndarray, "m m"], Float[np.ndarray, "m m"]],
    X: Float[np.ndarray, "n m"],
    others: list[np.ndarray],
    dense: TallBlocks,
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "n m"], Float[np.ndarray, "n m"]]:
    """Return the smallest Ritz values in the span of [X, others], their vectors, and the step P.

    P is what the blocks other than X contribute to the new vectors; LOBPCG keeps it as its conjugate
    directions. The corners are the stiffness matrix ``X' L X`` and the mass matrix ``X' M X``. All bases are
    kept orthonormal (Duersch, Shao, Yang, Gu, SISC 2018).
    """
    m = X.shape[1]
    stiffness = _border(corners[0], X, others, [problem.times(block) for block in others], dense)
    mass = _border(corners[1], X, others, [problem.times_mass(block) for block in others], dense)
    T = _find_orthonormalizer(mass, DEPENDENT[X.dtype])
    values, C = linalg.eigh(T.T @ stiffness @ T, subset_by_index=[0, m - 1])
    C = T @ C
    step = dense.product(others, C[m:])
    return values, dense.product([X], C[:m], step), step


def _border(
    corner: Float[np.ndarray, "m m"],
    X: Float[np.ndarray, "n m"],
    others: list[np.ndarray],
    products: list[np.ndarray],
    dense: TallBlocks,
) -> Float[np.ndarray, "s s"]:
    """Return the Gram matrix of [X, others]; the corner is the known part of it that belongs to X alone."""
    border = np.hstack([dense.gram(X, product) for product in products])
    return np.block([[corner, border], [border.T, dense.gram_matrix(others, products)]])


def _find_orthonormalizer(mass: Float[np.ndarray, "s s"], dependent: float) -> Float[np.ndarray, "s r"]:
    """Return T with ``T' mass T = Id``, without the directions in which the basis is nearly dependent."""
    scale = 1 / np.sqrt(np.maximum(mass.diagonal(), np.finfo(float).tiny))
    eigenvalues, vectors = linalg.eigh(mass * scale * scale[:, None])
    keep = eigenvalues > dependent
    return scale[:, None] * vectors[:, keep] / np.sqrt(eigenvalues[keep])
