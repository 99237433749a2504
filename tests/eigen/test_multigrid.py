"""The multigrid hierarchy: a symmetric positive preconditioner, and Galerkin copies of the eigenproblem."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from softseg import ColorAffinity, Laplacian, MattingAffinity, Scene, SemanticAffinity
from softseg.eigen import Multigrid, multigrid
from softseg.eigen.hierarchy import Hierarchy
from softseg.eigen.multigrid import build_hierarchy, smooth_random_vectors
from softseg.testing import PreconditionerCase


@pytest.fixture
def laplacian(make_scene: Callable[..., Scene]) -> Laplacian:
    affinity = MattingAffinity() + 0.05 * SemanticAffinity() + 0.01 * ColorAffinity()
    return affinity.laplacian(make_scene(31, 42))


@pytest.fixture(params=["of a scene", "by hand"])
def hierarchy(request: pytest.FixtureRequest, laplacian: Laplacian, rng: np.random.Generator) -> Hierarchy:
    if request.param == "by hand":
        laplacian = Laplacian(laplacian.matrix, laplacian.shape)
    return build_hierarchy(laplacian, rng)


class TestMultigrid(PreconditionerCase):
    @pytest.fixture
    def preconditioner(self) -> Multigrid:
        return Multigrid()


def test_coarse_levels_are_galerkin_copies_long_links_included(
    hierarchy: Hierarchy, laplacian: Laplacian
) -> None:
    assert len(hierarchy.levels) >= 2
    prolongation = hierarchy.levels[0].prolongation.toarray().astype(np.float64)
    coarse = hierarchy.levels[1].problem
    identity = np.eye(coarse.size)
    stiffness = prolongation.T @ laplacian.matrix.toarray() @ prolongation
    # Prolongations are kept in single precision.
    np.testing.assert_allclose(coarse.times(identity), stiffness, atol=1e-5 * np.abs(stiffness).max())
    np.testing.assert_allclose(coarse.times_mass(identity), prolongation.T @ prolongation, atol=1e-5)


def test_the_finest_level_is_the_laplacian_itself(hierarchy: Hierarchy, laplacian: Laplacian) -> None:
    finest, identity = hierarchy.levels[0].problem, np.eye(31 * 42)
    np.testing.assert_array_equal(finest.times(identity), laplacian.matrix.toarray())
    assert finest.times_mass(identity) is identity


def test_preconditions_symmetrically_and_well(hierarchy: Hierarchy) -> None:
    inverse = hierarchy.precondition(np.eye(31 * 42)).astype(np.float64)
    # Single precision on entries of up to about 200, the inverse of the shift.
    np.testing.assert_allclose(inverse, inverse.T, atol=1e-4 * np.abs(inverse).max())
    root = np.linalg.cholesky(hierarchy.levels[0].definite.toarray().astype(np.float64))
    eigenvalues = np.linalg.eigvalsh(root.T @ (inverse + inverse.T) / 2 @ root)
    assert eigenvalues.min() > 0.05  # no direction is forgotten: 1 is exact
    assert eigenvalues.max() < 1.5


def test_starts_from_the_solutions_of_all_coarser_levels(
    laplacian: Laplacian, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multigrid, "COARSEST", 80)
    hierarchy = build_hierarchy(laplacian, rng)
    assert len(hierarchy.levels) == 3
    start = hierarchy.start(6, 9, 1e-6 * laplacian.matrix.diagonal().mean(), rng).vectors
    # The span of the middle level in the pixels, and the smallest Ritz values in it.
    prolongation = hierarchy.levels[0].prolongation.toarray().astype(np.float64)
    basis = np.linalg.qr(prolongation)[0]
    expected = np.linalg.eigvalsh(basis.T @ (laplacian.matrix @ basis))[:6]
    basis = np.linalg.qr(start.astype(np.float64))[0]
    found = np.linalg.eigvalsh(basis.T @ (laplacian.matrix @ basis))[:6]
    # Coarse problems are solved to a larger tolerance, and a few of their pairs may be left behind.
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.05 * expected.max())


def test_same_rng_same_hierarchy_whatever_the_global_state(laplacian: Laplacian) -> None:
    built = []
    for callers_seed in (1, 2):
        np.random.seed(callers_seed)  # noqa: NPY002
        built.append(build_hierarchy(laplacian, np.random.default_rng(0)).levels[0])
    assert np.array_equal(built[0].prolongation.data, built[1].prolongation.data)
    assert built[0].largest == built[1].largest


def test_random_vectors_are_smoothed(laplacian: Laplacian, rng: np.random.Generator) -> None:
    local = laplacian.local
    vectors = smooth_random_vectors(local, rng, count=5)
    assert vectors.shape == (31 * 42, 6)
    np.testing.assert_array_equal(vectors[:, 0], 1)

    def roughness(block: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->j", block, local @ block) / (block**2).sum(axis=0)

    noise = rng.normal(size=(31 * 42, 5))
    assert roughness(vectors[:, 1:]).max() < 0.05 * roughness(noise).min()
    assert np.linalg.matrix_rank(vectors) == 6
