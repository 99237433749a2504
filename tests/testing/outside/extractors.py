"""Feature extractors as another package would write them: a right one, and some with planted bugs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from softseg.features import FeatureExtractor, register
from softseg.testing import ExtractorCase


@register("powers")
@dataclass(frozen=True)
class Powers(FeatureExtractor):
    exponent: float = 2.0
    gray: bool = False

    def __post_init__(self):
        number = isinstance(self.exponent, float | int) and not isinstance(self.exponent, bool)
        if not (number and 0 < self.exponent < np.inf):
            raise ValueError(f"exponent: expected a finite number above 0, got {self.exponent!r}")

    def extract(self, image):
        if self.gray:
            image = image.mean(axis=2, keepdims=True)
        return np.concatenate([image, image**self.exponent], axis=2).astype(np.float32)


class TestPowers(ExtractorCase):
    others = {"gray": True}  # noqa: RUF012

    @pytest.fixture
    def extractor(self):
        return Powers()


@register("rows")
class Rows(Powers):
    """Adds what row a pixel is in."""

    def extract(self, image):
        row = np.linspace(0, 1, len(image))[:, None, None] + np.zeros((*image.shape[:2], 1))
        return np.concatenate([super().extract(image), row], axis=2).astype(np.float32)


class TestRows(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return Rows()


@register("doubles")
class Doubles(Powers):
    def extract(self, image):
        return super().extract(image).astype(np.float64)


class TestDoubles(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return Doubles()


class InPlace(Powers):
    def extract(self, image):
        image *= 0.5
        return super().extract(image)


class TestInPlace(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return InPlace()


# A name may stand for what makes an extractor.
register("in place", lambda: InPlace(exponent=3.0))


class Unregistered(Powers):
    pass


class TestUnregistered(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return Unregistered()


@register("careless")
@dataclass(frozen=True)
class Careless(FeatureExtractor):
    exponent: float = 2.0  # takes anything, and is not used

    def extract(self, image):
        return (image**2).astype(np.float32)


class TestCareless(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return Careless()


@register("rounding")
@dataclass(frozen=True, repr=False)
class Rounding(Powers):
    def __repr__(self):
        return f"Rounding(exponent={self.exponent:g})"


class TestRounding(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return Rounding()


@register("no dataclass")
class NoDataclass(FeatureExtractor):
    def extract(self, image):
        return image.astype(np.float32)


class TestNoDataclass(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return NoDataclass()
