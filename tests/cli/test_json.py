"""``--json``: what programs read from standard output, which holds nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.cli.command import FakeSegment

from softseg._warnings import warn
from softseg.cli import main
from softseg.testing import random_result

# What stands on docs/reference/command-line.md, by type; all lines have "error" and "exit_code" besides.
KEYS = {
    "photo": "photo status width height working_width working_height layers seconds outputs warnings",
    "skipped": "reason files",
    "mask": "file width height share outputs seconds",
    "matte": "photo mask width height share layers outputs seconds",
    "error": "",
}


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the objects on standard output, whose keys are those of their type."""
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for line in found:
        if line["type"] in KEYS:
            assert set(line) == {"type", "error", "exit_code", *KEYS[line["type"]].split()}
    return found


class TestSegment:
    def test_what_others_print_is_no_result(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        segment.action = lambda: print("an extractor says this")
        assert main(["segment", photo.name, "-o", "a.npz", "--json"]) == 0
        printed = capsys.readouterr()
        assert [json.loads(line)["status"] for line in printed.out.splitlines()] == ["done"]
        assert "an extractor says this" in printed.err

    @pytest.mark.parametrize("quiet", [[], ["-q"]])
    def test_a_line_for_each_photo(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str], quiet: list[str]
    ) -> None:
        Path("other.png").write_bytes(photo.read_bytes())
        names = [photo.name, "other.png"]
        assert main(["segment", *names, "-o", "out/{name}.npz", "--json", *quiet]) == 0
        found = lines(capsys)
        assert [line["photo"] for line in found] == names
        for line in found:
            assert (line["status"], line["error"], line["exit_code"]) == ("done", None, 0)
            assert (line["width"], line["height"]) == (32, 24)
            assert sum(layer["share"] for layer in line["layers"]) == pytest.approx(1, abs=1e-5)
            assert line["seconds"]["total"] >= line["seconds"]["saving"]
            path = f"out/{Path(line['photo']).stem}.npz"
            assert line["outputs"] == [{"path": path, "status": "written", "error": None}]

    def test_what_was_finished_before_and_what_was_kept(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["segment", photo.name, "-o", "a.npz", "-o", "b.json", "--json"]
        assert main(command) == 0
        Path("b.json").write_text("mine")
        lines(capsys)
        assert main(command) == 0
        (line,) = lines(capsys)
        assert line["status"] == "finished before"
        assert [output["status"] for output in line["outputs"]] == ["finished before", "kept"]
        assert len(line["warnings"]) == 1
        assert line["warnings"][0].startswith("kept b.json")

    def test_an_output_that_fails(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("b.json").write_text("mine")
        assert main(["segment", photo.name, "-o", "a.npz", "-o", "b.json", "--json"]) == 1
        (line,) = lines(capsys)
        assert (line["status"], line["exit_code"]) == ("failed", 1)
        assert [output["status"] for output in line["outputs"]] == ["written", "failed"]
        assert "--force" in line["outputs"][1]["error"]
        assert line["error"].startswith("cannot write b.json: ")

    def test_photos_that_fail_keep_no_other_from_being_done(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("bad.png").write_bytes(b"no photo")
        Path("notes.txt").write_text("no photo either")
        assert main(["segment", ".", "nowhere.png", "-o", "out/{name}.npz", "--json"]) == 1
        found = lines(capsys)
        assert [line["type"] for line in found] == ["error", "photo", "photo", "skipped"]
        assert found[0]["error"] == "no such file: nowhere.png"
        assert [(line["photo"], line["status"]) for line in found[1:3]] == [
            ("bad.png", "failed"),
            (photo.name, "done"),
        ]
        assert found[1]["outputs"] == []
        assert found[3]["files"] == ["notes.txt"]

    def test_warnings_belong_to_their_photo(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        segment.action = lambda: warn("only two came out")
        assert main(["segment", photo.name, "-o", "a.npz", "--json"]) == 0
        assert lines(capsys)[0]["warnings"] == ["only two came out"]

    @pytest.mark.parametrize("error", [ValueError("odd"), KeyError("a defect")])
    def test_errors_of_the_method(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        error: Exception,
    ) -> None:
        def fail() -> None:
            raise error

        segment.action = fail
        assert main(["segment", photo.name, "-o", "a.npz", "--json"]) == 1
        (line,) = lines(capsys)
        assert (line["status"], line["exit_code"]) == ("failed", 1)
        assert str(error.args[0]) in line["error"]

    def test_an_interruption(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def stop() -> None:
            raise KeyboardInterrupt

        segment.action = stop
        assert main(["segment", photo.name, "-o", "a.npz", "--json"]) == 130
        assert [(line["error"], line["exit_code"]) for line in lines(capsys)] == [("interrupted", 130)]

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--nonsense"],
            ["--layers", "0"],
            ["-o", "a.xyz"],
            ["-o", "-.npz"],
            ["--features", "no"],
            ["--names", "a"],
        ],
    )
    def test_bad_usage(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
    ) -> None:
        for place in (0, len(arguments)):
            command = [*arguments[:place], "--json", *arguments[place:]]
            assert main(["segment", photo.name, *command]) == 2
            (line,) = lines(capsys)
            assert (line["type"], line["exit_code"]) == ("error", 2)
            assert line["error"]

    def test_names_that_are_no_text(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        if sys.platform in ("win32", "darwin"):
            pytest.skip("names are Unicode there")
        name = b"caf\xe9 \xe7\xa9\xba.png".decode(errors="surrogateescape")
        photo.rename(name)
        assert main(["segment", name, "-o", "a.npz", "--json"]) == 0
        printed = capsys.readouterr().out
        assert printed.isascii()
        assert json.loads(printed)["photo"] == name


class TestOtherCommands:
    def test_select(self, photo: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]) -> None:
        random_result(rng, 24, 32, 2).save("a.npz")
        for quiet in ([], ["-q"]):
            assert main(["select", "a.npz", "--point", "3,4", "-o", "m.png", "--json", *quiet]) == 0
            (line,) = lines(capsys)
            assert (line["type"], line["file"], line["width"], line["height"]) == ("mask", "a.npz", 32, 24)
            share = np.asarray(Image.open("m.png")).mean() / 255
            assert line["share"] == pytest.approx(share, abs=0.5 / 255)  # half a step of 8 bits
            assert line["outputs"] == [{"path": "m.png", "status": "written", "error": None}]

    def test_refine(self, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        mask = np.zeros((24, 32), np.uint8)
        mask[6:18, 8:24] = 255
        Image.fromarray(mask).save("mask.png")
        assert main(["refine", photo.name, "mask.png", "-o", "m.png", "--json"]) == 0
        (line,) = lines(capsys)
        assert (line["type"], line["photo"], line["mask"]) == ("matte", photo.name, "mask.png")
        assert 0 < line["share"] < 1
        assert line["layers"] is None

    def test_refine_with_a_label_map(self, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        labels = np.zeros((24, 32), np.uint8)
        labels[:, 10:] = 1
        labels[:, 20:] = 2
        Image.fromarray(labels).save("labels.png")
        assert main(["refine", photo.name, "labels.png", "-o", "mattes", "--json"]) == 0
        (line,) = lines(capsys)
        assert [layer["name"] for layer in line["layers"]] == ["label_0", "label_1", "label_2"]
        assert sum(layer["share"] for layer in line["layers"]) == pytest.approx(1, abs=1e-5)
        assert line["outputs"][0]["path"] == "mattes"

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (["select", "no.npz", "--point", "1,1"], 2),
            (["select", "my photo.png", "--point", "1,1"], 1),
            (["refine", "my photo.png", "my photo.png", "-o", "m.png"], 1),
            (["refine", "my photo.png"], 2),
            (["info"], 2),
            (["nonsense"], 2),
        ],
    )
    def test_errors(
        self, photo: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
    ) -> None:
        assert main([*arguments, "--json"]) == code
        (line,) = lines(capsys)
        assert (line["type"], line["exit_code"]) == ("error", code)
        assert line["error"]
