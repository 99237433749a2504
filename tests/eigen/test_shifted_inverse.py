"""The default preconditioner."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse

from softseg import ColorAffinity, Laplacian, MattingAffinity, Scene, SemanticAffinity
from softseg.eigen import LOBPCG, LocalInverse, ShiftedInverse, shifted_inverse
from softseg.eigen.shifted_inverse import SHIFT
from softseg.testing import PreconditionerCase


class TestShiftedInverse(PreconditionerCase):
    @pytest.fixture
    def preconditioner(self) -> ShiftedInverse:
        return ShiftedInverse()

    def test_inverts_the_whole_shifted_laplacian(
        self, laplacian: Laplacian, rng: np.random.Generator
    ) -> None:
        shift = SHIFT * laplacian.local.diagonal().mean() / 1302
        shifted = laplacian.matrix.toarray() + shift * np.eye(1302)
        applied = ShiftedInverse().prepare(laplacian, rng).precondition(shifted)
        # Single precision; the condition number is some hundreds.
        np.testing.assert_allclose(applied, np.eye(1302), atol=1e-3)

    def test_starts_from_the_eigenvectors_themselves(
        self, laplacian: Laplacian, rng: np.random.Generator
    ) -> None:
        goal = 1e-6 * laplacian.matrix.diagonal().mean()
        start = ShiftedInverse().prepare(laplacian, rng).start(20, 24, goal, rng).vectors
        basis = np.linalg.qr(start.astype(np.float64))[0]
        ritz = np.linalg.eigvalsh(basis.T @ (laplacian.matrix @ basis))[:20]
        expected = np.linalg.eigvalsh(laplacian.matrix.toarray())[:20]
        # The iteration stops by what another block changes, an estimate good to a small factor.
        np.testing.assert_allclose(ritz, expected, rtol=0, atol=5 * goal)

    @pytest.mark.parametrize("strength", [1, 10])
    def test_finds_all_eigenvalues_however_negative(
        self, make_scene: Callable[..., Scene], strength: float
    ) -> None:
        # Repulsion this strong gives many eigenvalues below minus the shift, some of them far below.
        affinity = MattingAffinity() + strength * SemanticAffinity()
        laplacian = affinity.laplacian(make_scene(31, 42))
        expected = np.linalg.eigvalsh(laplacian.matrix.toarray())[:30]
        assert expected[0] < -3 * SHIFT * laplacian.local.diagonal().mean() / 1302
        pairs = LOBPCG().solve(laplacian, 30)
        assert pairs.converged
        np.testing.assert_allclose(pairs.values, expected, atol=1e-5 * laplacian.matrix.diagonal().mean())

    @pytest.mark.parametrize("distance", [0.01, -0.001])
    def test_an_eigenvalue_next_to_minus_the_shift_is_no_obstacle(
        self, make_scene: Callable[..., Scene], distance: float
    ) -> None:
        laplacian = (MattingAffinity() + 0.05 * SemanticAffinity()).laplacian(make_scene(31, 42))
        shift = SHIFT * laplacian.local.diagonal().mean() / 1302
        below = np.linalg.eigvalsh(laplacian.matrix.toarray())
        # Moving all eigenvalues puts one next to minus the shift, which the local part alone decides.
        move = below[5] + (1 + distance) * shift
        moved = laplacian.matrix - move * sparse.eye_array(1302)
        pairs = LOBPCG().solve(Laplacian(moved, (31, 42)), 20)
        assert pairs.converged
        expected = below[:20] - move
        np.testing.assert_allclose(pairs.values, expected, atol=1e-5 * laplacian.matrix.diagonal().mean())

    def test_far_links_everywhere_are_left_to_the_local_inverse(
        self, make_scene: Callable[..., Scene], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        laplacian = (MattingAffinity() + 0.01 * ColorAffinity()).laplacian(make_scene(31, 42))
        monkeypatch.setattr(shifted_inverse, "MOST_KEPT", np.count_nonzero(laplacian.far_linked) - 1)
        right = rng.normal(size=(1302, 2))
        chosen, local = (kind.prepare(laplacian, rng) for kind in (ShiftedInverse(), LocalInverse()))
        np.testing.assert_array_equal(chosen.precondition(right), local.precondition(right))

    def test_is_a_value(self) -> None:
        assert ShiftedInverse() == ShiftedInverse()
        assert repr(LOBPCG(preconditioner=ShiftedInverse())) == repr(LOBPCG())
        with pytest.raises(dataclasses.FrozenInstanceError):
            ShiftedInverse().shift = 1  # type: ignore[attr-defined]
