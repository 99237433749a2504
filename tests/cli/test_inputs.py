"""Which photos are taken, which are passed over and why, and what no photo does to the others."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile
from tests.cli.command import FakeSegment, listed, one_line

from softseg.cli import inputs, main
from softseg.cli.inputs import photo_suffixes

# What one output costs least, so that the tests are fast.
CHEAP = ["-o", "out/{name}.json"]


@pytest.fixture
def album(photo: Path) -> Path:
    """Move the photo to the folder `album`, beside another."""
    folder = Path("album")
    folder.mkdir()
    photo.rename(folder / "a.png")
    Image.new("RGB", (12, 10), (9, 80, 200)).save(folder / "z.jpg")
    return folder


def test_a_folder_takes_what_pillow_opens(segment: FakeSegment, album: Path) -> None:
    image = Image.effect_mandelbrot((20, 16), (-2, -1, 1, 1), 50).convert("RGB")
    suffixes = ["avif", "gif", "jp2", "jpe", "jfif", "tga", "ppm", "pgm", "bmp", "TIFF", "webp", "sgi", "pcx"]
    for suffix in suffixes:
        image.save(album / f"{suffix}.{suffix}")
    image.save(album / "mpo.mpo", append_images=[image], save_all=True)
    assert main(["segment", "album", *CHEAP, "-q"]) == 0
    assert listed("out") == sorted(f"{name}.json" for name in ["a", "z", "mpo", *suffixes])


def test_what_is_no_photo_is_none() -> None:
    assert {".psd", ".eps", ".ico", ".npy", ".npz", ".txt", ".pdf", ".h5"} & photo_suffixes() == set()


def test_what_was_passed_over_is_said_in_a_few_lines(
    segment: FakeSegment, album: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        (album / f"{number:02}.txt").write_text("no photo")
    (album / "features.npy").touch()
    (album / ".DS_Store").touch()
    (album / "nested.png").mkdir()
    assert main(["segment", "album", *CHEAP]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[2:] == [
        "2 done",
        "skipped 31 files that Pillow does not open as photos: 00.txt, 01.txt, 02.txt, ...",
        "skipped 1 folder (name it to take its photos): nested.png",
    ]
    assert printed.err == ""


def test_heif_without_the_package_is_a_warning_that_names_it(
    segment: FakeSegment, album: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "photo_suffixes", lambda: {".png", ".jpg"})
    (album / "x.HEIC").write_bytes(b"heif")
    assert main(["segment", "album", *CHEAP, "-q"]) == 0
    assert one_line(capsys) == (
        'softseg: warning: skipped 1 file that need pip install "softseg[heif]": x.HEIC\n'
    )


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
class TestThingsThatAreNoFiles:
    @pytest.fixture(autouse=True)
    def things(self, album: Path) -> None:
        (album / "dir.jpg").mkdir()
        (album / "link.jpg").symlink_to("nowhere")
        (album / "circle.jpg").symlink_to("circle.jpg")
        os.mkfifo(album / "pipe.jpg")
        (album / "device.jpg").symlink_to("/dev/null")

    def test_in_a_folder_are_passed_over(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", "album", *CHEAP]) == 0
        printed = capsys.readouterr()
        assert "2 done\n" in printed.out
        assert printed.err.splitlines() == [
            "softseg: warning: skipped 2 files that are links to nothing: circle.jpg, link.jpg",
            "softseg: warning: skipped 2 files that are neither files nor folders: device.jpg, pipe.jpg",
        ]

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("link.jpg", "expected a photo, got a link to nothing: album/link.jpg"),
            ("circle.jpg", "a link to nothing"),
            ("pipe.jpg", "expected a photo, got neither a file nor a folder: album/pipe.jpg"),
            ("device.jpg", "album/device.jpg"),
            ("dir.jpg", "no photos in the folder album/dir.jpg"),
            ("no.jpg", "no such file: album/no.jpg"),
        ],
    )
    def test_named_ones_are_said(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str], name: str, said: str
    ) -> None:
        assert main(["segment", f"album/{name}"]) == 2
        assert said in one_line(capsys)
        # Among others it is that one's failure.
        assert main(["segment", "album/a.png", f"album/{name}", "album/z.jpg", *CHEAP, "-q"]) == 1
        assert said in one_line(capsys)
        assert listed("out") == ["a.json", "z.json"]


class TestFilesThatAreNoPhotos:
    """One of them is a line, and the exit code; the others are done."""

    @pytest.fixture(autouse=True)
    def in_the_middle(self, album: Path) -> None:
        self.path = album / "m.avif"

    def check(self, capsys: pytest.CaptureFixture[str], said: str) -> None:
        assert main(["segment", "album", *CHEAP, "-q"]) == 1
        line = one_line(capsys)
        assert line.startswith("softseg: album/m.avif: ")
        assert said in line
        assert listed("out") == ["a.json", "z.json"]

    def test_empty(self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]) -> None:
        self.path.touch()
        self.check(capsys, "expected an image, got an empty file")

    def test_damaged(self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(self.path)
        content = bytearray(self.path.read_bytes())
        pixels = content.index(b"mdat") + 4
        content[pixels:] = bytes(len(content) - pixels)
        self.path.write_bytes(content)
        self.check(capsys, "m.avif")

    @pytest.mark.parametrize(
        "error", [RuntimeError, IndexError, KeyError, AttributeError, EOFError, OverflowError]
    )
    def test_whatever_a_decoder_raises(
        self,
        segment: FakeSegment,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        error: type[Exception],
    ) -> None:
        load = ImageFile.ImageFile.load

        def fail(image: ImageFile.ImageFile) -> object:
            if image.format == "GIF":
                raise error("Failed to decode")
            return load(image)

        Image.new("RGB", (9, 9)).save(self.path, format="GIF")
        monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
        self.check(capsys, "Failed to decode")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
    def test_unreadable(self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]) -> None:
        self.path.write_text("secret")
        self.path.chmod(0)
        self.check(capsys, "Permission denied")

    def test_changed_while_it_is_read(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Image.new("RGB", (9, 9)).save(self.path, format="PNG")
        load = ImageFile.ImageFile.load

        def replace(image: ImageFile.ImageFile) -> object:
            if image.size == (9, 9):
                Image.new("RGB", (19, 9)).save(self.path, format="PNG")
            return load(image)

        monkeypatch.setattr(ImageFile.ImageFile, "load", replace)
        self.check(capsys, "was changed while it was read")


def test_a_defect_in_a_batch_is_shown_in_the_end(
    segment: FakeSegment, album: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail_on_the_first() -> None:
        if len(segment.images) == 1:
            raise KeyError("defect")

    segment.action = fail_on_the_first
    assert main(["segment", "album", *CHEAP, "-q"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(
        "softseg: album/a.png: a defect of softseg, please report it: KeyError: 'defect'\n"
    )
    assert "fail_on_the_first" in errors  # the traceback
    assert listed("out") == ["z.json"]


@pytest.mark.parametrize(
    ("vanish", "said"),
    [
        (lambda path: path.unlink(), "album/z.jpg: no such file: album/z.jpg"),
        (
            lambda path: (path.unlink(), path.mkdir()),
            "album/z.jpg: expected a file, got a folder: album/z.jpg",
        ),
        (lambda path: path.parent.rename("moved"), "album/z.jpg: no such file: album/z.jpg"),
    ],
)
def test_a_photo_that_vanishes_in_the_middle_is_that_ones_failure(
    segment: FakeSegment,
    album: Path,
    capsys: pytest.CaptureFixture[str],
    vanish: Callable[[Path], object],
    said: str,
) -> None:
    segment.action = lambda: vanish(album / "z.jpg")
    assert main(["segment", "album", *CHEAP, "-q"]) == 1
    assert one_line(capsys) == f"softseg: {said}\n"
    assert listed("out") == ["a.json"]


class TestLongNames:
    def test_a_photo_whose_name_is_as_long_as_can_be(
        self, segment: FakeSegment, album: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        name = "n" * 251
        shutil.copy(album / "a.png", album / f"{name}.png")
        assert main(["segment", "album", "-o", "out/{name}.png", "-q"]) == 0
        assert listed("out") == ["a.png", f"{name}.png", "z.png"]
        assert main(["segment", "album", "-o", "out/{name}.png"]) == 0
        assert "0 done, 3 finished before" in capsys.readouterr().out

    @pytest.mark.parametrize("output", ["{name}_layers", "{name}.json", "{name}.x.psd"])
    @pytest.mark.parametrize("force", [[], ["--force"]])
    def test_one_whose_output_has_none_is_that_ones_failure(
        self,
        segment: FakeSegment,
        album: Path,
        capsys: pytest.CaptureFixture[str],
        output: str,
        force: list[str],
    ) -> None:
        shutil.copy(album / "a.png", album / f"{'n' * 251}.png")
        assert main(["segment", "album", "-o", output, "-q", *force]) == 1
        assert "expected a shorter name, got one of " in one_line(capsys)
        assert len(segment.images) == 2  # known before the work
        assert len(listed()) == 3


class TestInEachOthersWay:
    def test_one_pair_is_said_first_and_the_rest_is_done(
        self, segment: FakeSegment, album: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copy(album / "z.jpg", album / "a.jpg")
        assert main(["segment", "album", "-o", "out/{name}.json"]) == 1
        printed = capsys.readouterr()
        assert printed.err == (
            "softseg: album/a.jpg and album/a.png would both be written to out/a.json: put {suffix} into it, "
            "as in {name}_{suffix}\n"
        )
        assert "1 done, 2 failed" in printed.out
        assert listed("out") == ["z.json"]
        assert main(["segment", "album", "-o", "out/{name}.{suffix}.json"]) == 0
        assert listed("out") == ["a.jpg.json", "a.png.json", "z.jpg.json", "z.json"]

    def test_photos_of_one_suffix_are_not_told_apart_by_it(
        self, segment: FakeSegment, album: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("more").mkdir()
        shutil.copy(album / "a.png", "more/a.png")
        assert main(["segment", "album", "more", *CHEAP, "-q"]) == 1
        line = one_line(capsys)
        assert "one folder of photos after the other" in line
        assert "{suffix}" not in line

    def test_all_of_them_is_bad_usage(
        self, segment: FakeSegment, album: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copy(album / "z.jpg", "a.jpg")
        assert main(["segment", "a.jpg", "album/a.png"]) == 2
        assert "would both be written to a_layers" in one_line(capsys)
        assert segment.images == []

    def test_names_in_braces_stand_for_themselves(self, segment: FakeSegment, album: Path) -> None:
        (album / "a.png").rename("{suffix}.png")
        assert main(["segment", "{suffix}.png", "-o", "{name}-{suffix}.json", "-q"]) == 0
        assert "{suffix}-png.json" in os.listdir()

    def test_a_photo_that_would_be_overwritten_by_its_layers(
        self, segment: FakeSegment, album: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (album / "a.png").rename("layer_1.png")
        before = Path("layer_1.png").read_bytes()
        for force in ([], ["--force"]):
            assert main(["segment", "layer_1.png", "-o", ".", *force]) == 2
            assert "would be overwritten" in one_line(capsys)
        assert Path("layer_1.png").read_bytes() == before

    def test_a_photo_in_the_place_of_anothers_output(
        self, segment: FakeSegment, album: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copy(album / "a.png", album / "z.png")
        before = (album / "z.png").read_bytes()
        # z.png and z.jpg would be written to z.png, which is a photo; a.png would to itself.
        Image.new("RGB", (9, 9)).save(album / "q.bmp")
        assert main(["segment", "album", "-o", "album/{name}.png", "-q", "--force"]) == 1
        assert listed("album") == ["a.png", "q.bmp", "q.png", "z.jpg", "z.png"]
        assert (album / "z.png").read_bytes() == before
        assert len(segment.images) == 1


class TestOutputsAmongThePhotos:
    @pytest.mark.parametrize("output", ["{name}.png", "{name}_map.png", "{name}_layers"])
    def test_a_folder_twice(
        self, segment: FakeSegment, album: Path, capsys: pytest.CaptureFixture[str], output: str
    ) -> None:
        (album / "a.png").rename(album / "a.webp")
        os.chdir(album)
        assert main(["segment", ".", "-o", output, "-q"]) == 0
        before = listed()
        assert main(["segment", ".", "-o", output]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "0 done, 2 finished before (--force does them again)"
        assert lines[1].startswith("skipped 2 ")
        assert listed() == before
        assert len(segment.images) == 2

    def test_names_and_patterns(self, segment: FakeSegment, album: Path) -> None:
        """A shell puts all names in the place of a pattern."""
        os.chdir(album)
        for _ in range(2):
            names = sorted(name for name in os.listdir() if name.endswith(("png", "jpg")))
            assert main(["segment", *names, "-o", "{name}_map.png", "-q"]) == 0
            assert main(["segment", "**/*.[pj][np]g", "-o", "{name}_map.png", "-q"]) == 0
        assert listed() == ["a.png", "a_map.png", "z.jpg", "z_map.png"]
        assert len(segment.images) == 2

    def test_layers_in_folders_below(self, segment: FakeSegment, album: Path) -> None:
        for _ in range(2):
            assert main(["segment", "album/**", "-o", "album/{name}_layers", "-q"]) == 0
        assert listed("album") == ["a.png", "a_layers", "z.jpg", "z_layers"]

    def test_one_that_is_named_alone_is_taken(self, segment: FakeSegment, album: Path) -> None:
        assert main(["segment", "album/a.png", "-o", "map.png", "-q"]) == 0
        assert main(["segment", "map.png", "-o", "o.json", "-q"]) == 0
        assert len(segment.images) == 2

    def test_only_outputs(
        self, segment: FakeSegment, album: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", "album", "-o", "out/{name}.png", "-q"]) == 0
        assert main(["segment", "out"]) == 2
        assert "no photos in the folder out; skipped 2 files that softseg wrote" in one_line(capsys)

    def test_a_photo_in_the_place_of_a_former_output(self, segment: FakeSegment, album: Path) -> None:
        assert main(["segment", "album", "-o", "album/{name}_map.png", "-q"]) == 0
        Image.fromarray(np.zeros((17, 9, 3), np.uint8)).save(album / "a_map.png")
        assert main(["segment", "album", *CHEAP, "-q"]) == 0
        assert listed("out") == ["a.json", "a_map.json", "z.json"]


class TestNames:
    def test_one_photo_by_several_names_is_done_once(self, segment: FakeSegment, album: Path) -> None:
        names = [
            "album",
            "album/a.png",
            "./album/z.jpg",
            "album/../album/a.png",
            str(album.resolve() / "z.jpg"),
        ]
        assert main(["segment", *names, *CHEAP, "-q"]) == 0
        assert len(segment.images) == 2

    @pytest.mark.parametrize("name", ["photo[1].jpg", "what?.jpg", "*.jpg", "[a-z].jpg", "a{b}.jpg"])
    def test_glob_characters_in_names(self, segment: FakeSegment, album: Path, name: str) -> None:
        folder = Path("holiday [2024]")
        folder.mkdir()
        (album / "z.jpg").rename(folder / name)
        for number, given in enumerate((f"{folder}/{name}", str(folder), f"{folder}/*.jpg")):
            assert main(["segment", given, "-o", f"{number}/{{name}}.json", "-q"]) == 0
            assert listed(str(number)) == [f"{Path(name).stem}.json"]

    @pytest.mark.parametrize("output", ["Screenshot 16.44.05/", "new/out.psd/", "there 1.2", "there.psd"])
    @pytest.mark.parametrize("given", ["album", "album/a.png"])
    def test_folders_whose_names_have_dots(
        self, segment: FakeSegment, album: Path, output: str, given: str
    ) -> None:
        for name in ("there 1.2", "there.psd"):
            Path(name).mkdir()
        assert main(["segment", given, "-o", output, "-q"]) == 0
        folder = Path(output, "a") if given == "album" else Path(output)
        assert "layer_1.png" in listed(str(folder))

    def test_names_that_are_no_text(
        self, segment: FakeSegment, album: Path, capsysbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        try:
            (album / "z.jpg").rename(album / "caf\udce9.jpg")
        except OSError:
            pytest.skip("this file system takes text only")
        assert main(["segment", "album", *CHEAP]) == 0
        assert b"caf\\udce9.jpg: 2 soft layers" in capsysbinary.readouterr().out


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="sockets with names")
def test_a_socket_is_no_photo(segment: FakeSegment, album: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("album/s.jpg")
        assert main(["segment", "album", *CHEAP, "-q"]) == 0
    assert listed("out") == ["a.json", "z.json"]
