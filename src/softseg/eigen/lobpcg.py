"""The default eigensolver: block LOBPCG, preconditioned by multigrid, started from the coarsest level."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float
from scipy import linalg

from softseg._checks import check_count, check_positive
from softseg._threads import row_blocks, workers
from softseg.eigen.base import Eigenpairs, Eigensolver, eigenpairs
from softseg.eigen.multigrid import Hierarchy, Level, build_hierarchy, times_block

if TYPE_CHECKING:
    from softseg.laplacian import Laplacian

GUARD = 0.1  # share of vectors iterated beyond those asked for: the last wanted ones converge sooner
# Coarse levels only start the next one: they stop at a larger tolerance and leave a few pairs behind.
COARSE_SLACK = 10
COARSE_SPARE = 0.1
# A converged pair is left alone until its residual has grown by this factor: others turn into it.
UNSETTLED = 1.2
# Rows of a piece of a tall block: BLAS is several times faster on pieces that fit the cache.
BLOCK_ROWS = 1024


@final
@dataclass(frozen=True)
class LOBPCG(Eigensolver):
    """Locally optimal block preconditioned conjugate gradients with nested iteration.

    Parameters
    ----------
    tol : float
        A pair has converged when the estimated error of its eigenvalue is at most ``tol`` times the largest
        wanted eigenvalue.
    max_iterations : int
        Most iterations on each level.

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

    tol: float = 3e-4
    max_iterations: int = 60

    def __post_init__(self) -> None:
        check_positive("tol", self.tol)
        check_count("max_iterations", self.max_iterations)

    def _solve(self, laplacian: Laplacian, k: int, rng: np.random.Generator) -> Eigenpairs:
        hierarchy = build_hierarchy(laplacian, rng)
        m = k + max(5, round(GUARD * k))
        coarsest, *finer = range(len(hierarchy.levels) - 1, -1, -1)
        with workers() as pool:
            dense = TallBlocks(pool)
            vectors = _solve_coarsest(hierarchy.levels[coarsest], m)
            for depth in finer:
                vectors = _filled_up(times_block(hierarchy.levels[depth].prolongation, vectors), m, rng)
                values, vectors, converged = self._iterate(hierarchy, depth, vectors, k, dense)
        return eigenpairs(laplacian, values[:k], vectors[:, :k], converged)

    def _iterate(
        self, hierarchy: Hierarchy, depth: int, start: Float[np.ndarray, "n m"], k: int, dense: TallBlocks
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "n m"], bool]:
        """Iterate on one level's eigenproblem ``L x = value M x`` until the first k pairs have converged.

        With a residual r and the preconditioner T, ``r' T r`` estimates an eigenvalue's error closely: it
        weighs what is left of each frequency by what it does to the Rayleigh quotient.
        """
        level = hierarchy.levels[depth]
        slack, spare = (1, 0) if depth == 0 else (COARSE_SLACK, round(COARSE_SPARE * k))
        values, X = _start(level, start, dense)
        P = None
        settled = np.zeros(len(values))  # residual norms at which pairs were last found converged
        for iteration in range(self.max_iterations + 1):
            stiff_X, mass_X = level.times(X), level.times_mass(X)
            R = stiff_X - mass_X * values
            norms = np.sqrt(dense.column_products(R, R))
            checked = np.flatnonzero(norms > UNSETTLED * settled)
            W = hierarchy.precondition(depth, R[:, checked]).astype(np.float64)
            errors = dense.column_products(R[:, checked], W)
            open_ = errors > slack * self.tol * float(np.abs(values[:k]).max())
            settled[checked] = np.where(open_, 0, norms[checked])
            active = checked[open_]
            converged = bool(np.count_nonzero(active < k) <= spare)
            if converged or iteration == self.max_iterations:
                break
            W = np.ascontiguousarray(W[:, open_])
            W -= dense.product([X], dense.gram(mass_X, W))
            others = [W] if P is None else [W, np.ascontiguousarray(P[:, active])]
            values, X, P = _rayleigh_ritz(level, values, X, stiff_X, mass_X, others, dense)
        return values, X, converged


def _start(
    level: Level, block: Float[np.ndarray, "n m"], dense: TallBlocks
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "n m"]]:
    """Return the Ritz values of a block's span and their vectors."""
    T = _orthonormalising(dense.gram_matrix([block], [level.times_mass(block)]))
    values, C = linalg.eigh(T.T @ dense.gram_matrix([block], [level.times(block)]) @ T)
    return values, dense.product([block], T @ C)


