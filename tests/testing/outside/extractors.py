"""Feature extractors as another package would write them: a right one, and some with planted bugs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from softseg.features import FeatureExtractor
from softseg.testing import ExtractorCase


@dataclass(frozen=True)
class Powers(FeatureExtractor):
    exponent: float = 2.0

    def extract(self, image):
        return np.concatenate([image, image**self.exponent], axis=2).astype(np.float32)


class TestPowers(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return Powers()


class Rows(Powers):
    """Adds what row a pixel is in."""

    def extract(self, image):
        row = np.linspace(0, 1, len(image))[:, None, None] + np.zeros((*image.shape[:2], 1))
        return np.concatenate([super().extract(image), row], axis=2).astype(np.float32)


class TestRows(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return Rows()


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
