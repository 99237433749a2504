"""The non-local colour affinity."""

from __future__ import annotations

import itertools
from math import erf

import numpy as np
import pytest

from softseg import ColorAffinity, Scene
from softseg.testing import AffinityCase, means, representatives


class TestColorAffinity(AffinityCase):
    @pytest.fixture
    def affinity(self) -> ColorAffinity:
        return ColorAffinity()

    def oracle(self, scene: Scene, affinity: ColorAffinity) -> np.ndarray:
        height, width = scene.shape
        pixel, color = representatives(scene), means(scene, scene.image)
        matrix = np.zeros((height * width, height * width))
        for a, b in itertools.combinations(range(len(pixel)), 2):
            (ya, xa), (yb, xb) = divmod(pixel[a], width), divmod(pixel[b], width)
            apart = (ya + 1) / height - (yb + 1) / height, (xa + 1) / width - (xb + 1) / width
            if np.hypot(*apart) <= affinity.radius:
                likeness = 1 - np.linalg.norm(color[a] - color[b])
                attraction = (erf(affinity.steepness * (likeness - affinity.threshold)) + 1) / 2
                matrix[pixel[a], pixel[b]] += attraction
                matrix[pixel[b], pixel[a]] += attraction
        return matrix


def test_reaches_over_what_lies_between() -> None:
    thirds = np.repeat([[0] * 3 + [1] * 3 + [2] * 3], 3, axis=0)
    image = np.where(thirds[:, :, None] == 1, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    scene = Scene(image, np.zeros((3, 9, 3)), thirds)
    near, far = ColorAffinity(radius=0.5).matrix(scene), ColorAffinity(radius=0.7).matrix(scene)
    assert near.nnz == 0  # neighbours differ, and the pairs that are ~ 0 are not stored
    assert far.nnz == 2
    assert far[9 + 1, 9 + 7] == pytest.approx((erf(50 * 0.05) + 1) / 2, abs=1e-15)


def test_radius_counts_both_sides_of_the_image_as_one() -> None:
    # Neighbouring blocks of a 4 x 8 grid: a quarter of the height apart, but an eighth of the width.
    labels = 8 * (np.arange(12)[:, None] // 3) + np.arange(24) // 3
    matrix = ColorAffinity(radius=0.2).matrix(Scene(np.zeros((12, 24, 3)), np.zeros((12, 24, 3)), labels))
    rows, columns = matrix.nonzero()
    assert len(rows) == 2 * 4 * 7
    assert (rows // 24 == columns // 24).all()


@pytest.mark.parametrize("name", ["radius", "steepness"])
def test_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=rf"\A{name}: expected a finite number above 0, got -1.0\Z"):
        ColorAffinity(**{name: -1.0})
