"""The matting affinity."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from softseg import MattingAffinity, Scene
from softseg.testing import AffinityCase


class TestMattingAffinity(AffinityCase):
    @pytest.fixture
    def affinity(self) -> MattingAffinity:
        return MattingAffinity()

    def oracle(self, scene: Scene, affinity: MattingAffinity) -> np.ndarray:
        height, width = scene.shape
        matrix = np.zeros((height * width, height * width))
        for top, left in itertools.product(range(height - 2), range(width - 2)):
            window = [(top + y, left + x) for y in range(3) for x in range(3)]
            colors = np.array([scene.image[pixel] for pixel in window])
            mean = sum(colors) / 9
            covariance = sum(np.outer(color - mean, color - mean) for color in colors) / 9
            inverse = np.linalg.inv(covariance + affinity.epsilon / 9 * np.eye(3))
            for (i, (yi, xi)), (j, (yj, xj)) in itertools.product(enumerate(window), repeat=2):
                likeness = (colors[i] - mean) @ inverse @ (colors[j] - mean)
                matrix[yi * width + xi, yj * width + xj] += (1 + likeness) / 9
        return matrix


def test_laplacian_is_positive_semidefinite_and_vanishes_on_affine_functions_of_colour(scene: Scene) -> None:
    matrix = MattingAffinity().laplacian(scene).matrix
    assert np.linalg.eigvalsh(matrix.toarray()).min() > -1e-12
    affine = scene.image.reshape(-1, 3) @ [0.3, -0.8, 0.5] + 0.1
    # The regularisation alone resists: epsilon / 9 * |a|^2 * 9 in each of the windows.
    assert 0 <= affine @ matrix @ affine < 2 * 1e-7 * 11 * 16


def test_a_larger_epsilon_lets_grain_pass(scene: Scene) -> None:
    grain = np.random.default_rng(0).normal(0, 0.02, 13 * 18)
    strict, lenient = (MattingAffinity(e).laplacian(scene).matrix for e in (1e-7, 1e-1))
    flat = np.full(13 * 18, 0.5) + grain
    assert flat @ lenient @ flat > flat @ strict @ flat


def test_epsilon_must_be_positive() -> None:
    for epsilon in (0.0, -1e-7):
        with pytest.raises(ValueError, match=r"\Aepsilon: expected a finite number above 0, got"):
            MattingAffinity(epsilon)
