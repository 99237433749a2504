"""The test case that every feature extractor inherits and must pass."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar

import numpy as np
import pytest

from softseg._expressions import parse
from softseg._registry import Registry
from softseg.features import FeatureExtractor, preprocess
from softseg.features.registry import EXTRACTORS
from softseg.testing.parameters import parameters, required, with_parameters
from softseg.testing.parts import ABOVE, PartCase

# The seed of the random images; any would do.
SEED = 20180812


class ExtractorCase(PartCase):
    """Inherit, name the class ``Test...``, and override the fixture `extractor`.

    An extractor is a frozen dataclass (`FeatureExtractor` says what else it must be) that is registered by
    any name (`softseg.features.register`), unless it cannot be made without arguments. A given network that
    pads with zeros, or adds positions, cannot describe one color by one vector: write
    ``test_one_color_gives_one_vector = None`` and say why.

    Parameters are checked as `AffinityCase` says. A float must change the features and the fingerprint, and
    so must every other parameter that `others` has a value of; what is not in `others` is not tested.

    Attributes
    ----------
    others : dict of str to object
        Another valid value of a parameter, by name; one that changes the features of a random photo.

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

    others: ClassVar[dict[str, object]] = {}
    _asks_for_all_others = False

    @pytest.fixture
    def extractor(self) -> FeatureExtractor:
        """Return the extractor."""
        raise NotImplementedError("override the fixture extractor: it returns the extractor to be tested")

    @pytest.fixture
    def part(self, extractor: FeatureExtractor) -> FeatureExtractor:
        """Return the extractor, for the tests that all kinds of parts have in common."""
        return extractor

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

    def test_is_registered(self, extractor: FeatureExtractor) -> None:
        kind = type(extractor)
        if is_registered(kind):
            return
        if required(extractor):
            pytest.skip(
                f"{kind.__name__} cannot be made by name: {', '.join(required(extractor))} must be given"
            )
        pytest.fail(
            f"{kind.__name__} is not registered: call softseg.features.register(name, {kind.__name__}) in a "
            "module that the tests import, or give your package an entry point of the group "
            "'softseg.extractors'"
        )

    def test_repr_can_be_pasted_back(self, extractor: FeatureExtractor) -> None:
        if not all(map(is_plain, parameters(extractor).values())):
            pytest.skip(f"{extractor!r} has parameters that are not written as plain values")
        super().test_repr_can_be_pasted_back(extractor)

    def test_other_parameters_have_another_fingerprint(self, extractor: FeatureExtractor) -> None:
        # Features are kept on disk by fingerprint (`softseg.features.cached`).
        others = [
            with_parameters(extractor, **{name: self._other(extractor, name, ABOVE)})
            for name in self._varied(extractor)
        ]
        for other in (*others, *self._variants(extractor)):
            if other != extractor:
                assert other.fingerprint() != extractor.fingerprint(), (
                    f"{parameters(other)} and {parameters(extractor)} have the same fingerprint"
                )

    def _read_back(self, extractor: FeatureExtractor) -> Any:
        kind = type(extractor)
        own: Registry[Any] = Registry("extractors", "features", {})
        own.register(kind.__name__, kind)
        return parse(repr(extractor), [own])

    def _compute(self, extractor: FeatureExtractor) -> list[np.ndarray]:
        return [extractor.extract(np.random.default_rng(SEED).random((24, 37, 3)))]


def is_registered(kind: type[FeatureExtractor]) -> bool:
    """Return whether some name stands for a class of extractors, or for a function that makes one."""
    known: list[Any] = []
    for name in EXTRACTORS:
        with contextlib.suppress(Exception):  # what a package failed to register is not tested here
            known.append(EXTRACTORS[name])
    if kind in known:
        return True
    for make in known:
        with contextlib.suppress(Exception):
            if not isinstance(make, type) and type(make()) is kind:
                return True
    return False


def is_plain(value: object) -> bool:
    """Return whether a value is printed as Python writes it: a number, a text, None, or a tuple of such.

    Examples
    --------
    >>> from pathlib import Path
    >>> from softseg.testing.extractor import is_plain
    >>> is_plain((1.5, ("cpu", None))), is_plain(Path("weights"))
    (True, False)
    """
    if isinstance(value, tuple):
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)
