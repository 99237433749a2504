"""The test case that every affinity term inherits and must pass."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse

import softseg
from softseg import Affinity, Scene

Y, X = np.mgrid[:6, :9]

# Images of 6 x 9 pixels on which formulas go wrong: no variance, one line of colours, two colours, extremes.
UGLY = {
    "black": np.zeros((6, 9, 3)),
    "white": np.ones((6, 9, 3)),
    "grey ramp": np.repeat(X[:, :, None] / 8, 3, axis=2),
    "two colours": np.where((X + Y < 6)[:, :, None], (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "checkerboard": np.repeat(((X + Y) % 2)[:, :, None].astype(float), 3, axis=2),
    "noise": np.random.default_rng(3).random((6, 9, 3)),
}

# Superpixels of 6 x 9 pixels: rings share their centroid, strips of even width have it between two pixels.
SUPERPIXELS = {
    "one": np.zeros((6, 9), int),
    "one each": 9 * Y + X,
    "rings": np.minimum.reduce([Y, 5 - Y, X, 8 - X]),
    "strips": X // 2,
    "scattered": np.random.default_rng(5).integers(-4, 5, (6, 9)),
}


class AffinityCase:
    """Inherit, name the class ``Test...``, and override the fixture and the method below."""

    @pytest.fixture
    def affinity(self) -> Affinity:
        raise NotImplementedError

    def oracle(self, scene: Scene) -> np.ndarray:
        """Return the dense matrix of the default parameters, by slow loops straight from METHOD.md."""
        raise NotImplementedError

    def check_against_oracle(self, affinity: Affinity, scene: Scene) -> None:
        expected = self.oracle(scene)
        # Covariances of one line of colours are conditioned up to 1e8: a double has 1e-8 left there.
        np.testing.assert_allclose(affinity.matrix(scene).toarray(), expected, rtol=1e-12, atol=1e-7)

    @pytest.mark.parametrize("shape", [(3, 3), (3, 11), (11, 3), (7, 5), (6, 10)])
    def test_matches_slow_loops(
        self, affinity: Affinity, make_scene: Callable[..., Scene], shape: tuple[int, int]
    ) -> None:
        self.check_against_oracle(affinity, make_scene(*shape, block=2))

    @pytest.mark.parametrize("image", UGLY)
    def test_matches_slow_loops_on_ugly_images(self, affinity: Affinity, image: str) -> None:
        self.check_against_oracle(affinity, Scene(UGLY[image], UGLY[image][::-1], SUPERPIXELS["strips"]))

    @pytest.mark.parametrize("superpixels", SUPERPIXELS)
    def test_matches_slow_loops_on_ugly_superpixels(self, affinity: Affinity, superpixels: str) -> None:
        self.check_against_oracle(affinity, Scene(UGLY["noise"], UGLY["grey ramp"], SUPERPIXELS[superpixels]))

    def test_is_a_symmetric_float64_csr_array_over_the_pixels(self, affinity: Affinity, scene: Scene) -> None:
        matrix = affinity.matrix(scene)
        assert isinstance(matrix, sparse.csr_array)
        assert matrix.shape == (13 * 18, 13 * 18)
        assert matrix.dtype == np.float64
        assert matrix.nnz
        assert abs(matrix - matrix.T).max() == 0

    def test_repeats(self, affinity: Affinity, scene: Scene) -> None:
        first, second = affinity.matrix(scene), affinity.matrix(scene)
        assert np.array_equal(first.data, second.data)
        assert np.array_equal(first.indices, second.indices)

    def test_is_blind_to_transposition_of_the_image(
        self, affinity: Affinity, make_scene: Callable[..., Scene]
    ) -> None:
        # Blocks whose centroids are pixels, so that rounding halves plays no part.
        scene = make_scene(9, 15)
        labels = 10 * (np.arange(9)[:, None] // 3) + np.arange(15) // 3
        upright = Scene(scene.image, scene.features, labels)
        flipped = Scene(*(np.swapaxes(a, 0, 1) for a in (scene.image, scene.features, labels)))
        order = np.arange(9 * 15).reshape(9, 15).T.ravel()
        difference = affinity.matrix(upright)[order][:, order] - affinity.matrix(flipped)
        assert abs(difference).max() < 1e-10  # sums in another order

    def test_is_immutable(self, affinity: Affinity) -> None:
        for name in parameters(affinity):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(affinity, name, 0.5)

    def test_compares_by_value(self, affinity: Affinity) -> None:
        kind = type(affinity)
        assert affinity == kind()
        assert hash(affinity) == hash(kind())
        for name, value in parameters(affinity).items():
            assert affinity != kind(**{name: 2 * value})
            assert kind(**{name: 2 * value}) == kind(**{name: 2 * value})

    def test_repr_can_be_pasted_back(self, affinity: Affinity) -> None:
        doubled = {name: 2 * value for name, value in parameters(affinity).items()}
        for term in (affinity, type(affinity)(**doubled)):
            assert eval(repr(term), {name: getattr(softseg, name) for name in softseg.__all__}) == term

    def test_every_parameter_matters(self, affinity: Affinity, scene: Scene) -> None:
        usual = affinity.matrix(scene)
        for name, value in parameters(affinity).items():
            other = type(affinity)(**{name: 0.7 * value}).matrix(scene)
            assert abs(other - usual).max() > 0

    @pytest.mark.usefixtures("unhooked")
    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "much", None, True, 1j])
    def test_bad_parameters_are_named(self, affinity: Affinity, value: object) -> None:
        for name in parameters(affinity):
            with pytest.raises((TypeError, ValueError), match=rf"\A{name}: expected [^\n]*number[^\n]*\Z"):
                type(affinity)(**{name: value})


def parameters(affinity: Affinity) -> dict[str, float]:
    return dataclasses.asdict(affinity)  # type: ignore[call-overload]


def representatives(scene: Scene) -> list[int]:
    """Return each superpixel's rounded centroid, by METHOD.md's recipe in loops."""
    height, width = scene.shape
    labels = scene.superpixels
    pixels = []
    for s in range(labels.max() + 1):
        members = [(y, x) for x in range(width) for y in range(height) if labels[y, x] == s]
        row = sum((y + 1) / len(members) for y, _ in members)
        column = sum((x + 1) / len(members) for _, x in members)
        pixels.append((int(np.floor(row + 0.5)) - 1) * width + int(np.floor(column + 0.5)) - 1)
    return pixels


def touching(scene: Scene) -> set[tuple[int, int]]:
    """Return the pairs a < b of superpixels that touch at an edge or a corner."""
    height, width = scene.shape
    labels = scene.superpixels
    pairs = set()
    for y, x, dy, dx in itertools.product(range(height), range(width), (-1, 0, 1), (-1, 0, 1)):
        if 0 <= y + dy < height and 0 <= x + dx < width and labels[y, x] < labels[y + dy, x + dx]:
            pairs.add((int(labels[y, x]), int(labels[y + dy, x + dx])))
    return pairs


def means(scene: Scene, values: np.ndarray) -> list[np.ndarray]:
    """Return the mean of values over each superpixel."""
    labels = scene.superpixels
    return [values[labels == s].mean(axis=0) for s in range(labels.max() + 1)]
