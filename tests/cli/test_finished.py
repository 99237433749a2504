"""What is finished: made from the same photo with the same options, and still as it was written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.command import FakeSegment, listed, one_line

import softseg
from softseg.cli import main
from softseg.cli.manifest import RECORDS, State, find_state, is_output, recorded
from softseg.cli.recipe import make_recipe
from softseg.formats import FORMATS, Format, register

BEFORE = "0 done, 1 finished before (--force does them again)\n"


@pytest.fixture
def other(photo: Path, rng: np.random.Generator) -> Path:
    """Write a second photo, of other content and the same size."""
    path = photo.with_name("b.png")
    Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(path)
    return path


class TestDoneAgain:
    """Whatever an output depends on."""

    def test_another_photo(self, segment: FakeSegment, photo: Path, other: Path) -> None:
        assert main(["segment", photo.name, "-o", "o.psd", "-q"]) == 0
        os.utime(other, (1, 1))
        assert main(["segment", other.name, "-o", "o.psd", "-q"]) == 0
        np.testing.assert_array_equal(segment.images[1], np.asarray(Image.open(other)))

    def test_another_folders_photo_of_that_name(self, segment: FakeSegment, photo: Path, other: Path) -> None:
        for folder, source in (("one", photo), ("two", other)):
            Path(folder).mkdir()
            shutil.copy(source, f"{folder}/x.png")
            assert main(["segment", f"{folder}/x.png", "-o", "out", "-q"]) == 0
        assert len(segment.images) == 2

    def test_a_photo_replaced_by_an_older_one(self, segment: FakeSegment, photo: Path, other: Path) -> None:
        assert main(["segment", photo.name, "-o", "o.json", "-q"]) == 0
        other.replace(photo)
        os.utime(photo, (1, 1))
        assert main(["segment", photo.name, "-o", "o.json", "-q"]) == 0
        assert len(segment.images) == 2

    @pytest.mark.parametrize(
        "change",
        [
            ["--layers", "4"],
            ["--layers", "auto"],
            ["--seed", "7"],
            ["--features", "low-level"],
            ["--features", "f.npy"],
            ["--affinity", "MattingAffinity()"],
            ["--eigensolver", "ShiftInvert"],
            ["--eigenvectors", "31"],
            ["--initial", "9"],
            ["--superpixels", "99"],
            ["--published"],
        ],
    )
    def test_another_option(self, segment: FakeSegment, photo: Path, change: list[str]) -> None:
        np.save("f.npy", np.zeros((24, 32, 3)))
        for arguments in ([], change, change, []):
            assert main(["segment", photo.name, "-o", "o.json", "-q", *arguments]) == 0
        assert len(segment.images) == 3  # the third time it was finished

    def test_features_of_other_content_in_the_same_file(self, segment: FakeSegment, photo: Path) -> None:
        for value in (0.25, 0.5):
            np.save("f.npy", np.full((24, 32, 3), value))
            os.utime("f.npy", (1, 1))
            for _ in range(2):
                assert main(["segment", photo.name, "--features", "f.npy", "-q"]) == 0
        assert len(segment.images) == 2

    def test_another_version(
        self, segment: FakeSegment, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert main(["segment", photo.name, "-o", "o.json", "-q"]) == 0
        monkeypatch.setitem(softseg.__dict__, "__version__", "99.0")
        assert main(["segment", photo.name, "-o", "o.json", "-q"]) == 0
        assert len(segment.images) == 2

    def test_a_name_that_is_written_into_the_file(self, segment: FakeSegment, photo: Path) -> None:
        shutil.copy(photo, "copy.png")
        for name in (photo.name, "copy.png", "copy.png"):
            assert main(["segment", name, "-o", "o.json", "-q"]) == 0
            assert json.loads(Path("o.json").read_text())["images"][0]["file_name"] == name
        assert len(segment.images) == 2

    @pytest.mark.parametrize("missing", ["layer_2.png", "contact_sheet.png", "layers.npz"])
    def test_a_folder_that_lacks_a_file(self, segment: FakeSegment, photo: Path, missing: str) -> None:
        assert main(["segment", photo.name, "-o", "out", "-q"]) == 0
        Path("out", missing).unlink()
        assert main(["segment", photo.name, "-o", "out", "-q"]) == 0
        assert len(segment.images) == 2
        assert Path("out", missing).exists()

    def test_an_empty_file_is_nobodys_work(self, segment: FakeSegment, photo: Path) -> None:
        Path("o.psd").touch()
        assert main(["segment", photo.name, "-o", "o.psd", "-q"]) == 0
        Path("o.psd").write_bytes(b"")
        assert main(["segment", photo.name, "-o", "o.psd", "-q"]) == 0
        assert len(segment.images) == 2


class TestNotDoneAgain:
    def test_neither_name_nor_time_of_a_photo_matter(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name, "-o", "o.psd", "-o", "out", "-q"]) == 0
        photo.rename("new.png")
        os.utime("new.png", (2e9, 2e9))
        assert main(["segment", "new.png", "-o", "o.psd", "-o", "out"]) == 0
        assert capsys.readouterr() == (BEFORE, "")
        assert len(segment.images) == 1

    def test_a_copied_folder(self, segment: FakeSegment, photo: Path) -> None:
        """A copy's files have other times; their content is compared."""
        assert main(["segment", photo.name, "-o", "out", "-q"]) == 0
        shutil.copytree("out", "copy", copy_function=shutil.copyfile)
        assert main(["segment", photo.name, "-o", "copy", "-q"]) == 0
        assert len(segment.images) == 1

    def test_force(self, segment: FakeSegment, photo: Path) -> None:
        for _ in range(2):
            assert main(["segment", photo.name, "-q", "--force"]) == 0
        assert len(segment.images) == 2

    def test_the_real_thing(self, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Nothing faked."""
        options = ["--features", "low-level", "--layers", "2", "--eigenvectors", "10", "--initial", "4"]
        for expected in (None, BEFORE):
            assert main(["segment", photo.name, *options, "-o", "o.npz"]) == 0
            printed = capsys.readouterr().out
            assert expected is None or printed == expected
        assert main(["segment", photo.name, *options, "--seed", "5", "-o", "o.npz"]) == 0
        assert "soft layers" in capsys.readouterr().out


class TestSomebodysWork:
    def edit(self, name: str) -> None:
        with open(name, "ab") as file:
            file.write(b"painted by hand")

    @pytest.mark.parametrize(("output", "file"), [("o.psd", "o.psd"), ("out", "out/layer_1.png")])
    def test_made_from_the_same_is_kept(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        output: str,
        file: str,
    ) -> None:
        assert main(["segment", photo.name, "-o", output, "-q"]) == 0
        self.edit(file)
        edited = Path(file).read_bytes()
        assert main(["segment", photo.name, "-o", output]) == 0
        printed = capsys.readouterr()
        assert printed.out == BEFORE
        assert printed.err == (
            f"softseg: warning: my photo.png: kept {output}, which somebody changed since softseg wrote it "
            "(--force replaces it)\n"
        )
        assert main(["segment", photo.name, "-o", output, "-o", "more.npz", "-q"]) == 0
        assert Path(file).read_bytes() == edited
        assert Path("more.npz").exists()
        assert main(["segment", photo.name, "-o", output, "--force", "-q"]) == 0
        assert Path(file).read_bytes() != edited

    def test_made_from_something_else_is_not_overwritten(
        self, segment: FakeSegment, photo: Path, other: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name, "-o", "o.psd", "-q"]) == 0
        self.edit("o.psd")
        edited = Path("o.psd").read_bytes()
        assert main(["segment", other.name, "-o", "o.psd", "-q"]) == 1
        assert "b.png: cannot write o.psd: somebody changed it since softseg wrote it" in one_line(capsys)
        assert len(segment.images) == 1  # no long work for nothing
        assert main(["segment", other.name, "-o", "o.psd", "-o", "o.npz", "-q"]) == 1
        assert Path("o.npz").exists()
        assert Path("o.psd").read_bytes() == edited

    @pytest.mark.parametrize(("output", "file"), [("o.psd", "o.psd"), ("out", "out/layer_7.png")])
    def test_what_softseg_did_not_write_is_not_overwritten(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        output: str,
        file: str,
    ) -> None:
        Path("out").mkdir()
        Path("out/notes.txt").write_text("is in nobody's way")
        Path(file).write_text("mine")
        os.utime(file, (2e9, 2e9))  # newer than the photo
        assert main(["segment", photo.name, "-o", output]) == 1
        assert f"cannot write {output}: it is there, and nothing says that softseg wrote it" in one_line(
            capsys
        )
        assert Path(file).read_text() == "mine"
        assert main(["segment", photo.name, "-o", output, "--force", "-q"]) == 0
        assert not Path(file).exists() or Path(file).read_bytes() != b"mine"

    def test_a_failed_attempt_changes_nothing_about_that(
        self, segment: FakeSegment, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(path: Path, result: softseg.SoftSegmentation) -> None:
            raise OSError("no space left")

        monkeypatch.setattr(FORMATS, "_known", dict(FORMATS._known))
        register(".bad", Format("nothing", fail))
        Path("o.bad").write_text("mine")
        assert main(["segment", photo.name, "-o", "o.bad", "-q", "--force"]) == 1
        assert main(["segment", photo.name, "-o", "o.bad", "-q"]) == 1
        assert len(segment.images) == 1  # the second time it was known before
        assert Path("o.bad").read_text() == "mine"
        assert listed() == ["my photo.png", "o.bad"]


class TestRecords:
    def test_what_a_killed_process_left_is_written_again(self, tmp_path: Path) -> None:
        output, made_from = tmp_path / "o.psd", {"photo": "abc"}
        writing = recorded(output, False, made_from)
        writing.__enter__()
        output.write_text("done, but not recorded")
        assert find_state(output, False, made_from) is State.OUTDATED
        assert is_output(output)

    @pytest.mark.parametrize(
        "content", [b"", b"{", b"[]", b'{"files": {"o.psd": 3}, "made_from": {}}', b"\xff"]
    )
    def test_a_damaged_record_says_nothing(self, tmp_path: Path, content: bytes) -> None:
        output = tmp_path / "o.psd"
        with recorded(output, False, {}):
            output.write_text("layers")
        (record,) = (tmp_path / RECORDS).iterdir()
        record.write_bytes(content)
        assert find_state(output, False, {}) is State.UNKNOWN
        assert not is_output(output)

    @pytest.mark.parametrize("name", ["o.psd", "n" * 251 + ".psd", "é" * 100 + ".psd", "caf\udce9.psd"])
    def test_names_of_any_kind(self, tmp_path: Path, name: str) -> None:
        output = tmp_path / name
        with recorded(output, False, {"a": (1, 2)}):
            output.write_text("layers")
        assert find_state(output, False, {"a": (1, 2)}) is State.FINISHED
        assert find_state(output, False, {"a": (1, 3)}) is State.OUTDATED

    def test_each_output_has_a_record_of_its_own(self, segment: FakeSegment, photo: Path) -> None:
        assert main(["segment", photo.name, "-o", "a.npz", "-o", "b.npz", "-o", "out", "-q"]) == 0
        assert sorted(os.listdir(RECORDS)) == ["a.npz.json", "b.npz.json"]
        assert os.listdir(f"out/{RECORDS}") == ["folder.json"]
        record = json.loads(Path(RECORDS, "a.npz.json").read_text())
        assert record["made_from"]["softseg"] == softseg.__version__
        assert record["files"]["a.npz"]["size"] == Path("a.npz").stat().st_size


def test_a_recipe_tells_all_options_apart() -> None:
    options = [
        {},
        {"rng": 0},
        {"rng": 1},
        {"features": np.zeros((4, 5, 1))},
        {"features": np.zeros((5, 4, 1))},
        {"features": np.zeros((4, 5, 1), np.float32)},
        {"features": np.ones((4, 5, 2))[..., ::2]},
        {"features": "low-level"},
        {"features": None},
        {"affinity": softseg.MattingAffinity()},
        {"affinity": softseg.MattingAffinity(epsilon=1e-3)},
    ]
    recipes = [json.dumps(make_recipe(each), sort_keys=True) for each in options]
    assert len(set(recipes)) == len(options)
    assert recipes == [json.dumps(make_recipe(each), sort_keys=True) for each in options]


class TestRecordsInTheWay:
    """Known before any work."""

    def test_a_file_a_dead_link_and_a_folder(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("file", "link", "folder"):
            Path(name).mkdir()
        Path("file", RECORDS).touch()
        Path("link", RECORDS).symlink_to("nowhere")
        Path("folder", RECORDS, "x.npz.json").mkdir(parents=True)
        for name in ("file", "link", "folder"):
            assert main(["segment", photo.name, "-o", f"{name}/x.npz", "--force"]) == 1
            assert "is in the way: softseg keeps there what outputs were made from" in one_line(capsys)
        assert segment.images == []
