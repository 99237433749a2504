"""Extractors by name."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

import softseg.features
from softseg.features import (
    FeatureExtractor,
    LiteFeatures,
    LowLevelFeatures,
    extract,
    extractor_names,
    get_extractor,
    register,
    registry,
)


@dataclass(frozen=True)
class Shifted(FeatureExtractor):
    by: float = 0.0

    def extract(self, image):
        return (image[..., :2] + self.by).astype(np.float32)


@pytest.fixture
def spare_registry(monkeypatch):
    monkeypatch.setattr(registry.EXTRACTORS, "_known", dict(registry.EXTRACTORS._known))


def test_low_level_and_the_default_network_are_registered():
    assert {"default", "low-level"} <= set(extractor_names())
    assert get_extractor("low-level") == LowLevelFeatures()
    assert get_extractor("default") == get_extractor("lite") == LiteFeatures()


def test_the_network_of_earlier_versions_names_its_successor():
    with pytest.raises(
        ValueError, match="'compact' is no longer part of softseg; 'default' is its successor"
    ):
        get_extractor("compact")


@pytest.mark.usefixtures("spare_registry")
def test_a_new_extractor_is_one_line():
    register("shifted", lambda: Shifted(2.0))
    assert "shifted" in extractor_names()
    assert get_extractor("shifted") == Shifted(2.0)
    image = np.full((4, 5, 3), 128, np.uint8)
    np.testing.assert_allclose(extract(image, "shifted"), np.full((4, 5, 2), 2 + 128 / 255), rtol=1e-6)


@pytest.mark.usefixtures("spare_registry")
def test_a_path_is_imported_only_when_asked_for():
    register("broken", "softseg.features.there_is_no_such_module:Nothing")
    assert "broken" in extractor_names()
    with pytest.raises(ModuleNotFoundError):
        get_extractor("broken")


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"^features: expected one of .*low-level.*, got 'lowlevel'$"):
        get_extractor("lowlevel")
    with pytest.raises(ValueError, match="got 'nope'"):
        extract(np.zeros((3, 3, 3)), "nope")


@pytest.mark.usefixtures("spare_registry")
def test_bad_registrations():
    with pytest.raises(ValueError, match=r"^name: expected one that is not taken, got 'low-level'$"):
        register("low-level", LowLevelFeatures)
    with pytest.raises(ValueError, match=r"^factory: expected 'package.module:name', got 'no_colon'$"):
        register("other", "no_colon")
    assert "other" not in extractor_names()


def test_extract_takes_bytes_and_floats_alike(rng):
    image = rng.integers(0, 256, (12, 17, 3), dtype=np.uint8)
    np.testing.assert_array_equal(extract(image), extract(image / 255.0))


def test_an_extractor_must_extract():
    class Nothing(FeatureExtractor):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Nothing()


@pytest.mark.parametrize("first", ["softseg.features.preprocessing", "softseg.features.registry", "softseg"])
def test_public_names_are_the_functions_whatever_was_imported_first(first):
    code = (
        f"import {first}, softseg.features as f; "
        "assert all(callable(getattr(f, name)) for name in f.__all__), f.__all__"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_the_package_is_light():
    code = (
        "import sys, softseg.features as f; dir(f); "
        "sys.exit(bool({'numba', 'torch', 'skimage', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert "preprocess" in dir(softseg.features)


def test_scripts_may_use_the_old_names():
    assert softseg.features.get is get_extractor
    assert softseg.features.names is extractor_names
