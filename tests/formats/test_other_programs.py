"""Files as other programs open them than wrote them: GIMP, ImageMagick, oiiotool and Krita.

Each test needs a program, and is skipped where it is not installed. What is compared are names, sizes,
alphas, and what the program itself makes of the layers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from psd_tools import PSDImage
from tests.formats.programs import needs, open_in_gimp, pixels, run

from softseg.images import eight_bits
from softseg.layers import save
from softseg.result import SoftSegmentation
from softseg.testing import random_result

# What layers are called: other letters, what XML and files have no place for, and what lies below all layers.
CALLED = ["фото 写真 é 🐈", '<a & "b">/c', "black"]
# Of the photo, in pixels; not square, and no multiple of four.
HEIGHT, WIDTH = 41, 62
# GIMP's modes: a group of its own, and what it makes of Photoshop's normal and linear dodge.
GROUP_MODE, NORMAL, ADD = 61, 28, 33


@pytest.fixture(scope="module")
def result() -> SoftSegmentation:
    return random_result(np.random.default_rng(0), HEIGHT, WIDTH, len(CALLED))


def front_to_back(result: SoftSegmentation) -> list[int]:
    return list(result.order[::-1])


@dataclass(frozen=True)
class Opened:
    """What GIMP told of some files, and the folder with the pictures that it wrote."""

    folder: Path
    told: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def gimp(tmp_path_factory: pytest.TempPathFactory, result: SoftSegmentation) -> Opened:
    """All files that GIMP opens, opened at once, because it takes seconds to start."""
    folder = tmp_path_factory.mktemp("gimp")
    save(folder / "add.psd", result, names=CALLED)
    save(folder / "normal.psd", result, names=CALLED, blend="normal")
    save(folder / "more.psd", result, names=["sky", "sea", "sand"], base=folder / "normal.psd")
    save(folder / "alphas.tif", result, names=CALLED)
    files = [folder / name for name in ("add.psd", "normal.psd", "more.psd", "alphas.tif")]
    return Opened(folder, open_in_gimp(folder, files))


@needs("gimp")
class TestGIMP:
    def test_names_sizes_and_modes(self, gimp: Opened, result: SoftSegmentation) -> None:
        for name in ("add.psd", "normal.psd", "more.psd", "alphas.tif"):
            assert gimp.told[name]["size"] == (WIDTH, HEIGHT)
            assert all(layer["size"] == (WIDTH, HEIGHT) for layer in gimp.told[name]["layers"])
        normal = gimp.told["normal.psd"]["layers"]
        assert [layer["name"] for layer in normal] == [CALLED[k] for k in front_to_back(result)]
        assert {layer["mode"] for layer in normal} == {NORMAL}
        groups = [layer for layer in gimp.told["add.psd"]["layers"] if layer["group"]]
        # GIMP allows a name once, and numbers those that come again.
        assert [plain(group["name"]) for group in groups] == [CALLED[k] for k in front_to_back(result)]
        assert {group["mode"] for group in groups} == {ADD}
        pages = gimp.told["alphas.tif"]["layers"]
        assert sorted(page["name"] for page in pages) == sorted(CALLED)

    # Steps of 255: GIMP rounds after each group, and to whole steps once where layers cover each other.
    @pytest.mark.parametrize(("name", "steps"), [("add.psd", 3), ("normal.psd", 1.5)])
    def test_what_it_shows_is_the_photo(
        self, gimp: Opened, result: SoftSegmentation, name: str, steps: float
    ) -> None:
        shown = pixels(gimp.folder / f"{name}.png")[..., :3]
        assert np.abs(shown - 255 * result.image).max() < steps

    def test_alphas(self, gimp: Opened, result: SoftSegmentation) -> None:
        leaves = [layer for layer in gimp.told["add.psd"]["layers"] if not layer["group"]]
        layers = [number for number, layer in enumerate(leaves) if number % 2 == 0 and layer["depth"] == 1]
        for number, k in zip(layers, front_to_back(result), strict=True):
            alpha = pixels(gimp.folder / f"add.psd.{number}.png")[..., 3]
            # Less than a step of 255, which is how opacities are rounded; GIMP changes nothing.
            assert np.abs(alpha - 255 * result.alphas[:, :, k]).max() < 1
        for number, page in enumerate(gimp.told["alphas.tif"]["layers"]):
            alpha = pixels(gimp.folder / f"alphas.tif.{number}.png")
            alpha = alpha[..., 0] if alpha.ndim == 3 else alpha
            steps = 65535 if alpha.max() > 255 else 255
            expected = steps * result.alphas[:, :, CALLED.index(page["name"])]
            assert np.abs(alpha - expected).max() < 1.1

    def test_layers_that_were_added_to_a_file(self, gimp: Opened, result: SoftSegmentation) -> None:
        group, *layers = gimp.told["more.psd"]["layers"]
        assert (group["name"], group["group"], group["visible"]) == ("softseg", True, False)
        assert layers[-3:] == gimp.told["normal.psd"]["layers"]
        inside = [plain(layer["name"]) for layer in layers[:-3] if layer["group"]]
        assert inside == [["sky", "sea", "sand"][k] for k in front_to_back(result)]
        before, after = (pixels(gimp.folder / f"{name}.psd.png") for name in ("normal", "more"))
        np.testing.assert_array_equal(before, after)


def plain(name: str) -> str:
    """Return a name without the number that GIMP puts behind it."""
    start, mark, number = name.rpartition(" #")
    return start if mark and number.isdigit() else name


@needs("convert")
class TestImageMagick:
    def test_psd(self, tmp_path: Path, result: SoftSegmentation) -> None:
        save(tmp_path / "out.psd", result, blend="normal", names=["le café", "sea", "sky"])
        told = run(tmp_path, "identify", "-format", "%w %h %[label]\n", "out.psd").splitlines()
        # It reads names in ASCII alone, which the file has as well.
        expected = [f"{WIDTH} {HEIGHT} {['le cafe', 'sea', 'sky'][k]}" for k in result.order]
        assert [line for line in told if not line.endswith(f"{HEIGHT} ")] == expected
        for number, k in enumerate(result.order, start=1):
            run(tmp_path, "convert", f"out.psd[{number}]", "-alpha", "extract", "alpha.png")
            if k == result.order[-1]:  # of the front layer alone it is the alpha
                alpha = pixels(tmp_path / "alpha.png")
                assert np.abs(alpha - 255 * result.alphas[:, :, k]).max() < 1
        run(tmp_path, "convert", "out.psd[0]", "merged.png")
        np.testing.assert_array_equal(pixels(tmp_path / "merged.png"), eight_bits(result.image))

    def test_tiff(self, tmp_path: Path, result: SoftSegmentation) -> None:
        save(tmp_path / "out.tif", result, names=CALLED)
        told = run(tmp_path, "identify", "-format", "%w %h %z\n", "out.tif").splitlines()
        assert told == [f"{WIDTH} {HEIGHT} 16"] * 3
        self.compare(tmp_path, [f"out.tif[{k}]" for k in range(3)], result)

    def test_pngs_of_alphas(self, tmp_path: Path, result: SoftSegmentation) -> None:
        save(tmp_path, result, alphas=True, names=CALLED)
        files = [next(tmp_path.glob(f"alpha_{number}_*.png")) for number in (1, 2, 3)]
        told = [run(tmp_path, "identify", "-format", "%w %h %z %[colorspace]", file.name) for file in files]
        assert told == [f"{WIDTH} {HEIGHT} 16 Gray"] * 3
        self.compare(tmp_path, [file.name for file in files], result)

    def test_pngs_of_layers(self, tmp_path: Path, result: SoftSegmentation) -> None:
        save(tmp_path, result)
        for number in (1, 2, 3):
            run(tmp_path, "convert", f"layer_{number}.png", "-depth", "8", "rgba:layer")
            layer = np.fromfile(tmp_path / "layer", dtype=np.uint8).reshape(HEIGHT, WIDTH, 4)
            # Half a step of 255, and float32's rounding.
            assert np.abs(layer - 255 * result.rgba[number - 1]).max() < 0.501

    def compare(self, folder: Path, pages: list[str], result: SoftSegmentation) -> None:
        """Compare gray pictures, as plain numbers of 16 bits, with the alphas."""
        for k, page in enumerate(pages):
            run(folder, "convert", page, "-depth", "16", "-endian", "LSB", "gray:alpha")
            alpha = np.fromfile(folder / "alpha", dtype="<u2").reshape(HEIGHT, WIDTH)
            # Less than a step of 65535, and what the sum of alphas in float32 is off by.
            assert np.abs(alpha - 65535 * result.alphas[:, :, k].astype(float)).max() < 1 + 65535 * 2**-20


@needs("oiiotool")
class TestOiiotool:
    def test_pngs_of_alphas(self, tmp_path: Path, result: SoftSegmentation) -> None:
        save(tmp_path, result, alphas=True, names=CALLED)
        for k in range(3):
            (file,) = tmp_path.glob(f"alpha_{k + 1}_*.png")
            told = run(tmp_path, "oiiotool", "--info", "-v", file.name)
            assert f"{WIDTH} x   {HEIGHT}, 1 channel, uint16 png" in told
            assert f'DocumentName: "{CALLED[k]}"\n' in told
            written = ["-d", "uint16", "--compression", "none", "-o", "alpha.tif"]
            run(tmp_path, "oiiotool", file.name, *written)
            alpha = pixels(tmp_path / "alpha.tif")
            assert np.abs(alpha - 65535 * result.alphas[:, :, k].astype(float)).max() < 1 + 65535 * 2**-20

    def test_psd(self, tmp_path: Path, result: SoftSegmentation) -> None:
        save(tmp_path / "out.psd", result, names=["le café", "sea", "sky"], blend="normal")
        told = run(tmp_path, "oiiotool", "--info", "-v", "-a", "out.psd")
        # It reads names in ASCII alone, which the file has as well.
        called = re.findall('oiio:subimagename: "(.*)"', told)
        assert called == [["le cafe", "sea", "sky"][k] for k in result.order]
        run(tmp_path, "oiiotool", "out.psd", "-o", "merged.png")
        np.testing.assert_array_equal(pixels(tmp_path / "merged.png"), eight_bits(result.image))


@needs("krita", "xvfb-run")
def test_krita_shows_the_photo_and_writes_the_same_layers_again(
    tmp_path: Path, result: SoftSegmentation
) -> None:
    save(tmp_path / "out.ora", result, names=CALLED)
    run(tmp_path, "xvfb-run", "-a", "krita", "--export", "--export-filename", "again.psd", "out.ora")
    document = PSDImage.open(tmp_path / "again.psd")
    assert document.size == (WIDTH, HEIGHT)
    # Steps of 255: Krita rounds after each layer and group.
    assert np.abs(np.asarray(document.topil().convert("RGB")) - 255 * result.image).max() < 3
    groups = [layer for layer in document if layer.kind == "group"]
    # Krita ends names with a zero, as C does.
    assert [group.name.rstrip("\0") for group in groups] == [CALLED[k] for k in result.order]
    for group, k in zip(groups, result.order, strict=True):
        layer = list(group)[-1]
        assert layer.name.rstrip("\0") == CALLED[k]
        # Less than a step of 255, which is how opacities are rounded; Krita changes nothing.
        assert np.abs(np.rint(255 * layer.numpy()[..., 3]) - 255 * result.alphas[:, :, k]).max() < 1
