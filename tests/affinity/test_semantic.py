"""The semantic affinity."""

from __future__ import annotations

from math import erf

import numpy as np
import pytest

from softseg import Scene, SemanticAffinity
from softseg.testing import AffinityCase, means, representatives, touching


class TestSemanticAffinity(AffinityCase):
    @pytest.fixture
    def affinity(self) -> SemanticAffinity:
        return SemanticAffinity()

    def oracle(self, scene: Scene, affinity: SemanticAffinity) -> np.ndarray:
        pixel, feature = representatives(scene), means(scene, scene.features)
        matrix = np.zeros((scene.image.shape[0] * scene.image.shape[1],) * 2)
        for a, b in touching(scene):
            likeness = 1 - np.linalg.norm(feature[a] - feature[b])
            attraction = erf(affinity.steepness * (likeness - affinity.threshold))
            matrix[pixel[a], pixel[b]] += attraction
            matrix[pixel[b], pixel[a]] += attraction
        return matrix


def test_repels_across_the_features_step_and_attracts_elsewhere() -> None:
    thirds = np.repeat([[0] * 3 + [1] * 3 + [2] * 3], 3, axis=0)
    features = np.where(thirds[:, :, None] == 2, 0.8, 0.2) * np.ones(3)
    matrix = SemanticAffinity().matrix(Scene(np.zeros((3, 9, 3)), features, thirds))
    middles = [9 + 1, 9 + 4, 9 + 7]
    left_middle, middle_right, left_right = (
        matrix[middles[a], middles[b]] for a, b in ((0, 1), (1, 2), (0, 2))
    )
    assert left_middle == pytest.approx(erf(20 * 0.15), abs=1e-15)
    assert middle_right == -1
    assert left_right == 0  # they do not touch
    assert matrix.nnz == 4


def test_steepness_must_be_positive() -> None:
    with pytest.raises(ValueError, match=r"\Asteepness: expected a finite number above 0, got 0.0\Z"):
        SemanticAffinity(steepness=0.0)
