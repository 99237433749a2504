"""Amounts of memory, and the working sizes that fit into them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.formats.memory import LAYERS, peak_per_pixel

import softseg
from softseg import segmentation
from softseg.memory import (
    LEAST_WORKING_PIXELS,
    PER_LAYER,
    PER_PIXEL,
    SAVING,
    parse_memory,
    plan_working_pixels,
    used_memory,
)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        (123, 123),
        ("123", 123),
        ("4GB", 4 * 10**9),
        ("4 gb", 4 * 10**9),
        ("0.5GiB", 2**29),
        (" 512 MiB ", 2**29),
        ("1.5kB", 1500),
        ("2TB", 2 * 10**12),
        ("7 b", 7),
        (np.int64(5), 5),
    ],
)
def test_amounts(text: int | str, amount: int) -> None:
    assert parse_memory(text) == amount


@pytest.mark.parametrize(
    "text", ["", "GB", "4 G", "-1GB", "4GB5", "4 bananas", "0", "0.1 b", 0, -3, "nan", "1e9"]
)
def test_no_amounts(text: int | str) -> None:
    with pytest.raises(ValueError, match=r"^max_memory: expected"):
        parse_memory(text)


@pytest.mark.parametrize("value", [1.5, True, [4]])
def test_amounts_of_other_types(value: object) -> None:
    with pytest.raises(TypeError, match=r"^max_memory: expected an integer"):
        parse_memory(value)  # type: ignore[arg-type]


def test_what_is_planned_just_suffices() -> None:
    photo = {"used": 10**9, "height": 3000, "width": 4000, "n_layers": 5, "n_eigenvectors": 100}
    with pytest.raises(
        ValueError,
        match=r"expected at least 3\.1 GB, 1\.8 GB of them .* for 4000x3000 pixels and 5 layers; got 1\.0 GB",
    ):
        plan_working_pixels(10**9, **photo)
    assert plan_working_pixels(3_110_000_000, **photo) >= LEAST_WORKING_PIXELS


def test_more_memory_more_pixels_more_eigenvectors_fewer() -> None:
    def planned(limit: int, eigenvectors: int) -> int:
        return plan_working_pixels(limit, 10**8, 60, 80, 5, eigenvectors)

    assert planned(2 * 10**9, 100) < planned(3 * 10**9, 100) < planned(3 * 10**9, 50)


@pytest.mark.parametrize("suffix", [".psd", ".ora", ".exr", ".tif", ""])
def test_no_format_takes_more_than_is_planned(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    if suffix == ".exr":
        pytest.importorskip("OpenEXR")
    # The photo and the result, of 24 and 4 bytes, are there before.
    planned = PER_PIXEL - 24 + (PER_LAYER - 4) * LAYERS
    taken = peak_per_pixel(tmp_path / f"out{suffix}", rng, monkeypatch)
    # What is found of the colors at once does not grow with the photo; it is a part of SAVING.
    assert taken < planned + SAVING / 12e6


def test_used_memory_grows_with_what_is_used() -> None:
    before = used_memory()
    block = np.ones(10**7)
    assert used_memory() >= before + 0.9 * block.nbytes


def test_little_memory_makes_the_working_size_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmentation, "plan_working_pixels", lambda *_: 300)
    image = np.random.default_rng(0).random((30, 40, 3))
    options = {"features": "low-level", "n_eigenvectors": 10, "n_initial": 5, "n_layers": 2}
    with pytest.warns(UserWarning, match=r"^max_memory: the working size is about 300 pixels"):
        result = softseg.segment(image, max_memory="1GB", **options)
    assert result.features.shape[0] * result.features.shape[1] <= 300
    assert result.alphas.shape == (30, 40, 2)


def test_much_memory_changes_nothing() -> None:
    image = np.random.default_rng(0).random((30, 40, 3))
    options = {"features": "low-level", "n_eigenvectors": 10, "n_initial": 5, "n_layers": 2}
    planned = softseg.segment(image, max_memory="100GB", **options)
    np.testing.assert_array_equal(planned.alphas, softseg.segment(image, **options).alphas)


def test_too_little_memory_is_refused_before_any_work() -> None:
    with pytest.raises(
        ValueError, match=r"^max_memory: expected at least .* for 40x30 pixels and 5 layers; got 10 MB"
    ):
        softseg.segment(np.zeros((30, 40, 3)), max_memory="10MB")
