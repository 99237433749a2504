"""The command line: what it asks of `segment`, what it writes, and how it fails."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.formats.format_case import full_disk
from tests.results import random_result

import softseg
from softseg.cli import main

PUBLISHED = object()


class FakeSegment:
    """Stands for `softseg.segment`: remembers what it was asked and returns two layers."""

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []
        self.options: dict[str, Any] = {}
        self.action: Callable[[], object] = lambda: None

    def __call__(self, image: np.ndarray, **options: Any) -> softseg.SoftSegmentation:
        self.images.append(image)
        self.options = options
        for done in range(3):
            if options["progress"] is not None:
                options["progress"](f"stage {done}", done, 3)
        self.action()
        return random_result(np.random.default_rng(5), *image.shape[:2], 2)


@pytest.fixture
def segment(monkeypatch: pytest.MonkeyPatch) -> FakeSegment:
    fake = FakeSegment()
    monkeypatch.setitem(softseg.__dict__, "segment", fake)
    monkeypatch.setitem(softseg.__dict__, "PUBLISHED", PUBLISHED)
    return fake


@pytest.fixture
def photo(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a photo of 24 x 32 pixels into an empty folder and go there."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    path = folder / "my photo.png"
    Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(path)
    return path


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the only line on standard error; standard output must be empty."""
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("softseg: ")
    return printed.err


class TestSegment:
    def test_writes_layers_sheet_and_arrays_and_says_so(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name]) == 0
        folder = photo.parent / "my photo_layers"
        written = {path.name for path in folder.iterdir()}
        assert written == {"layer_1.png", "layer_2.png", "contact_sheet.png", "layers.npz"}
        with np.load(folder / "layers.npz") as arrays:
            assert arrays["alphas"].shape == (24, 32, 2)
        with Image.open(folder / "layer_2.png") as layer:
            assert (layer.mode, layer.size) == ("RGBA", (32, 24))
        with Image.open(folder / "contact_sheet.png") as sheet:
            assert sheet.width > 1000
        printed = capsys.readouterr()
        assert printed.err == ""
        for text in (
            "my photo.png, 32 x 24 pixels",
            "2 soft layers",
            "my photo_layers/",
            "contact_sheet.png",
        ):
            assert text in printed.out
        times = dict(line.split()[:2] for line in printed.out.split("Time\n")[1].splitlines())
        assert times == {"features": "0.25", "eigenpairs": "1.50", "total": "1.75"}

    def test_passes_on_only_what_was_asked_for(self, segment: FakeSegment, photo: Path) -> None:
        assert main(["segment", photo.name, "-q"]) == 0
        np.testing.assert_array_equal(segment.images[0], np.asarray(Image.open(photo)) / 255)
        assert segment.options.pop("progress") is None  # --quiet
        assert segment.options == {"features": None, "rng": None, "settings": None}

    def test_passes_on_every_option(self, segment: FakeSegment, photo: Path) -> None:
        values = np.linspace(0, 1, 24 * 32 * 3).reshape(24, 32, 3)
        np.save("features.npy", values)
        counts = {"layers": 7, "eigenvectors": 30, "initial": 12, "superpixels": 200, "seed": 3}
        arguments = [text for name, value in counts.items() for text in (f"--{name}", str(value))]
        arguments += ["--features", "features.npy", "--published", "-o", "some/where"]
        assert main(["segment", *arguments, photo.name]) == 0
        assert Path("some/where/layer_1.png").exists()
        del segment.options["progress"]
        np.testing.assert_array_equal(segment.options.pop("features"), values)
        assert segment.options == {
            "n_layers": 7,
            "n_eigenvectors": 30,
            "n_initial": 12,
            "n_superpixels": 200,
            "rng": 3,
            "settings": PUBLISHED,
        }

    def test_a_features_name(
        self, segment: FakeSegment, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(softseg.features.__dict__, "extractor_names", lambda: ("low-level", "network"))
        assert main(["segment", photo.name, "--features", "network"]) == 0
        assert segment.options["features"] == "network"

    def test_quiet_prints_nothing(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name, "--quiet"]) == 0
        assert capsys.readouterr() == ("", "")

    def test_warnings_are_one_line_each(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def warn() -> None:
            warnings.warn("fewer layers\n  survived than asked for", UserWarning, stacklevel=1)
            warnings.warn("not converged", RuntimeWarning, stacklevel=1)
            warnings.warn("for developers", DeprecationWarning, stacklevel=1)

        segment.action = warn
        assert main(["segment", photo.name, "-q"]) == 0
        assert capsys.readouterr().err.splitlines() == [
            "softseg: warning: my photo.png: fewer layers survived than asked for",
            "softseg: warning: my photo.png: not converged",
        ]

    def test_opaque_alpha_is_a_warning(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Image.open(photo).convert("RGBA").save("opaque.png")
        assert main(["segment", "opaque.png", "-q"]) == 0
        assert "softseg: warning: opaque.png: image: dropped its alpha" in one_line(capsys)


class TestBadUsage:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "Missing command"),
            (["paint"], "paint"),
            (["segment"], "PHOTO"),
            (["segment", "no.png"], "no.png"),
            (["segment", "empty"], "no photos in the folder empty"),
            (["segment", "*.jpg"], "no such file: *.jpg"),
            (["segment", "my photo.png", "--sharpness", "3"], "--sharpness"),
            (["segment", "my photo.png", "--layers", "0"], "--layers"),
            (["segment", "my photo.png", "--layers", "many"], "--layers"),
            (["segment", "my photo.png", "--seed", "-1"], "--seed"),
            (["segment", "my photo.png", "-o", "my photo.png"], "'--output': my photo.png is a photo"),
            (["segment", "my photo.png", "-o", "out.tiff"], "ends in .npz, .psd, .html"),
            (["segment", "my photo.png", "bad.npy", "-o", "out.psd"], "put {name} into it"),
            (["segment", "*.png", "-o", "out.psd"], "put {name} into it"),
            (["segment", ".", "empty/../my photo.png"], "would both be written to my photo_layers"),
            (["segment", "my photo.png", "--features", "no.npy"], "no such file: no.npy"),
            (["segment", "my photo.png", "--features", "bad.npy"], "cannot read bad.npy"),
            (["segment", "my photo.png", "--features", "unheard-of"], "low-level, network or a file"),
            (["demo", "--layers", "3"], "--layers"),
        ],
    )
    def test_exit_code_2_and_one_line(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        arguments: list[str],
        said: str,
    ) -> None:
        monkeypatch.setitem(softseg.features.__dict__, "extractor_names", lambda: ("low-level", "network"))
        Path("bad.npy").write_text("no array")
        Path("empty").mkdir()
        assert main(arguments) == 2
        assert said in one_line(capsys)
        assert segment.options == {}
        assert sorted(os.listdir()) == ["bad.npy", "empty", "my photo.png"]


