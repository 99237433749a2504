"""Files appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

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
