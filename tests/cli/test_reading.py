"""The options that say how photos are read, and standard input."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.cli.command import FakeSegment, one_line
from tests.photos.making import png, tiff

import softseg
from softseg import Photo
from softseg.cli import main
from softseg.photos.profiles import DISPLAY_P3, make_profile, srgb_profile

P3 = make_profile(DISPLAY_P3)


@pytest.fixture
def levels(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 4096, (5, 8, 10), dtype=np.uint16)


def write(name: str, file: io.BytesIO) -> str:
    Path(name).write_bytes(file.getvalue())
    return name


@pytest.fixture(autouse=True)
def in_a_folder(photo: Path) -> None:
    """Work where the photo lies."""


class TestOptions:
    def test_frame_and_white(self, segment: FakeSegment, levels: np.ndarray) -> None:
        name = write("stack.tif", tiff(levels, photometric="minisblack"))
        assert main(["segment", name, "-q", "--frame", "2", "--white", "4095"]) == 0
        np.testing.assert_array_equal(np.asarray(segment.images[0])[..., 1], levels[2] / 4095)

    def test_channels(
        self, segment: FakeSegment, levels: np.ndarray, capsys: pytest.CaptureFixture[str]
    ) -> None:
        name = write("cells.tif", tiff(levels, imagej=True, metadata={"axes": "CYX"}))
        assert main(["segment", name, "-q"]) == 1
        assert "got 5 channels: 0, 1, 2, 3, 4; choose" in one_line(capsys)
        assert main(["segment", name, "-q", "--channels", "0,2,4", "--white", "4095"]) == 0
        np.testing.assert_array_equal(segment.images[0], np.moveaxis(levels[[0, 2, 4]], 0, 2) / 4095)

    @pytest.mark.parametrize("background", ["red", "#ff0000", "rgb(255,0,0)"])
    def test_background(self, segment: FakeSegment, background: str) -> None:
        Image.new("RGBA", (10, 8), (0, 0, 255, 0)).save("nothing.png")
        assert main(["segment", "nothing.png", "-q", "--background", background]) == 0
        np.testing.assert_array_equal(segment.images[0], np.broadcast_to([255, 0, 0], (8, 10, 3)))

    def test_a_layer_of_transparency(self, segment: FakeSegment) -> None:
        Image.new("RGBA", (10, 8), (0, 0, 255, 51)).save("glass.png")
        assert main(["segment", "glass.png", "-q", "--background", "layer"]) == 0
        read = segment.images[0]
        assert isinstance(read, Photo)
        np.testing.assert_array_equal(read.opacity, np.float32(0.2))

    def test_max_pixels(
        self,
        segment: FakeSegment,
        photo: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        with Image.open(photo) as image:
            count = image.width * image.height
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        assert main(["segment", photo.name, "-q", "-o", "out.npz"]) == 1
        assert one_line(capsys).endswith(f"--max-pixels {count}\n")
        assert main(["segment", photo.name, "-q", "-o", "out.npz", "--max-pixels", str(count)]) == 0

    def test_another_choice_is_another_result(self, segment: FakeSegment, levels: np.ndarray) -> None:
        name = write("stack.tif", tiff(levels * 16, photometric="minisblack"))
        for options in (["--frame", "1"], ["--frame", "1"], ["--frame", "2"]):
            assert main(["segment", name, "-q", *options]) == 0
        assert len(segment.images) == 2

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--channels", "0,1"], "expected one number or three, such as 0,2,4, got 0,1"),
            (["--channels", "a"], "expected one number or three, such as 0,2,4, got a"),
            (["--background", "nothing"], "expected a color such as 'white'"),
            (["--profile", "adobe"], "expected 'srgb' or 'source', got 'adobe'"),
            (["--frame", "-1"], "frame"),
            (["--max-pixels", "0"], "max-pixels"),
        ],
    )
    def test_bad_usage(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        options: list[str],
        message: str,
    ) -> None:
        assert main(["segment", photo.name, *options]) == 2
        assert message in one_line(capsys)

    def test_bad_white(self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["segment", photo.name, "-q", "--white", "0"]) == 2
        assert "white: expected a finite number above 0" in one_line(capsys)


@pytest.mark.parametrize(("options", "expected"), [([], srgb_profile()), (["--profile", "source"], P3)])
def test_profile(
    segment: FakeSegment, monkeypatch: pytest.MonkeyPatch, options: list[str], expected: bytes
) -> None:
    def with_profile(image: Any, **options: Any) -> softseg.SoftSegmentation:
        return replace(segment(image, **options), profile=image.profile)

    monkeypatch.setattr(softseg, "segment", with_profile)
    Image.new("RGB", (10, 8), (9, 99, 199)).save("wide.png", icc_profile=P3)
    assert main(["segment", "wide.png", "-q", "-o", "out", "-o", "out.psd", "-o", "out.json", *options]) == 0
    with Image.open("out/layer_1.png") as layer:
        assert layer.info["icc_profile"] == expected
    assert expected in Path("out.psd").read_bytes()


class TestStandardInput:
    @pytest.fixture
    def given(self, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> np.ndarray:
        pixels = rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=png(pixels)))
        return pixels

    def test_it_is_a_photo(self, segment: FakeSegment, given: np.ndarray) -> None:
        assert main(["segment", "-", "-q", "-o", "out.npz"]) == 0
        np.testing.assert_array_equal(segment.images[0], given)
        assert Path("out.npz").is_file()

    @pytest.mark.parametrize("output", [[], ["-o", "{name}.psd"], ["-o", "{suffix}/out.psd"]])
    def test_it_has_no_name(
        self, segment: FakeSegment, given: np.ndarray, capsys: pytest.CaptureFixture[str], output: list[str]
    ) -> None:
        assert main(["segment", "-", *output]) == 2
        assert "standard input (-) has no name: say where to" in one_line(capsys)

    def test_it_is_alone(
        self, segment: FakeSegment, given: np.ndarray, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", "-", photo.name, "-o", "out"]) == 2
        assert "standard input (-) is one photo, and no others" in one_line(capsys)

    def test_what_is_no_photo(
        self, segment: FakeSegment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for content in (b"", b"no photo"):
            monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
            assert main(["segment", "-", "-q", "-o", "out"]) == 1
            assert "expected an image" in one_line(capsys)


class TestMemory:
    def test_is_handed_on(self, segment: FakeSegment) -> None:
        assert main(["segment", "my photo.png", "-q", "--max-memory", "4 GB"]) == 0
        assert segment.options["max_memory"] == "4 GB"

    def test_another_amount_may_give_another_result(self, segment: FakeSegment) -> None:
        for amount, count in (("4GB", 1), ("4GB", 1), ("5GB", 2)):
            assert main(["segment", "my photo.png", "-q", "--max-memory", amount]) == 0
            assert len(segment.images) == count

    def test_no_amount_is_refused(self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["segment", "my photo.png", "--max-memory", "plenty"]) == 2
        assert "expected bytes, or a number and a unit as in '4GB'" in one_line(capsys)
        assert segment.images == []
