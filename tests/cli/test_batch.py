"""Photos one after the other: which are taken, what is written where, and what becomes of each."""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.command import FakeSegment, listed, one_line

import softseg
from softseg.cli import main
from softseg.eigen import ShiftInvert
from softseg.formats import FORMATS, Format, register
from softseg.progress import tick
from softseg.testing import full_disk


class TestOnePhoto:
    def test_writes_layers_sheet_and_arrays_and_says_so(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name]) == 0
        folder = photo.parent / "my photo_layers"
        written = ["contact_sheet.png", "layer_1.png", "layer_2.png", "layers.npz"]
        assert listed(str(folder)) == written
        assert softseg.SoftSegmentation.load(folder / "layers.npz").alphas.shape == (24, 32, 2)
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
        assert list(times) == ["features", "eigenpairs", "saving", "other", "total"]
        assert (times["features"], times["eigenpairs"]) == ("0.25", "1.50")

    def test_the_total_is_what_one_waits_for(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def save_slowly(path: Path, result: softseg.SoftSegmentation) -> None:
            time.sleep(0.3)
            path.touch()

        monkeypatch.setattr(FORMATS, "_known", dict(FORMATS._known))
        register(".slow", Format("nothing", save_slowly))
        segment.timings = {"features": 0.25}
        segment.action = lambda: time.sleep(0.25)
        begin = time.perf_counter()
        assert main(["segment", photo.name, "-o", "a.slow", "-o", "b.slow"]) == 0
        waited = time.perf_counter() - begin
        lines = capsys.readouterr().out.split("Time\n")[1].splitlines()
        times = {name: float(seconds) for name, seconds, _ in map(str.split, lines)}
        assert times["features"] == 0.25
        assert 0.59 < times["saving"] < waited
        # A hundredth of a second is printed, and the last line is printed before the end.
        assert waited - 0.5 < times["total"] < waited + 0.01
        assert times["total"] == pytest.approx(0.25 + times["saving"] + times["other"], abs=0.02)


class TestOutputs:
    """`-o`, as often as one likes, by suffix."""

    def test_files_by_suffix(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        files = ["out.psd", "page.html", "all.npz", "map.png", "coco.json"]
        outputs = [text for file in files for text in ("-o", file)]
        assert main(["segment", photo.name, *outputs]) == 0
        assert listed() == sorted([*files, photo.name])
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
        assert listed("deep") == ["er", "map.PNG"]
        assert listed("deep/er") == [
            "contact_sheet.png",
            "layer_1.png",
            "layer_2.png",
            "layers.npz",
        ]

    def test_the_name_is_the_photos(self, segment: FakeSegment, photo: Path) -> None:
        photo.rename("a.b.png")
        assert main(["segment", "a.b.png", "-o", "{name}_{name}.npz", "-o", "{x}{name}", "-q"]) == 0
        assert listed() == ["a.b.png", "a.b_a.b.npz", "{x}a.b"]

    def test_a_name_with_dots_and_no_output(self, segment: FakeSegment, photo: Path) -> None:
        photo.rename("a.b.png")
        assert main(["segment", "a.b.png", "-q"]) == 0
        assert listed() == ["a.b.png", "a.b_layers"]

    def test_nothing_is_left_of_what_cannot_be_written(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with full_disk(1000):
            assert main(["segment", photo.name, "-o", "out.npz", "-o", "folder", "-q"]) == 1
        assert "my photo.png: " in one_line(capsys)
        assert listed() == ["folder", photo.name]
        assert os.listdir("folder") == []

    def test_what_can_be_written_is_written_where_something_else_cannot(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def fail(path: Path, result: softseg.SoftSegmentation) -> None:
            raise OSError("no space\nleft")

        monkeypatch.setattr(FORMATS, "_known", dict(FORMATS._known))
        register(".bad", Format("nothing", fail))
        outputs = ["-o", "first.bad", "-o", "map.png", "-o", "second.bad", "-o", "folder"]
        assert main(["segment", photo.name, *outputs]) == 1
        printed = capsys.readouterr()
        assert printed.err == (
            "softseg: my photo.png: cannot write first.bad: no space left; "
            "cannot write second.bad: no space left\n"
        )
        assert "map.png " in printed.out
        assert "folder/" in printed.out
        assert ".bad" not in printed.out
        assert listed() == ["folder", "map.png", photo.name]
        assert "contact_sheet.png" in os.listdir("folder")

    def test_what_cannot_be_written_is_known_before_any_work(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Image.new("RGB", (30_001, 3)).save(photo)
        assert main(["segment", photo.name, "-o", "map.png", "-o", "out.psd"]) == 1
        assert "holds at most 30000 pixels a side, got 30001x3 for out.psd" in one_line(capsys)
        Path("file").touch()
        assert main(["segment", photo.name, "-o", "map.png", "-o", "file/page.html"]) == 1
        assert "file" in one_line(capsys)
        assert segment.options == {}
        assert listed() == ["file", photo.name]

    @pytest.mark.parametrize(
        ("outputs", "times"),
        [(["a.psd"], 0), (["a.psd", "b.npz", "c.png"], 0), (["a.psd", "b.html"], 1), (["d"], 0)],
    )
    def test_colors_are_found_once_where_several_need_them(
        self,
        segment: FakeSegment,
        photo: Path,
        monkeypatch: pytest.MonkeyPatch,
        outputs: list[str],
        times: int,
    ) -> None:
        asked = []
        colors = softseg.SoftSegmentation.colors.func
        held = property(lambda result: asked.append(1) or colors(result))
        monkeypatch.setattr(softseg.SoftSegmentation, "colors", held)
        for name in ("save", "load"):
            monkeypatch.setattr(softseg.SoftSegmentation, name, lambda *_: None)
        monkeypatch.setattr("softseg.layers.contact_sheet", lambda _: Image.new("RGB", (1, 1)))
        assert (
            main(["segment", photo.name, "-q", *(text for output in outputs for text in ("-o", output))]) == 0
        )
        assert len(asked) == times


def plain_text(printed: str) -> str:
    """Return what was printed as one line, without the frames about it."""
    return " ".join(printed.replace("│", " ").split())


class TestFormatsOfOthers:
    """What a script registers, or another package brings, is written and explained like softseg's own."""

    @pytest.fixture(autouse=True)
    def spare_registry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FORMATS, "_known", dict(FORMATS._known))

    @pytest.fixture
    def ora(self) -> None:
        def save_ora(path: Path, result: softseg.SoftSegmentation) -> None:
            path.write_text(f"{result.alphas.shape[2]} layers")

        register(".zip", Format("layers for friends", save_ora))

    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Install a package whose format cannot be imported."""
        entry = EntryPoint(".bad", "there_is_no_such_package:BAD", "softseg.formats")
        monkeypatch.setitem(vars(FORMATS), "_installed", {".bad": entry})

    @pytest.mark.usefixtures("ora")
    def test_is_written_and_in_the_summary(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name, "-o", "x.zip", "-o", "Y.ZIP"]) == 0
        assert Path("x.zip").read_text() == Path("Y.ZIP").read_text() == "2 layers"
        lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
        assert ["x.zip", "layers for friends"] in lines
        assert ["Y.ZIP", "layers for friends"] in lines

    @pytest.mark.usefixtures("ora")
    def test_is_in_the_help_and_in_messages(
        self, photo: Path, capsys: pytest.CaptureFixture[str], segment: FakeSegment
    ) -> None:
        assert main(["segment", "--help"]) == 0
        assert ".zip (layers for friends)" in plain_text(capsys.readouterr().out)
        assert main(["segment", photo.name, "-o", "x.gif"]) == 2
        assert ".json, .zip, got x.gif" in one_line(capsys)

    @pytest.mark.usefixtures("broken")
    def test_a_broken_one_is_in_nobodys_way(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", "--help"]) == 0
        assert ".json (COCO annotations), .bad; or a folder" in plain_text(capsys.readouterr().out)
        assert main(["segment", photo.name, "-o", "x.npz", "-q"]) == 0

    @pytest.mark.usefixtures("broken")
    def test_a_broken_one_is_known_before_any_work(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name, "-o", "x.bad"]) == 1
        assert "cannot import '.bad' from there_is_no_such_package:BAD" in one_line(capsys)
        assert segment.options == {}


class TestPhotosThatCannotBeProcessed:
    @pytest.fixture(autouse=True)
    def bad_photos(self, photo: Path) -> None:
        Path("text.jpg").write_text("no image\nat all")
        Image.new("RGB", (2, 40)).save("thin.png")

    @pytest.mark.parametrize(
        ("name", "said"),
        [("text.jpg", "text.jpg"), ("thin.png", "at least 3x3 pixels")],
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
        assert "path: expected a folder, got a file: text.jpg; " in one_line(capsys)
        assert segment.options == {}  # known before any work

    def test_a_defect_of_ours_is_not_hidden(self, segment: FakeSegment) -> None:
        def fail() -> None:
            raise KeyError("defect")

        segment.action = fail
        with pytest.raises(KeyError):
            main(["segment", "my photo.png"])


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
        assert listed("out") == ["a", "b", "c"]
        for name in ("a", "b", "c"):
            assert (Path("out") / name / "contact_sheet.png").is_file()
        printed = capsys.readouterr()
        assert printed.err == ""
        assert printed.out.splitlines() == [
            "album/a.png: 2 soft layers in out/a",
            "album/b.JPG: 2 soft layers in out/b",
            "album/c.webp: 2 soft layers in out/c",
            "3 done",
            "skipped 1 file hidden: .hidden.png",
            "skipped 1 folder (name it to take its photos): nested.png",
            "skipped 1 file that Pillow does not open as photos: notes.txt",
        ]

    def test_each_is_computed_as_asked(self, segment: FakeSegment) -> None:
        given: list[object] = []
        segment.action = lambda: given.append((segment.options["eigensolver"], segment.options["affinity"]))
        choice = ["--eigensolver", "ShiftInvert", "--affinity", "MattingAffinity()"]
        assert main(["segment", "album", *choice, "-q"]) == 0
        assert given == 3 * [(ShiftInvert(), softseg.MattingAffinity())]

    def test_without_an_output_each_has_its_folder(self, segment: FakeSegment) -> None:
        assert main(["segment", "album/a.png", "album/b.JPG", "-q"]) == 0
        assert listed() == ["a_layers", "album", "b_layers"]

    def test_a_pattern_in_names_and_the_names_in_outputs(self, segment: FakeSegment) -> None:
        arguments = ["segment", "album/[ab].*", "-o", "out/{name}.npz", "-o", "{name}/map.png", "-q"]
        assert main(arguments) == 0
        assert listed() == ["a", "album", "b", "out"]
        assert listed("out") == ["a.npz", "b.npz"]
        assert listed("a") == ["map.png"]

    def test_a_folder_of_one_photo_is_still_a_folder(self, segment: FakeSegment) -> None:
        for name in ("b.JPG", "c.webp"):
            (Path("album") / name).unlink()
        assert main(["segment", "album", "-o", "out", "-q"]) == 0
        assert listed("out") == ["a"]

    def test_a_photo_given_twice_is_done_once(self, segment: FakeSegment) -> None:
        assert main(["segment", "album", "album/a.png", "./album/b.JPG", "-o", "out", "-q"]) == 0
        assert self.heights(segment) == [10, 11, 12]

    def test_bad_photos_are_reported_and_skipped(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("album/aa.png").write_text("no image")
        assert main(["segment", "album", "-o", "out"]) == 1
        assert self.heights(segment) == [10, 11, 12]
        assert listed("out") == ["a", "b", "c"]
        printed = capsys.readouterr()
        assert printed.err == (
            "softseg: album/aa.png: image: expected an image file that Pillow reads, got album/aa.png\n"
        )
        assert "3 done, 1 failed" in printed.out.splitlines()

    @pytest.mark.parametrize("error", [ValueError("features: odd"), MemoryError(), OSError("no space left")])
    def test_photos_that_fail_later_are_skipped_too(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str], error: Exception
    ) -> None:
        def fail_on_the_second() -> None:
            if len(segment.images) == 2:
                raise error

        segment.action = fail_on_the_second
        assert main(["segment", "album", "-o", "out/{name}.npz", "-q"]) == 1
        assert listed("out") == ["a.npz", "c.npz"]
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
        assert capsys.readouterr().out.splitlines()[:2] == [
            "album/b.JPG: 2 soft layers in out/b, b.npz",
            "1 done, 2 finished before (--force does them again), 1 failed",
        ]
        segment.images.clear()
        assert main([*arguments, "--force"]) == 1
        assert self.heights(segment) == [10, 11, 12]

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
        assert told[0] == ("starting", 0, 1)
        assert told[1:] == [
            (f"{photo + 1} of 2, {name}.{suffix}: {stage}", 4 * photo + done, 8)
            for photo, (name, suffix) in enumerate((("a", "png"), ("b", "JPG")))
            for stage, done in [
                *((f"stage {done}", done) for done in range(3)),
                (f"saving {Path('out') / name}", 3),
                (f"saving {Path('out') / name}", 4),
            ]
        ]

    def test_saving_is_told_of_like_the_stages(
        self, segment: FakeSegment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[tuple[str, int, int]] = []

        @contextlib.contextmanager
        def bar() -> Iterator[Callable[..., object]]:
            yield lambda *state: told.append(state)

        def save_for_long(path: Path, result: softseg.SoftSegmentation) -> None:
            tick()
            path.touch()

        monkeypatch.setattr("softseg.progress._bar", bar)
        monkeypatch.setattr("softseg.progress.SECONDS_BETWEEN_CALLS", 0.0)
        monkeypatch.setattr(FORMATS, "_known", dict(FORMATS._known))
        register(".long", Format("nothing", save_for_long))
        assert main(["segment", "album/a.png", "-o", "a.long", "-o", "b.long"]) == 0
        assert told[-5:] == [
            *2 * [("saving a.long", 3, 5)],
            *2 * [("saving b.long", 4, 5)],
            ("saving b.long", 5, 5),
        ]

    def test_an_interrupt_stops_all(self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]) -> None:
        def interrupt_the_second() -> None:
            if len(segment.images) == 2:
                raise KeyboardInterrupt

        segment.action = interrupt_the_second
        assert main(["segment", "album", "-o", "out"]) == 130
        assert len(segment.images) == 2
        printed = capsys.readouterr()
        assert printed.err == "softseg: interrupted; 1 of 3 done\n"
        assert printed.out == "album/a.png: 2 soft layers in out/a\n"
        segment.action = lambda: None
        assert main(["segment", "album", "-o", "out", "-q"]) == 0
        assert self.heights(segment) == [10, 11, 11, 12]  # the first was finished
