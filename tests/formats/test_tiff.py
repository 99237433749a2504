"""TIFF: a page of 16 bits for each alpha, as Pillow and oiiotool read them; tifffile wrote them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageSequence
from tests.formats.named import NamedCase
from tests.formats.programs import needs
from tests.results import Make

from softseg.formats import layer_names, tiff
from softseg.layers import LayerStack, save
from softseg.result import SoftSegmentation

# Tags of TIFF 6.0: Compression, PageName, Software, Predictor.
COMPRESSION, PAGE_NAME, SOFTWARE, PREDICTOR = 259, 285, 305, 317


def read(path: Path) -> np.ndarray:
    """Return all pages as Pillow reads them, shape (H, W, K)."""
    with Image.open(path) as image:
        assert image.format == "TIFF"
        return np.stack([np.asarray(page).astype(int) for page in ImageSequence.Iterator(image)], axis=2)


class TestTIFF(NamedCase):
    suffix = ".tif"
    others: ClassVar = {"names": ["sky", "sea", "sand", "sun"]}

    def check(self, path: Path, result: SoftSegmentation) -> None:
        alphas = read(path)
        assert (alphas.sum(axis=2) == 65535).all()
        # No alpha is off by a whole step; the sum of alphas in float32 is off by as much as a few of 2**-24.
        assert np.abs(alphas - 65535 * result.alphas.astype(float)).max() < 1 + 65535 * 2**-20


class TestLongSuffix(TestTIFF):
    suffix = ".tiff"


def test_pages_are_named_in_the_order_of_the_layers(tmp_path: Path, make_segmentation: Make) -> None:
    result = make_segmentation(7, 11, 12)
    save(tmp_path / "out.tif", result)
    with Image.open(tmp_path / "out.tif") as image:
        tags = [dict(page.tag_v2) for page in ImageSequence.Iterator(image)]
        assert image.mode == "I;16"
    assert [tag[PAGE_NAME] for tag in tags] == layer_names(result)
    for tag in tags:
        assert (tag[COMPRESSION], tag[PREDICTOR], tag[SOFTWARE]) == (8, 2, "softseg")  # deflate, horizontal


def test_page_names_are_utf8(tmp_path: Path, make_segmentation: Make) -> None:
    called = ["фото 写真", "é 🐈"]
    save(tmp_path / "out.tif", make_segmentation(7, 11, 2), names=called)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        written = [page.tags[PAGE_NAME].value for page in file.pages]
    assert [name if isinstance(name, str) else name.decode() for name in written] == called


@needs("oiiotool")
def test_oiiotool_reads_the_same(tmp_path: Path, make_segmentation: Make) -> None:
    save(tmp_path / "out.tif", make_segmentation(21, 34, 3))
    expected = read(tmp_path / "out.tif")
    for page in range(3):
        command = ["oiiotool", "out.tif", "--subimage", f"{page}", "-o", "page.png"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        with Image.open(tmp_path / "page.png") as image:
            np.testing.assert_array_equal(np.asarray(image), expected[:, :, page])


def test_smooth_alphas_are_compressed_well(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 200, dtype=np.float32)[None, :, None].repeat(300, axis=0)
    stack = LayerStack(np.full((300, 200, 3), 0.5), np.concatenate([ramp, 1 - ramp], axis=2))
    save(tmp_path / "out.tif", stack)
    assert (tmp_path / "out.tif").stat().st_size < 2 * 2 * 300 * 200 / 20


@pytest.mark.parametrize(("limit", "big"), [(1000, True), (10_000, False)])
def test_large_ones_are_bigtiff(
    tmp_path: Path, make_segmentation: Make, monkeypatch: pytest.MonkeyPatch, limit: int, big: bool
) -> None:
    monkeypatch.setattr(tiff, "CLASSIC", limit)
    result = make_segmentation(20, 30, 3)  # 3600 bytes
    save(tmp_path / "out.tif", result)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.is_bigtiff == big
    TestTIFF().check(tmp_path / "out.tif", result)
