"""OpenRaster: a zip archive whose layers, put together as the specification says, are the photo."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from tests.formats.memory import peak_per_pixel
from tests.formats.named import NamedCase
from tests.results import Make

from softseg.images import eight_bits
from softseg.layers import LayerStack, save
from softseg.photos.profiles import DISPLAY_P3, make_profile, srgb_profile
from softseg.result import SoftSegmentation
from softseg.testing import with_alphas
from softseg.testing.format import names


class Document:
    """An archive, read by nothing but zipfile, ElementTree and Pillow."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            self.entries = archive.infolist()
            self.files = {entry.filename: archive.read(entry) for entry in self.entries}
        self.image = ElementTree.fromstring(self.files["stack.xml"])
        (self.stack,) = self.image

    @property
    def size(self) -> tuple[int, int]:
        return int(self.image.attrib["w"]), int(self.image.attrib["h"])

    def open(self, name: str) -> Image.Image:
        return Image.open(io.BytesIO(self.files[name]))

    def rgba(self, layer: ElementTree.Element) -> np.ndarray:
        """Return a layer's straight colors and alpha, in steps of 255."""
        picture = self.open(layer.attrib["src"])
        assert picture.mode == "RGBA"
        assert picture.size == self.size
        assert (layer.attrib["x"], layer.attrib["y"]) == ("0", "0")
        return np.asarray(picture).astype(float)

    def composite(self, stack: ElementTree.Element) -> np.ndarray:
        """Return what a stack shows: premultiplied colors and alpha in [0, 1], by Porter and Duff."""
        width, height = self.size
        below = np.zeros((height, width, 4))
        for child in reversed(stack):
            above = self.composite(child) if child.tag == "stack" else premultiplied(self.rgba(child) / 255)
            match child.attrib["composite-op"]:
                case "svg:src-over":
                    below = above + (1 - above[..., 3:]) * below
                case "svg:plus":
                    below = np.minimum(above + below, 1)
                case other:
                    pytest.fail(f"an operator that the specification does not have: {other}")
        return below


def premultiplied(rgba: np.ndarray) -> np.ndarray:
    return np.concatenate([rgba[..., :3] * rgba[..., 3:], rgba[..., 3:]], axis=2)


def clipped_first(document: Document) -> np.ndarray:
    """Return what programs show whose "add" clips before it looks at transparency, as Krita's does."""
    width, height = document.size
    below = np.zeros((height, width, 3))
    for child in reversed(document.stack):
        above = document.composite(child) if child.tag == "stack" else document.rgba(child) / 255
        alpha = above[..., 3:]
        straight = above[..., :3] / np.maximum(alpha, 1e-9) if child.tag == "stack" else above[..., :3]
        added = np.minimum(below + straight, 1) if child.attrib["composite-op"] == "svg:plus" else straight
        below = (1 - alpha) * below + alpha * added
    return below


class TestOpenRaster(NamedCase):
    suffix = ".ora"
    others: ClassVar = {"blend": "normal", "names": ["sky", "sea", "sand", "sun"]}

    def check(self, path: Path, result: SoftSegmentation) -> None:
        document = Document(path)
        height, width, count = result.alphas.shape
        assert document.size == (width, height)
        assert sum(name.startswith("data/layer_") for name in document.files) == count
        shown = document.composite(document.stack)
        assert np.abs(shown[..., 3] - 1).max() < 1e-9
        # Half a step of 255 that rounding leaves, and what colors may miss the photo by (CLOSE).
        assert np.abs(255 * (shown[..., :3] - result.image)).max() < 0.6
        np.testing.assert_array_equal(
            np.asarray(document.open("mergedimage.png").convert("RGB")), eight_bits(result.image)
        )


def test_what_tells_that_it_is_openraster_comes_first_and_plain(
    tmp_path: Path, make_segmentation: Make
) -> None:
    save(tmp_path / "out.ora", make_segmentation(5, 8, 2))
    # The local header has 30 bytes and the name's 8; a plain file lies there as it is.
    assert (tmp_path / "out.ora").read_bytes()[30:54] == b"mimetypeimage/openraster"
    assert Document(tmp_path / "out.ora").entries[0].compress_type == zipfile.ZIP_STORED


def test_equal_results_are_equal_files_that_everybody_may_read(
    tmp_path: Path, make_segmentation: Make
) -> None:
    result = make_segmentation(5, 8, 2)
    for name in ("one.ora", "two.ora"):
        save(tmp_path / name, result)
    assert (tmp_path / "one.ora").read_bytes() == (tmp_path / "two.ora").read_bytes()
    for entry in Document(tmp_path / "one.ora").entries:
        assert entry.external_attr >> 16 == 0o644


@pytest.mark.parametrize("blend", ["add", "normal"])
@pytest.mark.parametrize("bright", [False, True])
def test_the_layers_show_the_photo(
    tmp_path: Path, make_segmentation: Make, rng: np.random.Generator, blend: str, bright: bool
) -> None:
    alphas = rng.dirichlet(np.full(10, 0.3), (40, 50))
    alphas[:5] = np.eye(10)[3]
    result = with_alphas(make_segmentation(40, 50, 10), alphas)
    if bright:  # where an "add" that clips first would go wrong
        result = result.recolored(np.maximum(result.colors, 0.8))
    save(tmp_path / "out.ora", result, blend=blend)
    document = Document(tmp_path / "out.ora")
    for shown in (document.composite(document.stack)[..., :3], clipped_first(document)):
        assert np.abs(255 * (shown - result.image)).max() < 0.6


