"""The preconditioner for Laplacians with far links everywhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse

from softseg import Laplacian, MattingAffinity, Scene
from softseg.eigen import LocalInverse
from softseg.eigen.local_inverse import LOCAL_SHIFT
from softseg.grid.links import FAR_SHARE
from softseg.testing import PreconditionerCase


class TestLocalInverse(PreconditionerCase):
    @pytest.fixture
    def preconditioner(self) -> LocalInverse:
        return LocalInverse()

    def test_inverts_the_local_part_and_a_share_of_the_far_attraction(
        self, laplacian: Laplacian, rng: np.random.Generator
    ) -> None:
        local = laplacian.local.toarray()
        shift = LOCAL_SHIFT * local.diagonal().mean() / len(local)
        wanted = local + np.diag(FAR_SHARE * laplacian.attraction + shift)
        applied = LocalInverse().prepare(laplacian, rng).precondition(wanted)
        # Single precision; the condition number is about a thousand.
        np.testing.assert_allclose(applied, np.eye(len(local)), atol=2e-3)

    def test_is_positive_definite(self, laplacian: Laplacian, rng: np.random.Generator) -> None:
        inverse = LocalInverse().prepare(laplacian, rng).precondition(np.eye(1302)).astype(np.float64)
        assert np.linalg.eigvalsh((inverse + inverse.T) / 2).min() > 0

    def test_is_positive_definite_even_where_neighbors_repel_strongly(
        self, make_scene: Callable[..., Scene], rng: np.random.Generator
    ) -> None:
        matting = MattingAffinity().laplacian(make_scene(31, 42))
        repelled = sparse.csr_array(
            ([-3.0, -3.0, 3.0, 3.0], ([0, 1, 0, 1], [0, 1, 1, 0])), shape=(1302, 1302)
        )
        laplacian = Laplacian(matting.matrix + repelled, (31, 42))
        assert np.linalg.eigvalsh(laplacian.local.toarray()).min() < -0.5
        inverse = LocalInverse().prepare(laplacian, rng).precondition(np.eye(1302)).astype(np.float64)
        assert np.linalg.eigvalsh((inverse + inverse.T) / 2).min() > 0

    def test_is_a_value(self) -> None:
        assert LocalInverse() == LocalInverse()
        with pytest.raises(dataclasses.FrozenInstanceError):
            LocalInverse().shift = 1  # type: ignore[attr-defined]
