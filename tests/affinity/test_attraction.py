"""Affinities without repulsion, whose Laplacians have no negative eigenvalue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import linalg, sparse

from softseg import Affinity, ColorAffinity, MattingAffinity, Scene, SemanticAffinity
from softseg.affinity import without_repulsion

MATTING, SEMANTIC, COLOR = MattingAffinity(), SemanticAffinity(), ColorAffinity()


@dataclass(frozen=True)
class Path(Affinity):
    """Links from each pixel to the next, and to the one after it."""

    next: float
    after: float

    def matrix(self, scene: Scene) -> sparse.csr_array:
        n = scene.shape[0] * scene.shape[1]
        upper = sparse.diags_array(
            [[self.next] * (n - 1), [self.after] * (n - 2)], offsets=[1, 2], shape=(n, n)
        )
        return sparse.csr_array(upper + upper.T)


def smallest(matrix: sparse.csr_array) -> float:
    laplacian = np.diag(matrix.sum(axis=1)) - matrix.toarray()
    return float(linalg.eigvalsh(laplacian)[0] / max(abs(laplacian).max(), 1e-300))


@pytest.mark.parametrize("shape", [(3, 3), (3, 12), (7, 8), (13, 18)])
@pytest.mark.parametrize(
    "affinity",
    [
        MATTING + 100 * SEMANTIC + COLOR,
        -1 * COLOR + SEMANTIC,
        MATTING + -0.5 * MattingAffinity(1e-3),
        Path(1.0, -3.0) + MATTING,
    ],
)
def test_no_negative_eigenvalue(shape: tuple[int, int], affinity: Affinity) -> None:
    rng = np.random.default_rng(0)
    scene = Scene(
        rng.random((*shape, 3)), rng.random((*shape, 3)), np.arange(shape[0] * shape[1]).reshape(shape)
    )
    assert smallest(affinity.matrix(scene)) < -1e-3
    assert smallest(without_repulsion(affinity, scene)) > -1e-12  # rounding


def test_definite_terms_are_kept_whole(scene: Scene) -> None:
    # Next pixels attract each other enough: the eigenvalues are 2 - 2 cos t - 0.2 (1 - cos 2t) >= 0.
    affinity = 2 * MATTING + Path(1.0, -0.1)
    assert affinity.matrix(scene).min() < 0
    assert abs(without_repulsion(affinity, scene) - affinity.matrix(scene)).max() < 1e-15


def test_attraction_is_kept(scene: Scene) -> None:
    whole, kept = SEMANTIC.matrix(scene).toarray(), without_repulsion(SEMANTIC, scene).toarray()
    assert whole.min() < 0
    np.testing.assert_array_equal(kept, np.maximum(whole, 0))
