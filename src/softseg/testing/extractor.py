"""The test case that every feature extractor inherits and must pass."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from softseg.features import FeatureExtractor, preprocess

# The seed of the random images; any would do.
SEED = 20180812


class ExtractorCase:
    """Inherit, name the class ``Test...``, and override the fixture `extractor`.

    An extractor is a frozen dataclass (`FeatureExtractor` says what else it must be). A given network that
    pads with zeros, or adds positions, cannot describe one color by one vector: write
    ``test_one_color_gives_one_vector = None`` and say why.

    Examples
    --------
    >>> import pytest
    >>> from softseg.features import LowLevelFeatures
    >>> from softseg.testing import ExtractorCase
    >>> class TestLowLevelFeatures(ExtractorCase):
    ...     @pytest.fixture
    ...     def extractor(self):
    ...         return LowLevelFeatures()
    >>> TestLowLevelFeatures().test_different_colors_differ(LowLevelFeatures())     # pytest calls all of them
    """

    @pytest.fixture
    def extractor(self) -> FeatureExtractor:
        """Return the extractor."""
        raise NotImplementedError("override the fixture extractor: it returns the extractor to be tested")

    @pytest.mark.parametrize("shape", [(24, 37), (37, 24), (3, 3), (3, 50), (50, 4)])
    def test_one_finite_float32_vector_per_pixel(
        self, extractor: FeatureExtractor, shape: tuple[int, int]
    ) -> None:
        features = extractor.extract(np.random.default_rng(SEED).random((*shape, 3)))
        assert features.shape[:2] == shape
        assert features.ndim == 3
        assert features.dtype == np.float32
        assert np.isfinite(features).all()

    def test_as_many_channels_whatever_the_size(self, extractor: FeatureExtractor) -> None:
        rng = np.random.default_rng(SEED)
        counts = {extractor.extract(rng.random((*shape, 3))).shape[2] for shape in [(24, 37), (3, 3)]}
        assert len(counts) == 1

    def test_repeats_and_leaves_the_image_alone(self, extractor: FeatureExtractor) -> None:
        image = np.random.default_rng(SEED).random((24, 37, 3))
        before = image.copy()
        first = extractor.extract(image)
        assert np.array_equal(image, before)
        assert np.array_equal(extractor.extract(image), first)

    def test_accepts_a_read_only_image(self, extractor: FeatureExtractor) -> None:
        image = np.random.default_rng(SEED).random((24, 37, 3))
        image.flags.writeable = False
        extractor.extract(image)

    @pytest.mark.parametrize("color", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.2, 0.7, 0.4)])
    def test_one_color_gives_one_vector(
        self, extractor: FeatureExtractor, color: tuple[float, float, float]
    ) -> None:
        image = np.full((24, 37, 3), color)
        features = extractor.extract(image)
        # Float32 rounding of features of order one; a network's padding would show far above it.
        np.testing.assert_allclose(features, np.broadcast_to(features[12, 18], features.shape), atol=1e-5)
        assert not preprocess(features, image).any()

    def test_different_colors_differ(self, extractor: FeatureExtractor) -> None:
        image = np.zeros((24, 37, 3))
        image[:, 18:] = (0.9, 0.4, 0.1)
        features = extractor.extract(image)
        assert np.abs(features[12, 2] - features[12, 34]).max() > 0.01

    def test_rows_and_columns_are_told_apart(self, extractor: FeatureExtractor) -> None:
        # A wide image whose upper part is bright: features must vary down it more than along it.
        image = np.zeros((16, 40, 3))
        image[:8] = 1.0
        features = extractor.extract(image)
        down = np.abs(features[2, 20] - features[13, 20]).max()
        along = np.abs(features[2, 2] - features[2, 37]).max()
        assert down > 10 * along

    def test_compares_by_value(self, extractor: FeatureExtractor) -> None:
        copy = dataclasses.replace(extractor)  # type: ignore[type-var]
        assert extractor == copy
        assert hash(extractor) == hash(copy)
