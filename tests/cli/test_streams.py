"""``-`` for standard input and output: photos, archives and masks that go through pipes."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tests.cli.command import FakeSegment, one_line

import softseg
from softseg.cli import main
from softseg.testing import random_result


@pytest.fixture
def archive(photo: Path, rng: np.random.Generator) -> Path:
    """Write an archive of two layers of 24 x 32 pixels."""
    path = photo.parent / "layers of it.npz"
    random_result(rng, 24, 32, 2).save(path)
    return path


@pytest.fixture
def mask(photo: Path) -> Path:
    """Write a mask of the photo's size."""
    pixels = np.zeros((24, 32), np.uint8)
    pixels[6:18, 8:24] = 255
    Image.fromarray(pixels).save("mask.png")
    return Path("mask.png")


def feed(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Put a file on standard input."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(file.read_bytes())))


class TestSegment:
    @pytest.mark.parametrize(
        ("suffix", "begins"),
        [(".npz", b"PK"), (".psd", b"8BPS"), (".PNG", b"\x89PNG"), (".ora", b"PK"), (".html", b"<")],
    )
    @pytest.mark.parametrize("quiet", [[], ["-q"]])
    def test_an_output_is_standard_output(
        self,
        segment: FakeSegment,
        photo: Path,
        capfdbinary: pytest.CaptureFixture[bytes],
        suffix: str,
        begins: bytes,
        quiet: list[str],
    ) -> None:
        assert main(["segment", photo.name, "-o", f"-{suffix}", *quiet]) == 0
        printed = capfdbinary.readouterr()
        assert printed.out.startswith(begins)
        assert b"Time" not in printed.out[-200:]  # no report behind the file
        assert printed.err == b""
        assert [path.name for path in Path().iterdir()] == [photo.name]

    def test_both_are_streams(
        self,
        segment: FakeSegment,
        photo: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfdbinary: pytest.CaptureFixture[bytes],
    ) -> None:
        feed(monkeypatch, photo)
        assert main(["segment", "-", "-o", "-.npz"]) == 0
        with zipfile.ZipFile(io.BytesIO(capfdbinary.readouterr().out)) as archive:
            assert archive.testzip() is None
        np.testing.assert_array_equal(segment.images[0], np.asarray(Image.open(photo)))

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["-o", "-"], "standard output (-) needs a format"),
            (["-o", "-.xyz"], "got -.xyz"),
            (["-o", "-.npz", "-o", "out"], "standard output (-) is one output, and no others"),
            (["-o", "-.npz", "-o", "-.psd"], "standard output (-) is one output, and no others"),
            (["other.png", "-o", "-.npz"], "standard output (-) takes one photo, and no others"),
            (["-o", "-.png", "--alphas"], "'--alphas': none of the outputs takes it"),
        ],
    )
    def test_bad_usage(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        said: str,
    ) -> None:
        assert main(["segment", photo.name, *arguments]) == 2
        assert said in one_line(capsys)
        assert segment.images == []

    def test_a_folder_of_photos_does_not_fit(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", ".", "-o", "-.npz"]) == 2
        assert "standard output (-) takes one photo" in one_line(capsys)

    def test_a_terminal_gets_no_files(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        assert main(["segment", photo.name, "-o", "-.npz"]) == 2
        assert "standard output (-) is a terminal" in one_line(capsys)

    def test_nothing_is_sent_of_what_fails(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("bad.png").write_bytes(b"no photo")
        assert main(["segment", "bad.png", "-o", "-.npz"]) == 1
        assert one_line(capsys).startswith("softseg: bad.png: ")

    def test_messages_call_streams_by_their_names(
        self,
        segment: FakeSegment,
        photo: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        Path("bad.png").write_bytes(b"no photo")
        feed(monkeypatch, Path("bad.png"))
        assert main(["segment", "-", "-o", "out"]) == 1
        assert one_line(capsys).startswith("softseg: standard input: ")

    def test_streams_are_of_this_machine(self, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        pytest.importorskip("distributed")
        assert main(["segment", photo.name, "-o", "-.npz", "--dask", "tcp://127.0.0.1:1"]) == 2
        assert "are of this machine" in one_line(capsys)


class TestNothingToRead:
    """Said at once: nobody at a terminal knows that a command waits for a photo."""

    @pytest.mark.parametrize(
        "command",
        [
            ["segment", "-", "-o", "a.npz"],
            ["select", "-", "--point", "9,8", "-o", "a.png"],
            ["refine", "-", "mask.png", "-o", "a.png"],
            ["info", "-"],
        ],
    )
    @pytest.mark.usefixtures("mask")
    def test_a_terminal_or_closed(
        self, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        assert main(command) == 2
        assert "standard input (-) is closed: add < and a name, or a pipe" in one_line(capsys)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=SimpleNamespace(isatty=lambda: True)))
        assert main(command) == 2
        assert "standard input (-) is a terminal" in one_line(capsys)

    def test_nowhere_to_write(
        self,
        segment: FakeSegment,
        photo: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", None)
            assert main(["segment", photo.name, "-o", "-.npz"]) == 2
        assert "standard output (-) is closed" in one_line(capsys)
        assert segment.images == []

    def test_it_is_read_once(
        self, archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        feed(monkeypatch, archive)
        assert main(["info", "-", "-"]) == 2
        assert "standard input (-) is one file, and can be named once" in one_line(capsys)


class TestSelect:
    @pytest.mark.parametrize("output", ["-", "-.png"])
    def test_through_pipes(
        self,
        archive: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfdbinary: pytest.CaptureFixture[bytes],
        output: str,
    ) -> None:
        expected = softseg.SoftSegmentation.load(archive).select(point=(9, 8))
        feed(monkeypatch, archive)
        assert main(["select", "-", "--point", "9,8", "-o", output]) == 0
        with Image.open(io.BytesIO(capfdbinary.readouterr().out)) as image:
            assert (image.format, image.mode) == ("PNG", "L")
            # Half a step of the 8 bits that it is written in.
            np.testing.assert_allclose(np.asarray(image) / 255, expected, atol=0.5 / 255 + 1e-6)

    def test_standard_input_has_no_name(
        self, archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        feed(monkeypatch, archive)
        assert main(["select", "-", "--point", "9,8"]) == 2
        assert "standard input (-) has no name" in one_line(capsys)

    def test_what_is_no_archive(
        self, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        feed(monkeypatch, photo)
        assert main(["select", "-", "--point", "9,8", "-o", "-"]) == 1
        assert "got standard input: " in one_line(capsys)


class TestRefine:
    def test_the_photo_through_a_pipe(
        self,
        photo: Path,
        mask: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfdbinary: pytest.CaptureFixture[bytes],
    ) -> None:
        feed(monkeypatch, photo)
        assert main(["refine", "-", mask.name, "-o", "-"]) == 0
        with Image.open(io.BytesIO(capfdbinary.readouterr().out)) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (32, 24))

    def test_the_mask_through_a_pipe(
        self, photo: Path, mask: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        feed(monkeypatch, mask)
        assert main(["refine", photo.name, "-", "-o", "alpha.png"]) == 0
        assert Path("alpha.png").is_file()

    def test_one_stream_is_one_picture(
        self, photo: Path, mask: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["refine", "-", "-", "-o", "-"]) == 2
        assert "standard input (-) is the photo or the mask" in one_line(capsys)

    def test_a_label_map_needs_a_folder(
        self, photo: Path, mask: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        labels = np.asarray(Image.open(mask)) // 255
        Image.fromarray(labels + (labels * (np.arange(32) < 16)).astype(np.uint8)).save("labels.png")
        assert main(["refine", photo.name, "labels.png", "-o", "-"]) == 2
        assert "a label map needs a folder" in one_line(capsys)
