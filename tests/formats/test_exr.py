"""OpenEXR: named layers in linear light, as OpenEXR itself and OpenImageIO's oiiotool read them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import OpenEXR
import pytest
import tifffile
from tests.formats.named import NamedCase
from tests.formats.programs import needs, run
from tests.results import Make

from softseg.formats import check_output
from softseg.layers import LayerStack, save
from softseg.result import SoftSegmentation
from softseg.testing import with_alphas
from softseg.testing.format import names

# By how much a half float of at most 1 is off, and by how much colors may miss the photo (CLOSE).
HALF, MISSED = 2**-12, 1.1e-4


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the channels by name."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return {name: channel.pixels.copy() for name, channel in file.channels().items()}


def stacked(channels: dict[str, np.ndarray], prefix: str = "") -> np.ndarray:
    return np.stack([channels[prefix + name] for name in "RGBA"], axis=2).astype(float)


def encoded(light: np.ndarray) -> np.ndarray:
    """Return light as sRGB (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def decoded(values: np.ndarray) -> np.ndarray:
    """Return the light of sRGB, by inverting `encoded` through a fine table."""
    table = np.linspace(0, 1, 2**20)
    return np.interp(values, encoded(table), table)


def check_channels(channels: dict[str, np.ndarray], result: SoftSegmentation) -> None:
    """Compare what was read with the result."""
    count = result.alphas.shape[2]
    prefixes = [f"layer_{layer + 1}." for layer in range(count)]
    assert set(channels) == {prefix + name for prefix in ["", *prefixes] for name in "RGBA"}
    photo = stacked(channels)
    np.testing.assert_allclose(photo[..., :3], decoded(result.image), atol=HALF)
    assert (photo[..., 3] == 1).all()
    layers = np.stack([stacked(channels, prefix) for prefix in prefixes])
    np.testing.assert_allclose(layers[..., 3], np.moveaxis(result.alphas, 2, 0), atol=HALF)
    # Premultiplied: no color is more than its alpha.
    assert (layers[..., :3] <= layers[..., 3:] + 2 * HALF).all()
    # Halves are the finer the smaller they are, so that the sum of many is not off by more.
    np.testing.assert_allclose(layers[..., :3].sum(axis=0), decoded(result.image), atol=2 * HALF + MISSED)
    np.testing.assert_allclose(layers[..., 3].sum(axis=0), 1, atol=2 * HALF)


class TestEXR(NamedCase):
    suffix = ".exr"
    others: ClassVar = {"names": ["sky", "sea", "sand", "sun"]}

    def check(self, path: Path, result: SoftSegmentation) -> None:
        check_channels(read(path), result)


@needs("oiiotool")
@pytest.mark.parametrize("count", [1, 3, 12])
def test_oiiotool_reads_the_same(tmp_path: Path, make_segmentation: Make, count: int) -> None:
    result = make_segmentation(21, 34, count)
    save(tmp_path / "out.exr", result)
    told = subprocess.run(
        ["oiiotool", "--info", "-v", "out.exr"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert f"34 x   21, {4 * (count + 1)} channel, half openexr" in told
    assert 'compression: "zip"' in told
    assert "subimages: 1" in told
    (listed,) = (line.split(": ")[1] for line in told.splitlines() if "channel list" in line)
    # Oiiotool's own number format in TIFF; tifffile gives the channels in the order that is listed.
    command = ["oiiotool", "out.exr", "-d", "float", "--compression", "none", "-o", "out.tif"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    pixels = tifffile.imread(tmp_path / "out.tif")
    check_channels(dict(zip(listed.split(", "), np.moveaxis(pixels, 2, 0), strict=True)), result)


def test_where_a_layer_is_alone_it_has_the_photos_colors(tmp_path: Path, rng: np.random.Generator) -> None:
    image = rng.random((6, 9, 3))
    alphas = np.eye(3, dtype=np.float32)[rng.integers(0, 3, (6, 9))]
    save(tmp_path / "out.exr", LayerStack(image, alphas))
    channels = read(tmp_path / "out.exr")
    for k in range(3):
        layer = stacked(channels, f"layer_{k + 1}.")
        np.testing.assert_allclose(layer[..., :3], decoded(image) * alphas[:, :, k, None], atol=HALF + MISSED)


def test_straight_colors_are_nearly_the_results(tmp_path: Path, make_segmentation: Make) -> None:
    # All colors are alike, so that a mixture of their light is nearly that of the mixture.
    given = make_segmentation(12, 17, 3)
    result = given.recolored(0.5 + 0.05 * given.colors)
    save(tmp_path / "out.exr", result)
    layer = stacked(read(tmp_path / "out.exr"), "layer_2.")
    visible = layer[..., 3] > 0.2
    straight = encoded(layer[visible][:, :3] / layer[visible][:, 3:])
    np.testing.assert_allclose(straight, result.colors[:, :, 1][visible], atol=0.003)


def test_small_values_keep_their_precision(tmp_path: Path, make_segmentation: Make) -> None:
    alphas = np.broadcast_to([0.9999, 0.0001], (6, 9, 2))
    result = with_alphas(make_segmentation(6, 9, 2), alphas)
    save(tmp_path / "out.exr", result)
    # Eight bits have none of it left; a half float has ten bits and the one that is not written.
    np.testing.assert_allclose(read(tmp_path / "out.exr")["layer_2.A"], 0.0001, rtol=2**-10)


def test_the_photos_own_profile_does_not_matter(tmp_path: Path, make_segmentation: Make) -> None:
    result = make_segmentation(6, 9, 2)
    save(tmp_path / "a.exr", result)
    save(tmp_path / "b.exr", replace(result, profile=b"of some scanner", given_colors=result.colors))
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()
    with OpenEXR.File(str(tmp_path / "a.exr")) as file:
        # Red, green, blue and white of sRGB, by x and y.
        expected = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
        np.testing.assert_allclose(file.header()["chromaticities"], expected, rtol=1e-6)


def test_without_the_package_it_is_said_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    monkeypatch.delitem(sys.modules, "softseg.formats.exr", raising=False)
    message = r'\Awriting \.exr files needs OpenEXR: pip install "softseg\[exr\]"\Z'
    with pytest.raises(ImportError, match=message):
        check_output(tmp_path / "a" / "out.exr", 3, 3)
    assert names(tmp_path) == []


@needs("oiiotool")
def test_oiiotool_reads_names_that_nuke_takes_and_those_that_were_given(
    tmp_path: Path, make_segmentation: Make
) -> None:
    called = ["le café", "空 far", "depth"]
    result = make_segmentation(21, 34, 3)
    save(tmp_path / "out.exr", result, names=called)
    told = run(tmp_path, "oiiotool", "--info", "-v", "out.exr")
    listed = [f"{name}.{channel}" for name in ("layer_2_far", "layer_depth", "le_cafe") for channel in "RGBA"]
    assert f"channel list: R, G, B, A, {', '.join(listed)}\n" in told
    assert 'layerNames: "le café", "空 far", "depth"' in told
    # Each name has the channels of its own layer.
    for name, layer in zip(["le_cafe", "layer_2_far", "layer_depth"], range(3), strict=True):
        written = ["-d", "float", "--compression", "none", "-o", "alpha.tif"]
        run(tmp_path, "oiiotool", "out.exr", "--ch", f"{name}.A", *written)
        np.testing.assert_allclose(
            tifffile.imread(tmp_path / "alpha.tif"), result.alphas[:, :, layer], atol=HALF
        )
