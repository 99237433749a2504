"""The test case that every feature extractor inherits and must pass."""

from __future__ import annotations

import numpy as np
import pytest

from softseg.features import FeatureExtractor, preprocess


class ExtractorCase:
    """Inherit, name the class ``Test...`` and override :meth:`extractor`."""

    @pytest.fixture
    def extractor(self) -> FeatureExtractor:
        raise NotImplementedError

    @pytest.mark.parametrize("shape", [(24, 37), (37, 24), (3, 3), (3, 50), (50, 4)])
    def test_one_finite_float32_vector_per_pixel(self, extractor, rng, shape):
        features = extractor.extract(rng.random((*shape, 3)))
        assert features.shape[:2] == shape
        assert features.ndim == 3
        assert features.dtype == np.float32
        assert np.isfinite(features).all()

    def test_as_many_channels_whatever_the_size(self, extractor, rng):
        counts = {extractor.extract(rng.random((*shape, 3))).shape[2] for shape in [(24, 37), (3, 3)]}
        assert len(counts) == 1

    def test_repeats_and_leaves_the_image_alone(self, extractor, rng):
        image = rng.random((24, 37, 3))
        before = image.copy()
        first = extractor.extract(image)
        assert np.array_equal(image, before)
        assert np.array_equal(extractor.extract(image), first)

    def test_accepts_a_read_only_image(self, extractor, rng):
        image = rng.random((24, 37, 3))
        image.flags.writeable = False
        extractor.extract(image)

    @pytest.mark.parametrize("colour", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.2, 0.7, 0.4)])
    def test_one_colour_gives_one_vector(self, extractor, colour):
        image = np.full((24, 37, 3), colour)
        features = extractor.extract(image)
        # Float32 rounding of features of order one; a network's padding would show far above it.
        np.testing.assert_allclose(features, np.broadcast_to(features[12, 18], features.shape), atol=1e-5)
        assert not preprocess(features, image).any()

    def test_different_colours_differ(self, extractor):
        image = np.zeros((24, 37, 3))
        image[:, 18:] = (0.9, 0.4, 0.1)
        features = extractor.extract(image)
        assert np.abs(features[12, 2] - features[12, 34]).max() > 0.01

    def test_rows_and_columns_are_told_apart(self, extractor):
        # A wide image whose upper part is bright: features must vary down it more than along it.
        image = np.zeros((16, 40, 3))
        image[:8] = 1.0
        features = extractor.extract(image)
        down = np.abs(features[2, 20] - features[13, 20]).max()
        along = np.abs(features[2, 2] - features[2, 37]).max()
        assert down > 10 * along

    def test_compares_by_value(self, extractor):
        assert extractor == type(extractor)(**vars(extractor))
        assert hash(extractor) == hash(type(extractor)(**vars(extractor)))
