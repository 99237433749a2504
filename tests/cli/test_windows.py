r"""Paths as Windows has them: drives, backslashes, names in any case, names of devices, long paths.

Each is tried on any system, by what Windows' own rules say of it (`ntpath`, `pathlib.PureWindowsPath`).
"""

from __future__ import annotations

import errno
import ntpath
import os
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace
from typing import Any

import pytest

from softseg import _paths
from softseg._paths import check_name, explain, find_device_name
from softseg.cli import inputs, outputs, places


class WindowsPath(PureWindowsPath):
    """A path on a Windows on which nothing is there."""

    def is_dir(self) -> bool:
        return False


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the modules that plan outputs see Windows."""
    fake = SimpleNamespace(**{**vars(os), "sep": "\\", "altsep": "/", "path": ntpath})
    monkeypatch.setattr(outputs, "os", fake)
    for module in (outputs, places):
        monkeypatch.setattr(module, "Path", WindowsPath)


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    ("output", "photo", "expected"),
    [
        (r"C:\x\{name}.psd", r"D:\photos\cat.jpg", r"C:\x\cat.psd"),
        ("C:/x/{name}.psd", r"D:\photos\cat.jpg", r"C:\x\cat.psd"),
        (r"c:{name}.npz", "cat.jpg", "c:cat.npz"),
        (r"\\server\share\{name}_{suffix}.html", r"cat.jpeg", r"\\server\share\cat_jpeg.html"),
        (r"\\?\C:\x\{name}.psd", "cat.jpg", r"\\?\C:\x\cat.psd"),
        (r"out\{name}.PSD", r"photos\Cat.JPG", r"out\Cat.PSD"),
    ],
)
def test_files(output: str, photo: str, expected: str) -> None:
    job = outputs._make_job(WindowsPath(photo), [outputs._complete(output, several=True)])
    assert (job.folders, job.files) == ((), (WindowsPath(expected),))


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("output", ["C:\\x\\", "C:/x/", "C:\\x", "name 1.2\\", "name 1.2/"])
def test_folders_get_one_for_each_photo(output: str) -> None:
    job = outputs._make_job(WindowsPath("cat.jpg"), [outputs._complete(output, several=True)])
    assert (job.folders, job.files) == ((WindowsPath(output, "cat"),), ())


@pytest.mark.parametrize("text", [r"C:\x\cat.jpg", "C:/x/cat.jpg", "c:cat.jpg", r"\\server\share\cat.jpg"])
def test_a_drive_is_no_url(text: str) -> None:
    assert not places.is_url(text)


def test_photos_whose_outputs_differ_in_case_are_in_each_others_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = []
    for folder, name in (("a", "Cat.png"), ("b", "cat.png")):
        (tmp_path / folder).mkdir()
        photos.append(tmp_path / folder / name)
        photos[-1].write_bytes(b"not looked at")
    jobs = [outputs._make_job(photo, [(str(tmp_path / "out" / "{name}.psd"), False)]) for photo in photos]
    monkeypatch.setattr("softseg._identity.os.path.normcase", ntpath.normcase)
    possible, (conflict,) = outputs._part_conflicts(jobs)
    assert possible == []
    assert "would both be written to" in conflict


@pytest.mark.parametrize(
    ("pattern", "folder", "expected"),
    [
        ("photos [1]/*.jpg", "photos [1]", "photos [[]1]/*.jpg"),
        ("photos [1]\\*.jpg", "photos [1]", "photos [[]1]\\*.jpg"),
        ("a/b [2]\\*.jpg", "a/b [2]", "a/b [[]2]\\*.jpg"),
    ],
)
def test_patterns_in_folders_with_brackets(
    monkeypatch: pytest.MonkeyPatch, pattern: str, folder: str, expected: str
) -> None:
    there = {ntpath.normpath(part) for part in (folder, ntpath.dirname(folder)) if part}
    path = SimpleNamespace(**{**vars(ntpath), "isdir": lambda name: ntpath.normpath(name) in there})
    monkeypatch.setattr(
        inputs, "os", SimpleNamespace(**{**vars(os), "sep": "\\", "altsep": "/", "path": path})
    )
    assert inputs._escape_folder(pattern) == expected


DEVICES = [
    "NUL",
    "nul.psd",
    r"C:\x\con.png",
    "AUX.tar.gz",
    "Com1.npz",
    "LPT³.html",
    "prn .psd",
    "out/nul/a.psd",
]
NAMES = [
    "null.psd",
    "console.png",
    "com10.npz",
    "c.nul",
    "auxiliary",
    r"C:\x\photo.psd",
    "lpt.html",
    "COM.psd",
]


@pytest.mark.parametrize("path", DEVICES)
def test_names_of_devices(path: str) -> None:
    device = find_device_name(path)
    assert device is not None
    assert device in path


@pytest.mark.parametrize("path", NAMES)
def test_names_that_only_look_like_devices(path: str) -> None:
    assert find_device_name(path) is None


def test_devices_are_what_python_says(recwarn: pytest.WarningsRecorder) -> None:
    for path in [*DEVICES, *NAMES]:
        reserved = any(PureWindowsPath(part).is_reserved() for part in PureWindowsPath(path).parts)
        assert (find_device_name(path) is not None) == reserved, path
    recwarn.clear()  # of the method, which newer Pythons call by another name


def test_a_device_is_refused_on_windows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    check_name("path", "nul.psd") if os.name != "nt" else None
    monkeypatch.setattr(_paths, "os", SimpleNamespace(**{**vars(os), "name": "nt"}))
    with pytest.raises(
        ValueError, match=r"\Apath: expected another name, got out/nul.psd: nul.psd is a device on Windows\Z"
    ):
        check_name("path", "out/nul.psd")


def test_a_path_that_is_too_long_is_called_so() -> None:
    class TooLong(FileNotFoundError):
        winerror: Any = 206

    path = "C:\\" + "\\".join(["folder"] * 40) + "\\photo.psd"
    error = TooLong(errno.ENOENT, "The filename or extension is too long")
    for verb in ("read", "write"):
        assert (
            explain(error, path, verb)
            == f"expected a shorter path, got one of {len(path)} characters: {path}"
        )
