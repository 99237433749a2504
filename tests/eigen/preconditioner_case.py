"""What every preconditioner must do; a new one inherits this case."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse

from softseg import ColorAffinity, Laplacian, MattingAffinity, Scene, SemanticAffinity
from softseg.eigen import LOBPCG, Preconditioner

HEIGHT, WIDTH = 31, 42


class PreconditionerCase:
    """Inherit, and define the fixture ``preconditioner``."""

    @pytest.fixture
    def preconditioner(self) -> Preconditioner:
        raise NotImplementedError

    @pytest.fixture(params=["of a scene", "by hand"])
    def laplacian(self, request: pytest.FixtureRequest, make_scene: Callable[..., Scene]) -> Laplacian:
        affinity = MattingAffinity() + 0.05 * SemanticAffinity() + 0.01 * ColorAffinity()
        laplacian = affinity.laplacian(make_scene(HEIGHT, WIDTH))
        return laplacian if request.param == "of a scene" else Laplacian(laplacian.matrix, laplacian.shape)

    def test_is_symmetric_positive_definite_above_the_shift(
        self, preconditioner: Preconditioner, laplacian: Laplacian, rng: np.random.Generator
    ) -> None:
        prepared = preconditioner.prepare(laplacian, rng)
        inverse = prepared.precondition(0, np.eye(HEIGHT * WIDTH)).astype(np.float64)
        # Single precision on entries of up to some hundreds, the inverse of the shift.
        np.testing.assert_allclose(inverse, inverse.T, atol=1e-4 * np.abs(inverse).max())
        below = np.count_nonzero(np.linalg.eigvalsh(laplacian.matrix.toarray()) < -prepared.shift)
        assert np.count_nonzero(np.linalg.eigvalsh((inverse + inverse.T) / 2) < 0) <= below

    def test_starts_smooth(
        self, preconditioner: Preconditioner, laplacian: Laplacian, rng: np.random.Generator
    ) -> None:
        prepared = preconditioner.prepare(laplacian, rng)
        start = prepared.start(10, 12, 1e-3, rng).vectors.astype(np.float64)
        assert start.shape == (prepared.problems[-1].size, 12)
        assert np.isfinite(start).all()

        def roughness(block: np.ndarray) -> np.ndarray:
            return np.einsum("ij,ij->j", block, prepared.problems[-1].times(block)) / np.einsum(
                "ij,ij->j", block, prepared.problems[-1].times_mass(block)
            )

        assert roughness(start).max() < 0.2 * roughness(rng.normal(size=start.shape)).min()

    def test_same_rng_same_bits(self, preconditioner: Preconditioner, laplacian: Laplacian) -> None:
        starts = []
        for callers_seed in (1, 2):
            np.random.seed(callers_seed)  # noqa: NPY002
            rng = np.random.default_rng(0)
            starts.append(preconditioner.prepare(laplacian, rng).start(6, 7, 1e-3, rng).vectors)
        assert np.array_equal(*starts)

    @pytest.mark.parametrize("kind", ["constant", "grey", "two pieces"])
    def test_lobpcg_converges_with_it_on_ugly_images(
        self, preconditioner: Preconditioner, kind: str, rng: np.random.Generator
    ) -> None:
        if kind == "two pieces":
            line = sparse.diags_array(
                [[-1.0] * 599, [1.0, *[2.0] * 598, 1.0], [-1.0] * 599], offsets=[-1, 0, 1]
            )
            laplacian = Laplacian(sparse.block_diag([line, line]), shape=(2, 600))
        else:
            grey = np.full((HEIGHT, WIDTH), 0.5) if kind == "constant" else rng.random((HEIGHT, WIDTH))
            laplacian = MattingAffinity().laplacian(Scene(np.repeat(grey[:, :, None], 3, axis=2)))
        pairs = LOBPCG(preconditioner=preconditioner).solve(laplacian, 8)
        assert pairs.converged
        expected = np.linalg.eigvalsh(laplacian.matrix.toarray())[:8]
        # The tolerance is 1e-6 of the mean diagonal; its estimate is good to a small factor.
        scale = laplacian.matrix.diagonal().mean()
        np.testing.assert_allclose(pairs.values, expected, rtol=0, atol=1e-5 * scale)