@pytest.mark.parametrize("blend", ["add", "normal"])
def test_named_from_back_to_front_in_the_results_order(
    tmp_path: Path, make_segmentation: Make, blend: str
) -> None:
    alphas = np.broadcast_to([0.1, 0.5, 0.15, 0.25], (6, 9, 4))
    result = with_alphas(make_segmentation(6, 9, 4), alphas)
    assert result.order == (1, 3, 2, 0)
    save(tmp_path / "out.ora", result, blend=blend)
    stacked = [child.attrib["name"] for child in reversed(Document(tmp_path / "out.ora").stack)]
    assert stacked == ["black"] * (blend == "add") + [
        *("2 largest, back", "4 center", "3 center", "1 center"),
    ]


def test_added_layers_are_the_true_mattes(tmp_path: Path, make_segmentation: Make) -> None:
    result = make_segmentation(12, 17, 4)
    save(tmp_path / "out.ora", result)
    document = Document(tmp_path / "out.ora")
    *groups, base = document.stack
    assert (document.rgba(base) == (0, 0, 0, 255)).all()
    total = np.zeros((12, 17))
    for group in groups:
        layer, black = group
        assert layer.attrib["name"] == group.attrib["name"]
        assert (document.rgba(black) == (0, 0, 0, 255)).all()
        k = int(layer.attrib["name"].split()[0]) - 1
        rgba = document.rgba(layer)
        assert np.abs(rgba[..., 3] - 255 * result.alphas[:, :, k]).max() < 1
        # Straight colors, moved a little to make up for the rounding of all layers' opacities.
        moved = np.abs(rgba[..., :3] - 255 * result.colors[:, :, k])
        assert moved.mean() < 0.6
        assert moved.max() < 6
        total += rgba[..., 3]
    np.testing.assert_array_equal(total, 255)


def test_covering_layers_have_no_groups(tmp_path: Path, make_segmentation: Make) -> None:
    save(tmp_path / "out.ora", make_segmentation(6, 9, 3), blend="normal")
    document = Document(tmp_path / "out.ora")
    assert [layer.tag for layer in document.stack] == ["layer"] * 3
    assert (document.rgba(document.stack[-1])[..., 3] == 255).all()


@pytest.mark.parametrize(
    ("size", "expected"), [((300, 600), (256, 128)), ((600, 300), (128, 256)), ((20, 30), (30, 20))]
)
def test_the_thumbnail_is_the_photo_in_at_most_256_pixels(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    stack = LayerStack(np.full((*size, 3), (0.2, 0.4, 0.6)), np.ones((*size, 1), dtype=np.float32))
    save(tmp_path / "out.ora", stack)
    thumbnail = Document(tmp_path / "out.ora").open("Thumbnails/thumbnail.png")
    assert thumbnail.size == expected
    assert (np.asarray(thumbnail.convert("RGB")) == (51, 102, 153)).all()


@pytest.mark.parametrize("profile", ["srgb", "source"])
def test_every_png_holds_the_profile(tmp_path: Path, make_segmentation: Make, profile: str) -> None:
    wide = make_profile(DISPLAY_P3)
    save(tmp_path / "out.ora", replace(make_segmentation(6, 9, 3), profile=wide), profile=profile)
    document = Document(tmp_path / "out.ora")
    for name in document.files:
        if name.endswith(".png"):
            expected = srgb_profile() if profile == "srgb" else wide
            assert document.open(name).info["icc_profile"] == expected
    # The layers add up in the photo's own space, too.
    merged = np.asarray(document.open("mergedimage.png").convert("RGB")).astype(float)
    # Half a step from the layers and half from the picture, and what colors may miss the photo by.
    assert np.abs(255 * document.composite(document.stack)[..., :3] - merged).max() < 1.1


def test_an_unknown_blend(tmp_path: Path, make_segmentation: Make) -> None:
    with pytest.raises(ValueError, match=r"\Ablend: expected 'add' or 'normal', got 'screen'\Z"):
        save(tmp_path / "out.ora", make_segmentation(5, 8, 2), blend="screen")
    assert names(tmp_path) == []


def test_colors_are_never_held_all_at_once(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All colors are 96 bytes a pixel, and the layers in 8 bits 32. With all colors at once, and what they are
    # found from, it would be more than both.
    assert peak_per_pixel(tmp_path / "out.ora", rng, monkeypatch) < 0.8 * (96 + 32)


def test_names_in_any_letters(tmp_path: Path, make_segmentation: Make) -> None:
    called = ["фото 写真", "<&\"'>]]>", "é 🐈"]
    result = make_segmentation(12, 17, 3)
    save(tmp_path / "out.ora", result, names=called)
    *groups, _ = Document(tmp_path / "out.ora").stack
    assert [group.attrib["name"] for group in reversed(groups)] == [called[k] for k in result.order]