def _rayleigh_ritz(
    level: Level,
    values: Float[np.ndarray, " m"],
    X: Float[np.ndarray, "n m"],
    stiff_X: Float[np.ndarray, "n m"],
    mass_X: Float[np.ndarray, "n m"],
    others: list[np.ndarray],
    dense: TallBlocks,
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "n m"], Float[np.ndarray, "n m"]]:
    """Return the smallest Ritz values of [X, others], their vectors, and the part of those outside X.

    That part is the step which LOBPCG keeps as its conjugate directions P.
    """
    m = len(values)
    stiffness = _bordered(np.diag(values), stiff_X, others, [level.times(block) for block in others], dense)
    mass = _bordered(np.eye(m), mass_X, others, [level.times_mass(block) for block in others], dense)
    T = _orthonormalising(mass)
    values, C = linalg.eigh(T.T @ stiffness @ T, subset_by_index=[0, m - 1])
    C = T @ C
    step = dense.product(others, C[m:])
    return values, dense.product([X], C[:m]) + step, step


def _bordered(
    corner: Float[np.ndarray, "m m"],
    product_X: Float[np.ndarray, "n m"],
    others: list[np.ndarray],
    products: list[np.ndarray],
    dense: TallBlocks,
) -> Float[np.ndarray, "s s"]:
    """Return the Gram matrix of [X, others] from that of X, which is known."""
    border = np.hstack([dense.gram(product_X, block) for block in others])
    return np.block([[corner, border], [border.T, dense.gram_matrix(others, products)]])


def _orthonormalising(mass: Float[np.ndarray, "s s"]) -> Float[np.ndarray, "s r"]:
    """Return T with ``T' mass T = Id``, leaving out directions in which the basis is nearly dependent."""
    scale = 1 / np.sqrt(np.maximum(mass.diagonal(), np.finfo(float).tiny))
    eigenvalues, vectors = linalg.eigh(mass * scale * scale[:, None])
    keep = eigenvalues > 1e-10
    return scale[:, None] * vectors[:, keep] / np.sqrt(eigenvalues[keep])


def _solve_coarsest(level: Level, m: int) -> Float[np.ndarray, "n found"]:
    """Solve the coarsest eigenproblem densely, for as many of the m vectors as it has."""
    identity = np.eye(level.size)
    last = min(m, level.size) - 1
    return linalg.eigh(level.times(identity), level.times_mass(identity), subset_by_index=[0, last])[1]


def _filled_up(
    block: Float[np.ndarray, "n found"], m: int, rng: np.random.Generator
) -> Float[np.ndarray, "n m"]:
    """Add noise to the vectors of a small coarse level until there are m."""
    return np.hstack([block, rng.standard_normal((len(block), m - block.shape[1]))])


@final
class TallBlocks:
    """Products of tall blocks of vectors, by pieces of rows that fit a core's cache."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def gram(
        self, left: Float[np.ndarray, "n a"], right: Float[np.ndarray, "n b"]
    ) -> Float[np.ndarray, "a b"]:
        """Return ``left' right``."""
        return sum(self._pool.map(lambda rows: left[rows].T @ right[rows], row_blocks(len(left), BLOCK_ROWS)))

    def gram_matrix(self, basis: list[np.ndarray], products: list[np.ndarray]) -> Float[np.ndarray, "s s"]:
        """Return the symmetric matrix of all ``basis[i]' products[j]``."""
        sizes = [0, *np.cumsum([block.shape[1] for block in basis])]
        spans = [slice(*ends) for ends in itertools.pairwise(sizes)]
        matrix = np.zeros((sizes[-1], sizes[-1]))
        for j, product in enumerate(products):
            for i in range(j + 1):
                matrix[spans[i], spans[j]] = self.gram(basis[i], product)
                matrix[spans[j], spans[i]] = matrix[spans[i], spans[j]].T
        return (matrix + matrix.T) / 2

    def product(
        self, blocks: list[np.ndarray], coefficients: Float[np.ndarray, "s b"]
    ) -> Float[np.ndarray, "n b"]:
        """Return ``[blocks] @ coefficients``."""
        out = np.empty((len(blocks[0]), coefficients.shape[1]))
        starts = np.cumsum([0, *(block.shape[1] for block in blocks)])

        def multiply(rows: slice) -> None:
            out[rows] = blocks[0][rows] @ coefficients[: starts[1]]
            for block, start, stop in zip(blocks[1:], starts[1:], starts[2:], strict=False):
                out[rows] += block[rows] @ coefficients[start:stop]

        list(self._pool.map(multiply, row_blocks(len(out), BLOCK_ROWS)))
        return out

    def column_products(
        self, left: Float[np.ndarray, "n b"], right: Float[np.ndarray, "n b"]
    ) -> Float[np.ndarray, " b"]:
        """Return the inner products of corresponding columns."""
        pieces = row_blocks(len(left), BLOCK_ROWS)
        return sum(self._pool.map(lambda rows: np.einsum("ij,ij->j", left[rows], right[rows]), pieces))
