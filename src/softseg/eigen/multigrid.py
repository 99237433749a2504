"""Multigrid over a Laplacian: a preconditioner, and coarse copies of the eigenproblem.

pyamg aggregates the *local* part of the Laplacian, shifted to be positive definite; the long-range links
between superpixels, which may repel, never enter the hierarchy of matrices. They are carried along in
factored form: few pixels take part in them, so that on every level they are J C J' with the small graph C
of the linked pixels and the rows J of the prolongation at them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import pyamg
from jaxtyping import Float
from scipy import linalg, sparse

from softseg._rng import legacy_seed
from softseg.eigen._kernels import chebyshev_step, residual
from softseg.eigen.blocks import times_block
from softseg.eigen.preconditioner import Preconditioner, Prepared, Start
from softseg.eigen.problem import LongLinks, Problem

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

COARSEST = 2500  # most unknowns of the coarsest level: a dense generalised eigenproblem of under a second
SHIFT = (
    25  # times the mean diagonal over n: well below the wanted eigenvalues, above what local part may lack
)
SMOOTHING_DEGREE = 4
SMOOTHED_FRACTION = 1 / 16  # the smoother damps eigenvalues from this fraction of the largest one up


@final
@dataclass(frozen=True)
class Multigrid(Preconditioner):
    """One V-cycle over pyamg's smoothed aggregation of the Laplacian's local part; nested iteration.

    Needs less memory than `LocalInverse`, and no more than a few operations per pixel, but many more
    iterations.
    """

    def prepare(self, laplacian: Laplacian, rng: np.random.Generator) -> Prepared:
        """Aggregate the local part."""
        return build_hierarchy(laplacian, rng)


@final
@dataclass(frozen=True, eq=False)
class Level:
    """One level: the Galerkin copy of the eigenproblem, and what the V-cycle needs."""

    problem: Problem  # its matrix holds the finest level's whole Laplacian; P' (local part) P on the others
    definite: sparse.csr_array  # the local part shifted to be positive definite, float32
    inverse_diagonal: Float[np.ndarray, " n"]  # of `definite`
    largest: float  # eigenvalue of D^-1 definite, an upper bound
    restriction: sparse.csr_array | None  # P' of the problem's prolongation


@final
@dataclass(frozen=True, eq=False)
class Hierarchy(Prepared):
    """The levels, finest first, and the V-cycle over them."""

    levels: tuple[Level, ...]
    shift: float

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All but the coarsest, which `start` solves densely."""
        return tuple(level.problem for level in self.levels[:-1] or self.levels)

    def start(self, wanted: int, count: int, goal: float, rng: np.random.Generator) -> Start:
        """Return the coarsest problem's eigenvectors, on the next finer level."""
        coarsest = self.levels[-1].problem
        identity = np.eye(coarsest.size)
        last = min(count, coarsest.size) - 1
        vectors = linalg.eigh(
            coarsest.times(identity), coarsest.times_mass(identity), subset_by_index=[0, last]
        )[1]
        finer = len(self.levels) > 1
        return Start(times_block(self.problems[-1].prolongation, vectors) if finer else vectors)

    @functools.cached_property
    def _coarsest_inverse(self) -> Float[np.ndarray, "n n"]:
        return linalg.inv(self.levels[-1].definite.toarray().astype(np.float64)).astype(np.float32)

    def precondition(self, depth: int, right: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        """Return one symmetric V-cycle's approximation of ``definite^-1 right`` on level ``depth``.

        Single precision throughout: a preconditioner only has to point the right way.
        """
        right = np.ascontiguousarray(right, dtype=np.float32)
        if depth == len(self.levels) - 1:
            return self._coarsest_inverse @ right
        level = self.levels[depth]
        block = _smooth(level, None, right)
        remainder = _residual(level.definite, block, right)
        correction = self.precondition(depth + 1, times_block(level.restriction, remainder))
        block += times_block(level.problem.prolongation, correction)
        return _smooth(level, block, right)


def build_hierarchy(laplacian: Laplacian, rng: np.random.Generator) -> Hierarchy:
    """Aggregate the local part of a Laplacian into a hierarchy.

    Parameters
    ----------
    laplacian : Laplacian
        With near-null vectors, or without: then smoothed random vectors stand in for them.
    rng : numpy.random.Generator
        For those, and for pyamg's estimates of spectral radii.

    Returns
    -------
    Hierarchy
        Of at least two levels unless the image is small.
    """
    local = laplacian.local
    n = local.shape[0]
    shift = SHIFT * float(local.diagonal().mean()) / n
    near_null = laplacian.near_null
    if near_null is None:
        near_null = smoothed_random_vectors(local, rng)
    definite = sparse.csr_matrix(local + shift * sparse.eye_array(n))
    definite.sort_indices()
    with legacy_seed(rng):
        blocks = COARSEST // near_null.shape[1]  # pyamg counts aggregates
        levels = pyamg.smoothed_aggregation_solver(definite, B=near_null, max_coarse=blocks).levels
    prolongations = _without_empty_columns([_as_csr(level.P) for level in levels[:-1]])
    return Hierarchy(_levels(laplacian, prolongations, shift, rng), shift)


def _without_empty_columns(prolongations: list[sparse.csr_array]) -> list[sparse.csr_array]:
    """Drop the unknowns that pyamg leaves empty where near-null vectors depend on each other, as on grey."""
    result = []
    kept = np.arange(prolongations[0].shape[0]) if prolongations else np.arange(0)
    for prolongation in prolongations:
        prolongation = prolongation[kept]
        kept = np.flatnonzero(abs(prolongation).sum(axis=0))
        result.append(_as_csr(prolongation[:, kept]))
    return result


def _levels(
    laplacian: Laplacian, prolongations: list[sparse.csr_array], shift: float, rng: np.random.Generator
) -> tuple[Level, ...]:
    """Carry the eigenproblem down the given prolongations by Galerkin products."""
    n = laplacian.matrix.shape[0]
    local, mass = laplacian.local, sparse.csr_array(sparse.eye_array(n))
    linked_pixels, graph = _long_links(laplacian)
    rows = sparse.csr_array(sparse.eye_array(n))[:, linked_pixels]
    levels = []
    for depth in range(len(prolongations) + 1):
        finest = depth == 0
        definite = sparse.csr_array(local + shift * mass, dtype=np.float32)
        inverse_diagonal = (1 / definite.diagonal()).astype(np.float32)
        prolongation = prolongations[depth] if depth < len(prolongations) else None
        levels.append(
            Level(
                Problem(
                    matrix=laplacian.matrix if finest else local,
                    long_links=None if finest else LongLinks(rows, _as_csr(rows.T), graph),
                    mass=None if finest else mass,
                    prolongation=None if prolongation is None else prolongation.astype(np.float32),
                ),
                definite=definite,
                inverse_diagonal=inverse_diagonal,
                largest=_largest_eigenvalue(definite, inverse_diagonal, rng),
                restriction=None if prolongation is None else _as_csr(prolongation.T).astype(np.float32),
            )
        )
        if prolongation is not None:
            local = _as_csr(prolongation.T @ local @ prolongation)
            mass = _as_csr(prolongation.T @ mass @ prolongation)
            rows = _as_csr(prolongation.T @ rows)
    return tuple(levels)


def _long_links(laplacian: Laplacian) -> tuple[np.ndarray, sparse.csr_array]:
    """Return the pixels that take part in links beyond the local part, and the links among them."""
    beyond = sparse.csr_array(laplacian.matrix - laplacian.local)
    # Subtracting leaves rounding on the diagonals of pixels without such links.
    beyond.data[np.abs(beyond.data) < 1e-14 * np.abs(laplacian.matrix.data).max()] = 0
    beyond.eliminate_zeros()
    pixels = np.flatnonzero(np.diff(beyond.indptr))
    return pixels, _as_csr(beyond[pixels][:, pixels])


def smoothed_random_vectors(
    local: sparse.csr_array, rng: np.random.Generator, count: int = 5, degree: int = 60
) -> Float[np.ndarray, "n c"]:
    """Return the constant and ``count`` smooth vectors that a local part nearly annihilates.

    Noise through a Chebyshev polynomial that damps the upper 99.5 % of the spectrum: what is left is, on each
    aggregate, a mixture of the few shapes that smooth eigenvectors take there (adaptive smoothed
    aggregation, Brezina et al. 2005, with its candidates found at once).
    """
    n = local.shape[0]
    largest = float(abs(local).sum(axis=1).max())  # Gershgorin
    low = 0.005 * largest
    center, radius = (largest + low) / 2, (largest - low) / 2
    before = rng.standard_normal((n, count))
    now = (times_block(local, before) - center * before) / radius
    for _ in range(degree - 1):
        after = 2 / radius * (times_block(local, now) - center * now) - before
        scale = 1 / np.abs(after).max(axis=0)
        before, now = now * scale, after * scale
    return np.column_stack([np.ones(n), now])


def _smooth(
    level: Level, block: Float[np.ndarray, "n c"] | None, right: Float[np.ndarray, "n c"]
) -> Float[np.ndarray, "n c"]:
    """Damp the upper part of the error's spectrum by a Chebyshev polynomial (Saad 2003, Alg. 12.1)."""
    high, low = level.largest, level.largest * SMOOTHED_FRACTION
    center, radius = (high + low) / 2, (high - low) / 2
    momentum, step, rho = 0.0, 1 / center, radius / center
    # From zero (None) the first residual is the right-hand side itself.
    remainder = right if block is None else _residual(level.definite, block, right)
    block = np.zeros_like(right) if block is None else block
    direction = np.zeros_like(right)
    for degree in range(SMOOTHING_DEGREE):
        if degree > 0:
            remainder = _residual(level.definite, block, right)
        chebyshev_step(
            remainder, level.inverse_diagonal, np.float32(momentum), np.float32(step), direction, block
        )
        previous, rho = rho, 1 / (2 * center / radius - rho)
        momentum, step = rho * previous, 2 * rho / radius
    return block


def _residual(
    matrix: sparse.csr_array, block: Float[np.ndarray, "n c"], right: Float[np.ndarray, "n c"]
) -> Float[np.ndarray, "n c"]:
    out = np.empty_like(right)
    residual(matrix.indptr, matrix.indices, matrix.data, block, right, out)
    return out


def _largest_eigenvalue(
    matrix: sparse.csr_array, inverse_diagonal: np.ndarray, rng: np.random.Generator, steps: int = 15
) -> float:
    """Return an upper estimate of the largest eigenvalue of D^-1 A, by the power method."""
    vector = rng.standard_normal((matrix.shape[0], 1)).astype(np.float32)
    for _ in range(steps):
        vector = inverse_diagonal[:, None] * times_block(matrix, vector)
        length = float(np.linalg.norm(vector))
        vector /= length
    return 1.2 * length  # fifteen steps come to within some 10 % below


def _as_csr(matrix: sparse.sparray) -> sparse.csr_array:
    result = sparse.csr_array(matrix)
    result.sort_indices()
    return result
