"""What every extractor brings along."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from softseg.features import FeatureExtractor, preprocess


@dataclass(frozen=True)
class Powers(FeatureExtractor):
    exponent: float = 2.0

    def extract(self, image):
        return np.concatenate([image, image**self.exponent], axis=2).astype(np.float32)


@pytest.mark.parametrize("n_components", [3, 5])
def test_preprocessed_is_extract_then_preprocess(rng, n_components):
    image = rng.random((12, 17, 3))
    expected = preprocess(Powers().extract(image), image, n_components)
    np.testing.assert_array_equal(Powers().preprocessed(image, n_components), expected)


def test_three_components_unless_told_otherwise(rng):
    assert Powers().preprocessed(rng.random((12, 17, 3))).shape == (12, 17, 3)


def test_features_of_nan_are_refused():
    image = np.full((5, 6, 3), 0.5)

    class Broken(FeatureExtractor):
        def extract(self, image):
            return np.full((*image.shape[:2], 4), np.nan, np.float32)

    with pytest.raises(ValueError, match=r"^features: expected finite values, got NaN or infinity"):
        Broken().preprocessed(image)


def test_fingerprints_follow_the_parameters():
    assert Powers().fingerprint() == Powers(2.0).fingerprint() != Powers(3.0).fingerprint()
