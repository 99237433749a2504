"""Preprocessed features kept on disk."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

import softseg
from softseg.features import FeatureExtractor, LowLevelFeatures, preprocess
from softseg.features.cached import CachedFeatures
from softseg.testing import ExtractorCase

CALLS: list[str] = []


@dataclass(frozen=True)
class Counting(FeatureExtractor):
    power: float = 1.0
    weights: list[str] = field(default_factory=lambda: ["first"], repr=False, compare=False)

    def extract(self, image):
        CALLS.append(repr(self))
        return np.concatenate([image**self.power, 1 - image], axis=2).astype(np.float32)

    def fingerprint(self):
        return f"{self!r} {self.weights[0]}"


@pytest.fixture(autouse=True)
def calls():
    CALLS.clear()
    return CALLS


@pytest.fixture
def image(rng):
    return rng.random((13, 17, 3))


class TestCachedFeatures(ExtractorCase):
    @pytest.fixture
    def extractor(self, tmp_path):
        return CachedFeatures(LowLevelFeatures(), tmp_path)


def test_computed_once_and_the_same_bits(tmp_path, image, calls):
    expected = preprocess(Counting().extract(image), image)
    calls.clear()
    cached = CachedFeatures(Counting(), tmp_path / "new")
    for _ in range(3):
        features = cached.preprocessed(image)
        assert features.dtype == np.float32
        np.testing.assert_array_equal(features, expected)
    assert len(calls) == 1
    assert CachedFeatures(Counting(), tmp_path / "new").preprocessed(image).shape == (13, 17, 3)
    assert len(calls) == 1


def test_only_the_preprocessed_channels_are_kept(tmp_path, image):
    cached = CachedFeatures(Counting(), tmp_path)
    cached.extract(image)
    assert not list(tmp_path.iterdir())
    cached.preprocessed(image)
    (file,) = tmp_path.iterdir()
    with np.load(file) as arrays:
        assert arrays["features"].shape == (13, 17, 3)


def test_all_that_matters_makes_another_file(tmp_path, image, calls, monkeypatch):
    cached = CachedFeatures(Counting(), tmp_path)
    cached.preprocessed(image)
    other = image.copy()
    other[3, 4, 1] += 1e-9
    cached.preprocessed(other)
    cached.preprocessed(np.ascontiguousarray(image.transpose(1, 0, 2)))
    cached.preprocessed(image.reshape(17, 13, 3))
    assert cached.preprocessed(image, 5).shape == (13, 17, 5)
    CachedFeatures(Counting(2.0), tmp_path).preprocessed(image)
    CachedFeatures(Counting(weights=["second"]), tmp_path).preprocessed(image)
    monkeypatch.setattr(softseg, "__version__", "another")
    cached.preprocessed(image)
    assert len(calls) == len(list(tmp_path.iterdir())) == 8


def test_memory_layout_does_not_matter(tmp_path, image, calls):
    cached = CachedFeatures(Counting(), tmp_path)
    np.testing.assert_array_equal(cached.preprocessed(np.asfortranarray(image)), cached.preprocessed(image))
    assert len(calls) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"something else",
        lambda content: content[:200] + bytes([content[200] ^ 255]) + content[201:],
    ],
)
def test_a_damaged_file_is_computed_anew(tmp_path, image, calls, damage):
    cached = CachedFeatures(Counting(), tmp_path)
    expected = cached.preprocessed(image)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    np.testing.assert_array_equal(cached.preprocessed(image), expected)
    assert len(calls) == 2
    np.testing.assert_array_equal(cached.preprocessed(image), expected)
    assert len(calls) == 2


@pytest.mark.parametrize(
    "arrays", [{"other": np.zeros((13, 17, 3), np.float32)}, {"features": np.zeros((2, 3), np.float32)}]
)
def test_a_file_of_something_else_is_computed_anew(tmp_path, image, calls, arrays):
    cached = CachedFeatures(Counting(), tmp_path)
    expected = cached.preprocessed(image)
    (file,) = tmp_path.iterdir()
    np.savez(file, **arrays)
    np.testing.assert_array_equal(cached.preprocessed(image), expected)
    assert len(calls) == 2


def test_nothing_half_written_stays(tmp_path, image, monkeypatch):
    def fails(file, **arrays):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fails)
    with pytest.raises(OSError, match="disk full"):
        CachedFeatures(Counting(), tmp_path).preprocessed(image)
    assert not list(tmp_path.iterdir())


def test_a_cache_of_a_cache_is_not_preprocessed_twice(tmp_path, image, calls):
    inner = CachedFeatures(Counting(), tmp_path / "inner")
    outer = CachedFeatures(inner, tmp_path / "outer")
    np.testing.assert_array_equal(outer.preprocessed(image), inner.preprocessed(image))
    assert len(calls) == 1


@pytest.mark.usefixtures("unhooked")
@pytest.mark.parametrize(("count", "error"), [(0, ValueError), (2.5, TypeError)])
def test_bad_component_counts(tmp_path, image, count, error):
    with pytest.raises(error, match=r"^n_components: expected an integer"):
        CachedFeatures(Counting(), tmp_path).preprocessed(image, count)


def test_repr_can_be_pasted_back():
    cached = CachedFeatures(LowLevelFeatures(), "folder")
    assert repr(cached) == "CachedFeatures(extractor=LowLevelFeatures(), folder='folder')"
    assert eval(repr(cached)) == cached
