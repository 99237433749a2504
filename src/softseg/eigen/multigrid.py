"""Multigrid as a preconditioner: pyamg's smoothed aggregation of a Laplacian's local part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import pyamg
from jaxtyping import Float
from scipy import sparse

from softseg._rng import legacy_seed
from softseg.eigen.blocks import times_block
from softseg.eigen.factorized import choose_unit
from softseg.eigen.hierarchy import CoarseProblem, Hierarchy, Level, LongLinks
from softseg.eigen.preconditioner import Preconditioner, Prepared
from softseg.eigen.problem import Problem

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

# The largest number of unknowns of the coarsest level. Its eigenproblem is solved by LAPACK, in under a
# second. Chosen by the project's own tests.
COARSEST = 2500
# The shift, as a multiple of the mean diagonal entry over the number of pixels. It should be well below the
# wanted eigenvalues, and above what a few repelling links may take from the smallest eigenvalue of the local
# part. Chosen by the project's own tests.
CYCLE_SHIFT = 25
# Entries of the Laplacian without its local part that are below this share of the largest entry are rounding:
# subtracting leaves them on the diagonal at pixels that have no long links.
SUBTRACTION_ROUNDING = 1e-14
# The smoothed random vectors: their number, the degree of the polynomial that smooths them, and the share of
# the largest eigenvalue above which it damps. Chosen by the project's own tests.
RANDOM_VECTORS = 5
RANDOM_VECTORS_DEGREE = 60
RANDOM_VECTORS_FROM = 0.005
# The power method: its number of steps, and the factor by which its estimate is raised. Fifteen steps come to
# within some 10 % of the largest eigenvalue, from below. Chosen by the project's own tests.
POWER_STEPS = 15
POWER_MARGIN = 1.2


@final
@dataclass(frozen=True)
class Multigrid(Preconditioner):
    """One V-cycle over pyamg's smoothed aggregation of the Laplacian's local part; nested iteration.

    Needs less memory than `LocalInverse`, and no more than a few operations per pixel, but many more
    iterations. The Laplacian's ``near_null`` vectors make it good; without them, random vectors that have
    been made smooth stand in for them.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import MattingAffinity, Scene
    >>> from softseg.eigen import LOBPCG, Multigrid
    >>> scene = Scene(np.random.default_rng(0).random((40, 50, 3)))
    >>> LOBPCG(preconditioner=Multigrid()).solve(MattingAffinity().laplacian(scene), k=10)
    <Eigenpairs: 10 of 2000 pixels, converged>
    """

    def prepare(self, laplacian: Laplacian, rng: np.random.Generator) -> Prepared:
        """Aggregate the local part.

        Parameters
        ----------
        laplacian : Laplacian
            Symmetric, possibly indefinite.
        rng : numpy.random.Generator
            The source of random numbers.

        Returns
        -------
        Prepared
            See `Preconditioner.prepare`.
        """
        return build_hierarchy(laplacian, rng)


def build_hierarchy(laplacian: Laplacian, rng: np.random.Generator) -> Hierarchy:
    """Aggregate the local part of a Laplacian into a hierarchy.

    Parameters
    ----------
    laplacian : Laplacian
        With near-null vectors, or without: then smoothed random vectors stand in for them.
    rng : numpy.random.Generator
        The source of those, and of the vectors by which pyamg estimates spectral radii.

    Returns
    -------
    Hierarchy
        Of at least two levels unless the image is small.
    """
    local = laplacian.local
    n = local.shape[0]
    shift = CYCLE_SHIFT * choose_unit(laplacian)
    near_null = laplacian.near_null
    if near_null is None:
        near_null = smooth_random_vectors(local, rng)
    definite = sparse.csr_matrix(local + shift * sparse.eye_array(n))
    definite.sort_indices()
    with legacy_seed(rng):
        aggregates = COARSEST // near_null.shape[1]  # each holds as many unknowns as there are such vectors
        levels = pyamg.smoothed_aggregation_solver(definite, B=near_null, max_coarse=aggregates).levels
    prolongations = _drop_empty_columns([_to_csr(level.P) for level in levels[:-1]])
    return Hierarchy(_build_levels(laplacian, prolongations, shift, rng), shift)


def smooth_random_vectors(
    local: sparse.csr_array, rng: np.random.Generator, count: int = RANDOM_VECTORS
) -> Float[np.ndarray, "n c"]:
    """Return the constant and ``count`` smooth vectors that a local part nearly annihilates.

    The vectors are noise that has been multiplied by a Chebyshev polynomial of the matrix, which damps all
    but the lowest part of the spectrum. What is left is, on each aggregate, a mixture of the few shapes that
    smooth eigenvectors take there. This is adaptive smoothed aggregation (Brezina et al. 2005), with all of
    its candidates found at once.
    """
    n = local.shape[0]
    largest = float(abs(local).sum(axis=1).max())  # Gershgorin's bound on the eigenvalues
    if largest == 0:  # no near links: the matrix annihilates everything
        return np.column_stack([np.ones(n), rng.standard_normal((n, count))])
    low = RANDOM_VECTORS_FROM * largest
    center, radius = (largest + low) / 2, (largest - low) / 2
    before = rng.standard_normal((n, count))
    now = (times_block(local, before) - center * before) / radius
    for _ in range(RANDOM_VECTORS_DEGREE - 1):
        after = 2 / radius * (times_block(local, now) - center * now) - before
        scale = 1 / np.abs(after).max(axis=0)
        before, now = now * scale, after * scale
    return np.column_stack([np.ones(n), now])


def _drop_empty_columns(prolongations: list[sparse.csr_array]) -> list[sparse.csr_array]:
    """Drop the unknowns that pyamg leaves empty where near-null vectors are dependent, as on gray."""
    result = []
    kept = np.arange(prolongations[0].shape[0]) if prolongations else np.arange(0)
    for prolongation in prolongations:
        prolongation = prolongation[kept]
        kept = np.flatnonzero(abs(prolongation).sum(axis=0))
        result.append(_to_csr(prolongation[:, kept]))
    return result


def _build_levels(
    laplacian: Laplacian, prolongations: list[sparse.csr_array], shift: float, rng: np.random.Generator
) -> tuple[Level, ...]:
    """Carry the eigenproblem down the given prolongations by Galerkin products."""
    n = laplacian.matrix.shape[0]
    local, mass = laplacian.local, sparse.csr_array(sparse.eye_array(n))
    linked_pixels, graph = _find_long_links(laplacian)
    rows = sparse.csr_array(sparse.eye_array(n))[:, linked_pixels]
    problem = Problem(laplacian.matrix)
    levels = []
    for prolongation in prolongations:
        levels.append(_build_level(problem, local, mass, shift, prolongation, rng))
        local = _to_csr(prolongation.T @ local @ prolongation)
        mass = _to_csr(prolongation.T @ mass @ prolongation)
        rows = _to_csr(prolongation.T @ rows)
        problem = CoarseProblem(local, LongLinks(rows, _to_csr(rows.T), graph), mass)
    levels.append(_build_level(problem, local, mass, shift, None, rng))
    return tuple(levels)


def _build_level(
    problem: Problem,
    local: sparse.csr_array,
    mass: sparse.csr_array,
    shift: float,
    prolongation: sparse.csr_array | None,
    rng: np.random.Generator,
) -> Level:
    definite = sparse.csr_array(local + shift * mass, dtype=np.float32)
    inverse_diagonal = (1 / definite.diagonal()).astype(np.float32)
    return Level(
        problem,
        definite=definite,
        inverse_diagonal=inverse_diagonal,
        largest=_bound_largest_eigenvalue(definite, inverse_diagonal, rng),
        prolongation=None if prolongation is None else prolongation.astype(np.float32),
        restriction=None if prolongation is None else _to_csr(prolongation.T).astype(np.float32),
    )


def _find_long_links(laplacian: Laplacian) -> tuple[np.ndarray, sparse.csr_array]:
    """Return the pixels that take part in links beyond the local part, and the links among them."""
    beyond = sparse.csr_array(laplacian.matrix - laplacian.local)
    beyond.data[np.abs(beyond.data) < SUBTRACTION_ROUNDING * np.abs(laplacian.matrix.data).max()] = 0
    beyond.eliminate_zeros()
    pixels = np.flatnonzero(np.diff(beyond.indptr))
    return pixels, _to_csr(beyond[pixels][:, pixels])


def _bound_largest_eigenvalue(
    matrix: sparse.csr_array, inverse_diagonal: np.ndarray, rng: np.random.Generator
) -> float:
    """Return an estimate from above of the largest eigenvalue of D^-1 A, by the power method."""
    vector = rng.standard_normal((matrix.shape[0], 1)).astype(np.float32)
    for _ in range(POWER_STEPS):
        vector = inverse_diagonal[:, None] * times_block(matrix, vector)
        length = float(np.linalg.norm(vector))
        vector /= length
    return POWER_MARGIN * length


def _to_csr(matrix: sparse.sparray) -> sparse.csr_array:
    result = sparse.csr_array(matrix)
    result.sort_indices()
    return result
