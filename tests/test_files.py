"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from softseg import SoftSegmentation
from softseg._files import _name_this_place, undisturbed, whole_files

posix = pytest.mark.skipif(os.name != "posix", reason="signals and process ids of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_whole_files_appear_only_at_the_end(tmp_path: Path) -> None:
    with whole_files(tmp_path) as scratch:
        (scratch / "file").write_text("new")
        assert not (tmp_path / "file").exists()
        assert scratch.parent == tmp_path
    assert names(tmp_path) == ["file"]


def test_no_file_appears_when_interrupted(tmp_path: Path) -> None:
    def interrupted() -> None:
        with whole_files(tmp_path) as scratch:
            (scratch / "file").write_text("newer")
            raise KeyboardInterrupt

    (tmp_path / "file").write_text("new")
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "file").read_text() == "new"
    assert names(tmp_path) == ["file"]


@posix
@pytest.mark.parametrize("moment", ["replace", "rmtree"])
def test_ctrl_c_at_the_end_comes_when_all_is_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    module = os if moment == "replace" else shutil
    usual = getattr(module, moment)

    def press_ctrl_c_twice(*arguments: object, **options: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        usual(*arguments, **options)

    def write() -> None:
        with whole_files(tmp_path) as scratch:
            for name in ("a", "b", "c"):
                (scratch / name).write_text("new")

    monkeypatch.setattr(module, moment, press_ctrl_c_twice)
    with pytest.raises(KeyboardInterrupt):
        write()
    assert names(tmp_path) == ["a", "b", "c"]


def test_files_written_in_other_threads(tmp_path: Path) -> None:
    def write() -> None:
        with whole_files(tmp_path) as scratch:
            (scratch / "file").write_text("new")

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert names(tmp_path) == ["file"]


@posix
def test_undisturbed_leaves_handlers_as_they_were() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with undisturbed(), undisturbed():
        pass
    assert [signal.getsignal(number) for number in numbers] == before


class TestLeftovers:
    @pytest.fixture
    def dead(self) -> int:
        """Return the id of a process that has ended."""
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            pass
        return process.pid

    def leave(self, folder: Path, name: str, age: float = 0) -> None:
        (folder / name).mkdir()
        (folder / name / "half.npz").write_text("half")
        then = time.time() - age
        os.utime(folder / name / "half.npz", (then, then))
        os.utime(folder / name, (then, then))

    @posix
    def test_of_dead_processes_are_removed(self, tmp_path: Path, dead: int) -> None:
        self.leave(tmp_path, f".softseg-{_name_this_place()}-{dead}-0123abcd")
        with whole_files(tmp_path):
            pass
        assert names(tmp_path) == []

    def test_of_others_are_removed_when_they_are_old(self, tmp_path: Path, dead: int) -> None:
        here, two_days = _name_this_place(), 2 * 24 * 3600
        theirs = [
            f".softseg-{here}-{os.getpid()}-0123abcd",  # alive
            f".softseg-00000000-{dead}-0123abcd",  # of another machine
            ".softseg-a_b2c3d4",  # of an earlier version
        ]
        not_ours = [".softseg-notes", ".softseg-my own folder", ".softseg"]
        for name in theirs:
            self.leave(tmp_path, name)
        for name in not_ours:
            self.leave(tmp_path, name, age=two_days)
        (tmp_path / ".softseg-file1234").write_text("no folder")
        kept = sorted([*theirs, *not_ours, ".softseg-file1234"])
        with whole_files(tmp_path):
            pass
        assert names(tmp_path) == kept
        for name in theirs:
            shutil.rmtree(tmp_path / name)
            self.leave(tmp_path, name, age=two_days)
        with whole_files(tmp_path):
            pass
        assert names(tmp_path) == sorted([*not_ours, ".softseg-file1234"])

    def test_a_process_at_work_for_long_is_left_alone(self, tmp_path: Path, dead: int) -> None:
        name = f".softseg-00000000-{dead}-0123abcd"
        self.leave(tmp_path, name, age=2 * 24 * 3600)
        (tmp_path / name / "half.npz").write_text("a little more")
        with whole_files(tmp_path):
            pass
        assert names(tmp_path) == [name]


class TestLinks:
    """What is a symbolic link stays one; the file appears where it leads."""

    @pytest.fixture(autouse=True)
    def folders(self, tmp_path: Path) -> None:
        self.here, self.there = tmp_path / "here", tmp_path / "there"
        self.here.mkdir()
        self.there.mkdir()

    def write(self, folder: Path, name: str, text: str = "new") -> None:
        with whole_files(folder) as scratch:
            (scratch / name).write_text(text)

    @pytest.mark.parametrize("before", [None, "old"])
    @pytest.mark.parametrize("relative", [False, True])
    def test_to_a_file(self, before: str | None, relative: bool) -> None:
        link, target = self.here / "link", self.there / "target"
        if before is not None:
            target.write_text(before)
        link.symlink_to(Path("../there/target") if relative else target)
        self.write(self.here, "link")
        assert link.is_symlink()
        assert not target.is_symlink()
        assert target.read_text() == link.read_text() == "new"
        assert (names(self.here), names(self.there)) == (["link"], ["target"])

    def test_to_a_link_to_a_file_in_a_folder_that_is_not_there_yet(self) -> None:
        (self.here / "link").symlink_to(self.here / "next")
        (self.here / "next").symlink_to(self.there / "more" / "target")
        self.write(self.here, "link")
        assert (self.there / "more" / "target").read_text() == "new"
        assert all((self.here / name).is_symlink() for name in ("link", "next"))

    def test_the_target_is_replaced_whole(self) -> None:
        target = self.there / "target"
        target.write_text("old")
        (self.here / "link").symlink_to(target)
        with open(target) as reader:
            self.write(self.here, "link")
            assert reader.read() == "old"  # who had it open goes on with the old one

    @pytest.mark.parametrize("dangling", [False, True])
    def test_to_a_folder(self, dangling: bool) -> None:
        target = self.there / "deep" / "target" if dangling else self.there
        (self.here / "link").symlink_to(target)
        self.write(self.here / "link", "file")
        self.write(self.here / "link" / "inside", "file")
        assert (self.here / "link").is_symlink()
        assert (target / "file").read_text() == (target / "inside" / "file").read_text() == "new"

    def test_on_another_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        (self.here / "link").symlink_to(self.there / "target")
        usual = os.rename

        def refuse(source: Path, target: Path) -> None:
            if str(source).startswith(str(self.here)) and str(target).startswith(str(self.there)):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            usual(source, target)

        monkeypatch.setattr(os, "rename", refuse)
        self.write(self.here, "link")
        assert (self.there / "target").read_text() == "new"
        assert names(self.here) == ["link"]

    def test_in_a_circle(self) -> None:
        (self.here / "link").symlink_to("link")
        with pytest.raises(OSError, match=r"\Apath: [^\n]*, got links that lead in a circle"):
            self.write(self.here, "link")
        assert (self.here / "link").is_symlink()
        assert names(self.here) == ["link"]

    def test_nothing_changes_when_interrupted(self) -> None:
        (self.here / "link").symlink_to(self.there / "target")

        def interrupted() -> None:
            with whole_files(self.here) as scratch:
                (scratch / "link").write_text("newer")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert names(self.there) == []


@pytest.mark.parametrize("suffix", [".npz", ".psd", ".ora", ".exr", ".html", ".png", ".tif", ".json", ""])
@pytest.mark.parametrize("dangling", [False, True])
def test_every_format_writes_through_links(
    tmp_path: Path,
    make_segmentation: Callable[[int, int, int], SoftSegmentation],
    suffix: str,
    dangling: bool,
) -> None:
    if suffix == ".exr":
        pytest.importorskip("OpenEXR")
    link, target = tmp_path / f"link{suffix}", tmp_path / "there" / "target"
    if not dangling:
        target.parent.mkdir()
        target.write_text("old") if suffix else target.mkdir()
    link.symlink_to(target)
    make_segmentation(6, 8, 2).save(link)
    assert link.is_symlink()
    assert target.is_dir() == (not suffix)
    assert names(target) == ["layer_1.png", "layer_2.png"] if not suffix else target.stat().st_size > 50
    assert names(tmp_path) == [link.name, "there"]
    assert names(target.parent) == ["target"]