class TestPhotosThatCannotBeProcessed:
    @pytest.fixture(autouse=True)
    def bad_photos(self, photo: Path) -> None:
        Path("text.jpg").write_text("no image\nat all")
        Image.new("RGB", (2, 40)).save("thin.png")
        Image.new("RGBA", (9, 9), (1, 2, 3, 100)).save("glass.png")

    @pytest.mark.parametrize(
        ("name", "said"),
        [("text.jpg", "text.jpg"), ("thin.png", "at least 3x3 pixels"), ("glass.png", "composite it over")],
    )
    def test_exit_code_1_and_one_line(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str], name: str, said: str
    ) -> None:
        assert main(["segment", name]) == 1
        assert said in one_line(capsys)
        assert not [path for path in os.listdir() if path.endswith("_layers")]

    @pytest.mark.parametrize(
        "error", [ValueError("features: expected\nthis"), TypeError("features: expected\nthis")]
    )
    def test_errors_of_the_method(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str], error: Exception
    ) -> None:
        def fail() -> None:
            raise error

        segment.action = fail
        assert main(["segment", "my photo.png"]) == 1
        assert one_line(capsys) == "softseg: my photo.png: features: expected this\n"

    def test_out_of_memory(self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]) -> None:
        def fail() -> None:
            raise MemoryError

        segment.action = fail
        assert main(["segment", "my photo.png"]) == 1
        assert "out of memory" in one_line(capsys)

    def test_output_that_cannot_be_made(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", "my photo.png", "-o", "text.jpg/layers"]) == 1
        assert "text.jpg/layers" in one_line(capsys)
        assert segment.options == {}  # known before any work

    def test_a_defect_of_ours_is_not_hidden(self, segment: FakeSegment) -> None:
        def fail() -> None:
            raise KeyError("defect")

        segment.action = fail
        with pytest.raises(KeyError):
            main(["segment", "my photo.png"])


class TestOutputs:
    """`-o`, as often as one likes, by suffix."""

    def test_files_by_suffix(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        files = ["out.psd", "page.html", "all.npz", "map.png", "coco.json"]
        outputs = [text for file in files for text in ("-o", file)]
        assert main(["segment", photo.name, *outputs]) == 0
        assert sorted(os.listdir()) == sorted([*files, photo.name])
        assert len(segment.images) == 1
        with Image.open("out.psd") as psd:
            assert psd.size == (32, 24)
        assert softseg.SoftSegmentation.load("all.npz").alphas.shape == (24, 32, 2)
        with Image.open("map.png") as labels:
            assert len(np.unique(labels)) == 2
        assert len(json.loads(Path("coco.json").read_text())["annotations"]) == 2
        assert Path("page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
        printed = capsys.readouterr().out
        assert all(f"  {file} " in printed for file in files)

    def test_a_folder_and_a_file(self, segment: FakeSegment, photo: Path) -> None:
        assert main(["segment", photo.name, "-o", "deep/er", "-o", "deep/map.PNG", "-q"]) == 0
        assert sorted(os.listdir("deep")) == ["er", "map.PNG"]
        assert sorted(os.listdir("deep/er")) == [
            "contact_sheet.png",
            "layer_1.png",
            "layer_2.png",
            "layers.npz",
        ]

    def test_the_name_is_the_photos(self, segment: FakeSegment, photo: Path) -> None:
        photo.rename("a.b.png")
        assert main(["segment", "a.b.png", "-o", "{name}_{name}.npz", "-o", "{x}{name}", "-q"]) == 0
        assert sorted(os.listdir()) == ["a.b.png", "a.b_a.b.npz", "{x}a.b"]

    def test_a_name_with_dots_and_no_output(self, segment: FakeSegment, photo: Path) -> None:
        photo.rename("a.b.png")
        assert main(["segment", "a.b.png", "-q"]) == 0
        assert sorted(os.listdir()) == ["a.b.png", "a.b_layers"]

    def test_nothing_is_left_of_what_cannot_be_written(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with full_disk(1000):
            assert main(["segment", photo.name, "-o", "out.npz", "-o", "folder", "-q"]) == 1
        assert "my photo.png: " in one_line(capsys)
        assert sorted(os.listdir()) == ["folder", photo.name]
        assert os.listdir("folder") == []

    @pytest.mark.parametrize(("text", "count"), [("auto", "auto"), ("3", 3)])
    def test_number_of_layers(self, segment: FakeSegment, photo: Path, text: str, count: int | str) -> None:
        assert main(["segment", photo.name, "--layers", text, "-q"]) == 0
        assert segment.options["n_layers"] == count


class TestSeveralPhotos:
    @pytest.fixture(autouse=True)
    def photos(self, photo: Path, rng: np.random.Generator) -> None:
        """Write three photos of different heights, and things that are none, into the folder `album`."""
        photo.unlink()
        album = Path("album")
        (album / "nested.png").mkdir(parents=True)
        for number, name in enumerate(("a.png", "b.JPG", "c.webp")):
            pixels = rng.integers(0, 256, (10 + number, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(album / name)
        (album / "notes.txt").write_text("no photo")
        (album / ".hidden.png").write_text("no photo")

    def heights(self, segment: FakeSegment) -> list[int]:
        return [len(image) for image in segment.images]

    def test_a_folder(self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["segment", "album", "-o", "out"]) == 0
        assert self.heights(segment) == [10, 11, 12]
        assert sorted(os.listdir("out")) == ["a", "b", "c"]
        for name in ("a", "b", "c"):
            assert (Path("out") / name / "contact_sheet.png").is_file()
        printed = capsys.readouterr()
        assert printed.err == ""
        assert printed.out.splitlines() == [
            "album/a.png: 2 soft layers in out/a",
            "album/b.JPG: 2 soft layers in out/b",
            "album/c.webp: 2 soft layers in out/c",
            "3 done",
        ]

    def test_without_an_output_each_has_its_folder(self, segment: FakeSegment) -> None:
        assert main(["segment", "album/a.png", "album/b.JPG", "-q"]) == 0
        assert sorted(os.listdir()) == ["a_layers", "album", "b_layers"]

    def test_a_pattern_in_names_and_the_names_in_outputs(self, segment: FakeSegment) -> None:
        arguments = ["segment", "album/[ab].*", "-o", "out/{name}.npz", "-o", "{name}/map.png", "-q"]
        assert main(arguments) == 0
        assert sorted(os.listdir()) == ["a", "album", "b", "out"]
        assert sorted(os.listdir("out")) == ["a.npz", "b.npz"]
        assert os.listdir("a") == ["map.png"]

    def test_a_folder_of_one_photo_is_still_a_folder(self, segment: FakeSegment) -> None:
        for name in ("b.JPG", "c.webp"):
            (Path("album") / name).unlink()
        assert main(["segment", "album", "-o", "out", "-q"]) == 0
        assert os.listdir("out") == ["a"]

    def test_a_photo_given_twice_is_done_once(self, segment: FakeSegment) -> None:
        assert main(["segment", "album", "album/a.png", "./album/b.JPG", "-o", "out", "-q"]) == 0
        assert self.heights(segment) == [10, 11, 12]

    def test_bad_photos_are_reported_and_skipped(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("album/aa.png").write_text("no image")
        assert main(["segment", "album", "-o", "out"]) == 1
        assert self.heights(segment) == [10, 11, 12]
        assert sorted(os.listdir("out")) == ["a", "b", "c"]
        printed = capsys.readouterr()
        assert printed.err == (
            "softseg: album/aa.png: image: expected an image file that Pillow reads, got album/aa.png\n"
        )
        assert printed.out.splitlines()[-1] == "3 done, 1 failed"

    @pytest.mark.parametrize("error", [ValueError("features: odd"), MemoryError(), OSError("no space left")])
    def test_photos_that_fail_later_are_skipped_too(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str], error: Exception
    ) -> None:
        def fail_on_the_second() -> None:
            if len(segment.images) == 2:
                raise error

        segment.action = fail_on_the_second
        assert main(["segment", "album", "-o", "out/{name}.npz", "-q"]) == 1
        assert sorted(os.listdir("out")) == ["a.npz", "c.npz"]
        assert one_line(capsys).startswith("softseg: album/b.JPG: ")

    def test_what_is_finished_is_not_done_again(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("album/aa.png").write_text("no image")
        arguments = ["segment", "album", "-o", "out", "-o", "{name}.npz"]
        assert main(arguments) == 1
        Path("b.npz").unlink()
        segment.images.clear()
        capsys.readouterr()
        assert main(arguments) == 1
        assert self.heights(segment) == [11]
        assert capsys.readouterr().out.splitlines() == [
            "album/b.JPG: 2 soft layers in out/b, b.npz",
            "1 done, 2 finished before (--force does them again), 1 failed",
        ]
        segment.images.clear()
        assert main([*arguments, "--force"]) == 1
        assert self.heights(segment) == [10, 11, 12]

    def test_a_photo_that_changed_is_done_again(self, segment: FakeSegment) -> None:
        assert main(["segment", "album", "-o", "out", "-q"]) == 0
        later = Path("out/b/contact_sheet.png").stat().st_mtime + 10
        os.utime("album/b.JPG", (later, later))
        segment.images.clear()
        assert main(["segment", "album", "-o", "out", "-q"]) == 0
        assert self.heights(segment) == [11]

    def test_a_folder_that_was_left_half_way_is_not_finished(self, segment: FakeSegment) -> None:
        assert main(["segment", "album/a.png", "-o", "out", "-q"]) == 0

        segment.images.clear()
        with full_disk(1000):
            assert main(["segment", "album/a.png", "-o", "out", "-q", "--force"]) == 1
        assert main(["segment", "album/a.png", "-o", "out", "-q"]) == 0
        assert len(segment.images) == 2

    def test_one_finished_photo_says_so(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", "album/a.png", "-q"]) == 0
        assert main(["segment", "album/a.png"]) == 0
        assert capsys.readouterr().out == "0 done, 1 finished before (--force does them again)\n"
        assert len(segment.images) == 1

    def test_warnings_of_each_photo_name_it(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]
    ) -> None:
        segment.action = lambda: warnings.warn("not converged", RuntimeWarning, stacklevel=1)
        assert main(["segment", "album/a.png", "album/b.JPG", "-o", "out", "-q"]) == 0
        assert capsys.readouterr().err.splitlines() == [
            "softseg: warning: album/a.png: not converged",
            "softseg: warning: album/b.JPG: not converged",
        ]

    def test_one_bar_for_all(self, segment: FakeSegment, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[tuple[str, int, int]] = []
        bars = []

        @contextlib.contextmanager
        def bar() -> Iterator[Callable[..., object]]:
            bars.append("opened")
            yield lambda *state: told.append(state)
            bars.append("closed")

        monkeypatch.setattr("softseg.progress._bar", bar)
        assert main(["segment", "album/a.png", "album/b.JPG", "-o", "out"]) == 0
        assert bars == ["opened", "closed"]
        assert told == [
            (f"{photo + 1} of 2, {name}: stage {done}", 3 * photo + done, 6)
            for photo, name in enumerate(("a.png", "b.JPG"))
            for done in range(3)
        ]

    def test_an_interrupt_stops_all(self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]) -> None:
        def interrupt_the_second() -> None:
            if len(segment.images) == 2:
                raise KeyboardInterrupt

        segment.action = interrupt_the_second
        assert main(["segment", "album", "-o", "out"]) == 130
        assert len(segment.images) == 2
        assert "softseg: interrupted\n" in capsys.readouterr().err
        segment.action = lambda: None
        assert main(["segment", "album", "-o", "out", "-q"]) == 0
        assert self.heights(segment) == [10, 11, 11, 12]


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decompose a bright square before dark ground, and save it."""
    pixels = np.full((40, 60, 3), (30, 60, 140), np.uint8)
    pixels[10:30, 20:40] = (230, 190, 40)
    noise = np.random.default_rng(3).integers(0, 12, pixels.shape, dtype=np.uint8)
    result = softseg.segment(
        pixels + noise, features="low-level", n_layers=2, n_eigenvectors=20, n_superpixels=150
    )
    path = tmp_path_factory.mktemp("select") / "photo.npz"
    result.save(path)
    return path


class TestSelect:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["--point", "30,20"],
            ["--foreground", "30,20"],
            ["--foreground", "30,20 22,12", "--foreground", "38,28", "--background", "5,5 50,35"],
            ["--lasso", "16,6 44,6 44,34 16,34"],
        ],
    )
    def test_writes_a_grey_mask(
        self, layers: Path, photo: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
    ) -> None:
        assert main(["select", str(layers), *arguments, "-o", "masks/square.png"]) == 0
        with Image.open("masks/square.png") as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (60, 40))
            mask = np.asarray(image)
        assert mask[12:28, 22:38].min() > 200
        outside = np.ones_like(mask, bool)
        outside[7:33, 17:43] = False
        assert mask[outside].max() < 55
        assert os.listdir("masks") == ["square.png"]
        share = f"{mask.mean() / 255:.1%}"
        assert capsys.readouterr() == (f"masks/square.png, 60 x 40 pixels: {share} selected\n", "")

    def test_the_default_output(self, layers: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["select", str(layers), "--point", "30,20", "-q"]) == 0
        assert sorted(os.listdir()) == ["my photo.png", "photo_mask.png"]
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "exactly one of point, foreground and lasso"),
            (["--point", "30,20", "--lasso", "1,1 5,1 5,5"], "exactly one of point, foreground and lasso"),
            (["--point", "60,20"], "point: expected pixels of a photo 60x40, got (60, 20)"),
            (["--point", "-1,20"], "got (-1, 20)"),
            (["--point", "30"], "'--point': expected pixels as X,Y"),
            (["--point", "30,20,4"], "'--point': expected pixels as X,Y"),
            (["--point", "a,b"], "'--point': expected pixels as X,Y"),
            (["--point", "30,20 31,20"], "'--point': expected one pixel; --foreground takes several"),
            (["--lasso", "1,1 5,1"], "lasso: expected at least three corners"),
            (["--point", "30,20", "-o", "mask.jpg"], "'--output': expected a name that ends in .png"),
        ],
    )
    def test_bad_usage(
        self,
        layers: Path,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        said: str,
    ) -> None:
        assert main(["select", str(layers), *arguments]) == 2
        assert said in one_line(capsys)
        assert os.listdir() == ["my photo.png"]

    def test_what_segment_did_not_write(self, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["select", "no.npz", "--point", "1,1"]) == 2
        assert "no.npz" in one_line(capsys)
        assert main(["select", photo.name, "--point", "1,1"]) == 1
        assert "expected an archive that softseg saved" in one_line(capsys)


def test_interrupted(segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    segment.action = interrupt
    assert main(["segment", photo.name]) == 130
    assert one_line(capsys) == "softseg: interrupted\n"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_control_c_in_a_process_of_its_own(photo: Path) -> None:
    script = (
        "import signal, sys, time, softseg, softseg.cli\n"
        # A process started in the background of a script inherits that Control-C is ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def segment(image, **options):\n"
        "    print('started', flush=True)\n"
        "    time.sleep(60)\n"
        "softseg.segment = segment\n"
        "sys.exit(softseg.cli.main(['segment', sys.argv[1]]))\n"
    )
    command = [sys.executable, "-c", script, photo.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "softseg: interrupted\n"


def test_demo_takes_the_astronaut(
    segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo"]) == 0
    assert segment.images[0].shape == (512, 512, 3)
    assert set(segment.options) == {"progress"}
    assert {"layer_1.png", "contact_sheet.png", "layers.npz"} <= set(os.listdir("out"))
    assert "out/" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr() == (f"softseg {softseg.__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["segment", "--help"], ["demo", "-h"], ["select", "-h"]])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "Usage: softseg" in printed.out
    if "segment" in arguments:
        assert "softseg segment photo.jpg -o layers --layers 7" in printed.out


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; from softseg.cli import main; main(['segment', '--help'])\n"
        "heavy = {'numpy', 'numba', 'scipy', 'skimage', 'torch', 'matplotlib', 'PIL'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    start = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert time.perf_counter() - start < 3  # 0.4 s alone; the rest is room for a busy machine


def test_python_dash_m(photo: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "softseg", "segment", "no.png"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stderr.startswith("softseg: Invalid value for 'PHOTO'")
    assert run.stderr.count("\n") == 1


def test_the_whole_method_from_photo_to_files(
    photo: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing faked: two regions with a little noise."""
    pixels = np.full((24, 32, 3), (200, 60, 40), np.uint8)
    pixels[:, 16:] = (30, 80, 190)
    Image.fromarray(pixels + rng.integers(0, 12, pixels.shape, dtype=np.uint8)).save(photo)
    options = "--layers 2 --eigenvectors 10 --initial 4 --superpixels 40 --seed 1 -o out"
    assert main(["segment", photo.name, *options.split()]) == 0
    with np.load("out/layers.npz") as arrays:
        alphas, colors, image = arrays["alphas"], arrays["colors"] / 255, arrays["image"] / 255
    assert alphas.shape[:2] == (24, 32)
    np.testing.assert_allclose(alphas.sum(axis=2), 1, atol=1e-5)
    # The photo comes back within half a step of 8 bits and the rounding of the colors to 8 bits.
    np.testing.assert_allclose(np.einsum("hwk, hwkc -> hwc", alphas, colors), image, atol=1 / 255)
    # Each half belongs to one layer, and not to the same one.
    left, right = alphas[:, :14].mean(axis=(0, 1)), alphas[:, 18:].mean(axis=(0, 1))
    assert left.max() > 0.9
    assert right.max() > 0.9
    assert left.argmax() != right.argmax()
    for number in range(1, alphas.shape[2] + 1):
        with Image.open(f"out/layer_{number}.png") as layer:
            np.testing.assert_allclose(
                np.asarray(layer)[..., 3] / 255, alphas[..., number - 1], atol=0.51 / 255
            )
    assert "total" in capsys.readouterr().out
