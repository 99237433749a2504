"""Affinities as another package would write them: right ones, and some with planted bugs."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import sparse

from softseg import Affinity
from softseg.affinity import register
from softseg.testing import AffinityCase, means, representatives, touching


def step_matrix(scene, steepness, reach=1, diagonal=False, weights=(0.3, 0.6, 0.1), kind="absolute"):
    """Return attractions between neighbors of like brightness, by slices."""
    height, width = scene.shape
    index = np.arange(height * width).reshape(height, width)
    brightness = scene.image @ np.array(weights)
    pairs = []
    for distance in range(1, reach + 1):
        steps = [(0, distance), (distance, 0)] + diagonal * [(distance, distance), (distance, -distance)]
        for down, right in steps:
            here = np.s_[: height - down, max(-right, 0) : width - max(right, 0)]
            there = np.s_[down:, max(right, 0) : width + min(right, 0)]
            difference = np.abs(brightness[here] - brightness[there])
            alike = np.exp(-steepness * (difference if kind == "absolute" else difference**2))
            pairs.append((index[here].ravel(), index[there].ravel(), alike.ravel()))
    i, j, values = (np.concatenate(part) for part in zip(*pairs, strict=True))
    half = sparse.csr_array((values, (i, j)), shape=(index.size, index.size))
    return half + half.T


def dense_steps(scene, steepness, reach=1, diagonal=False, weights=(0.3, 0.6, 0.1), kind="absolute"):
    """Return the same by loops over all pairs of pixels."""
    height, width = scene.shape
    matrix = np.zeros((height * width, height * width))
    pixels = list(itertools.product(range(height), range(width)))
    for (a, (ya, xa)), (b, (yb, xb)) in itertools.product(enumerate(pixels), repeat=2):
        down, right = abs(ya - yb), abs(xa - xb)
        straight = (down == 0) != (right == 0)
        if max(down, right) <= reach and (straight or (diagonal and down == right > 0)):
            color = scene.image[ya, xa] - scene.image[yb, xb]
            difference = abs(weights[0] * color[0] + weights[1] * color[1] + weights[2] * color[2])
            matrix[a, b] = math.exp(-steepness * difference ** (1 if kind == "absolute" else 2))
    return matrix


def check_number(name, value):
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value}")


def check_count(name, value):
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: expected an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name}: expected an integer of at least 1, got {value}")


@register("StepAffinity")
@dataclass(frozen=True)
class StepAffinity(Affinity):
    steepness: float = 5.0
    reach: int = 1
    diagonal: bool = False
    weights: tuple[float, ...] = (0.3, 0.6, 0.1)
    kind: str = "absolute"

    def __post_init__(self):
        check_number("steepness", self.steepness)
        check_count("reach", self.reach)

    def matrix(self, scene):
        return step_matrix(scene, self.steepness, self.reach, self.diagonal, self.weights, self.kind)


class TestStepAffinity(AffinityCase):
    others = {"reach": 2, "diagonal": True, "weights": (1.0, 0.0, 0.0), "kind": "squared"}  # noqa: RUF012

    @pytest.fixture
    def affinity(self):
        return StepAffinity()

    def oracle(self, scene, affinity):
        return dense_steps(
            scene, affinity.steepness, affinity.reach, affinity.diagonal, affinity.weights, affinity.kind
        )


class TestStepAffinityWithoutOthers(TestStepAffinity):
    others = {}  # noqa: RUF012


class TestMisspelledOthers(TestStepAffinity):
    others = {**TestStepAffinity.others, "raech": 2}  # noqa: RUF012


class TestAgainstAWrongOracle(TestStepAffinity):
    def oracle(self, scene, affinity):
        return 0.9 * super().oracle(scene, affinity)


class TestAgainstAnOracleOfTheDefaults(TestStepAffinity):
    def oracle(self, scene, affinity):
        return super().oracle(scene, StepAffinity())


class TestWithoutAnOracle(AffinityCase):
    others = TestStepAffinity.others

    @pytest.fixture
    def affinity(self):
        return StepAffinity()


class SteepnessCase(AffinityCase):
    """Of affinities whose one parameter is the steepness."""

    def oracle(self, scene, affinity):
        return dense_steps(scene, affinity.steepness)


@register("RegionAffinity")
@dataclass(frozen=True)
class RegionAffinity(Affinity):
    """Superpixels that touch attract by the product of their mean reds."""

    share: float = 0.5  # at most 1, so that there is no double

    def __post_init__(self):
        check_number("share", self.share)
        if not 0 < self.share <= 1:
            raise ValueError(f"share: expected a number up to 1, got {self.share}")

    def matrix(self, scene):
        a, b = scene.touching_superpixels.T
        red = scene.superpixel_means(scene.image)[:, 0]
        return scene.superpixel_matrix(a, b, self.share * red[a] * red[b])


class TestRegionAffinity(AffinityCase):
    others = {"share": 0.9}  # noqa: RUF012

    @pytest.fixture
    def affinity(self):
        return RegionAffinity()

    def oracle(self, scene, affinity):
        pixel, color = representatives(scene), means(scene, scene.image)
        matrix = np.zeros((scene.shape[0] * scene.shape[1],) * 2)
        for a, b in touching(scene):
            matrix[pixel[a], pixel[b]] += affinity.share * color[a][0] * color[b][0]
            matrix[pixel[b], pixel[a]] += affinity.share * color[a][0] * color[b][0]
        return matrix


@register("Asymmetric")
@dataclass(frozen=True)
class Asymmetric(Affinity):
    steepness: float = 5.0

    def __post_init__(self):
        check_number("steepness", self.steepness)
        if self.steepness <= 0:
            raise ValueError(f"steepness: expected a number above 0, got {self.steepness}")

    def matrix(self, scene):
        return sparse.csr_array(sparse.triu(step_matrix(scene, self.steepness)))


class TestAsymmetric(AffinityCase):
    @pytest.fixture
    def affinity(self):
        return Asymmetric()

    def oracle(self, scene, affinity):
        return np.triu(dense_steps(scene, affinity.steepness))  # made by the same mistake


@register("Mutable")
@dataclass(unsafe_hash=True)
class Mutable(Affinity):
    steepness: float = 5.0

    def __post_init__(self):
        check_number("steepness", self.steepness)

    def matrix(self, scene):
        return step_matrix(scene, self.steepness)


class TestMutable(SteepnessCase):
    @pytest.fixture
    def affinity(self):
        return Mutable()


@dataclass(frozen=True)
class Unregistered(Affinity):
    def matrix(self, scene):
        return step_matrix(scene, 5.0)


class TestUnregistered(AffinityCase):
    @pytest.fixture
    def affinity(self):
        return Unregistered()

    def oracle(self, scene, affinity):
        return dense_steps(scene, 5.0)


@register("Careless")
@dataclass(frozen=True)
class Careless(Affinity):
    steepness: float = 5.0  # takes anything
    reach: int = 1  # and is not used

    def matrix(self, scene):
        return step_matrix(scene, self.steepness)


class TestCareless(SteepnessCase):
    others = {"reach": 2}  # noqa: RUF012

    @pytest.fixture
    def affinity(self):
        return Careless()


@register("RightByDefault")
@dataclass(frozen=True)
class RightByDefault(Affinity):
    """Exact at the default parameter alone."""

    steepness: float = 5.0

    def __post_init__(self):
        check_number("steepness", self.steepness)

    def matrix(self, scene):
        return self.steepness / 5.0 * step_matrix(scene, 5.0)


class TestRightByDefault(SteepnessCase):
    @pytest.fixture
    def affinity(self):
        return RightByDefault()


@register("Rounding")
@dataclass(frozen=True, repr=False)
class Rounding(Affinity):
    steepness: float = 5.0

    def __post_init__(self):
        check_number("steepness", self.steepness)

    def __repr__(self):
        return f"Rounding(steepness={self.steepness:.15g})"

    def matrix(self, scene):
        return step_matrix(scene, self.steepness)


class TestRounding(SteepnessCase):
    @pytest.fixture
    def affinity(self):
        return Rounding()


@register("Dividing")
@dataclass(frozen=True)
class Dividing(Affinity):
    """Takes a scale of zero, by which it divides."""

    scale: float = 2.0

    def __post_init__(self):
        check_number("scale", self.scale)

    def matrix(self, scene):
        return step_matrix(scene, 5.0) / np.float64(self.scale)


class TestDividing(AffinityCase):
    @pytest.fixture
    def affinity(self):
        return Dividing()

    def oracle(self, scene, affinity):
        return dense_steps(scene, 5.0) / affinity.scale


@register("Unnamed")
@dataclass(frozen=True)
class Unnamed(Affinity):
    """Refuses a negative steepness without saying which parameter that is."""

    steepness: float = 5.0

    def __post_init__(self):
        check_number("steepness", self.steepness)
        if self.steepness < 0:
            raise ValueError("expected a number of at least 0")

    def matrix(self, scene):
        return step_matrix(scene, self.steepness)


class TestUnnamed(SteepnessCase):
    @pytest.fixture
    def affinity(self):
        return Unnamed()


@register("WithAnArray")
@dataclass(frozen=True)
class WithAnArray(Affinity):
    weights: np.ndarray = field(default_factory=lambda: np.array([0.3, 0.6, 0.1]))

    def matrix(self, scene):
        return step_matrix(scene, 5.0, weights=self.weights)


class TestWithAnArray(AffinityCase):
    others = {"weights": np.array([1.0, 0.0, 0.0])}  # noqa: RUF012

    @pytest.fixture
    def affinity(self):
        return WithAnArray()

    def oracle(self, scene, affinity):
        return dense_steps(scene, 5.0, weights=affinity.weights)


class TestOthersWithAnArray(TestStepAffinity):
    others = {**TestStepAffinity.others, "weights": np.array([1.0, 0.0, 0.0])}  # noqa: RUF012


class NoDataclass(Affinity):
    def matrix(self, scene):
        return step_matrix(scene, 5.0)


class TestNoDataclass(AffinityCase):
    @pytest.fixture
    def affinity(self):
        return NoDataclass()

    def oracle(self, scene, affinity):
        return dense_steps(scene, 5.0)
