"""Paths in messages are on one line, and what is wrong with them is said in plain words."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import softseg
from softseg._paths import clear_errors, explain, is_raw, show_path
from softseg.formats import check_output
from softseg.layers import LayerStack, save

LONG = "x" * 300
STACK = LayerStack(np.zeros((3, 3, 3)), np.ones((3, 3, 1), dtype=np.float32))


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\x0b", "\x1b", "\x85", "\u2028", "\0"])
def test_a_path_is_one_line(character: str) -> None:
    shown = show_path(f"a{character}b.png")
    assert len(shown.splitlines()) == 1
    assert shown.isprintable()


def test_other_names_are_shown_as_they_are() -> None:
    assert show_path(Path("Küche 3/…/日本.png")) == "Küche 3/…/日本.png"


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_number_of_the_system_is_a_sentence(number: int) -> None:
    for verb in ("read", "write", "use"):
        said = explain(OSError(number, os.strerror(number)), "a\nb.png", verb)
        assert "\n" not in said
        assert "Errno" not in said
        assert "{" not in said


def test_the_kind_and_number_stay() -> None:
    message = r"\Apath: no permission to read a\.png: "
    with pytest.raises(PermissionError, match=message) as caught, clear_errors("path", "a.png", "read"):
        raise PermissionError(errno.EACCES, "Permission denied", "a.png")
    assert caught.value.errno == errno.EACCES
    assert not is_raw(caught.value)


def test_other_errors_are_not_touched() -> None:
    error = OSError("encoder error")
    with pytest.raises(OSError, match="encoder error") as caught, clear_errors("path", "a.png"):
        raise error
    assert caught.value is error


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with things that are in the way."""
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("dir").mkdir()
    Path("dir.npz").mkdir()
    Path("loop").symlink_to("loop")
    Path("loop.psd").symlink_to("loop.psd")
    return tmp_path


READERS: list[Callable[[str], object]] = [
    softseg.read_photo,
    lambda path: softseg.segment(Path(path)),
    lambda path: softseg.SoftSegmentation.load(path + ".npz"),
    lambda path: softseg.matte(np.zeros((4, 4, 3)), path),
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "path",
    ["none", "two\nlines", "file/inside", "dir", LONG, f"{LONG}/inside", "loop", "loop/inside", "nu\0ll"],
)
@pytest.mark.usefixtures("folder", "unhooked")
def test_what_cannot_be_read_is_said_in_one_line(read: Callable[[str], object], path: str) -> None:
    with pytest.raises((OSError, ValueError)) as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1
    assert "Errno" not in str(caught.value)
    assert str(caught.value).split(":")[0] in ("source", "image", "path", "trimap")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("file/out.psd", "expected a folder, got a file: file; name another, or move it away"),
        ("file/sub/out.psd", "expected a folder, got a file: file; name another, or move it away"),
        ("file", "expected a folder, got a file: file; name another, or move it away"),
        (f"{LONG}.psd", "expected a shorter name, got one of 304 bytes: xxx"),
        (LONG, "expected a shorter name, got one of 300 bytes: xxx"),
        (f"{LONG}/out.psd", "expected a shorter name, got one of 300 bytes: xxx"),
        ("loop", "expected a file or a folder, got links that lead in a circle: loop"),
        ("loop/out.psd", "expected a file or a folder, got links that lead in a circle: loop"),
        ("loop.psd", "expected a file or a folder, got links that lead in a circle: loop.psd"),
        ("nu\0ll.psd", r"expected a path without null characters, got nu\x00ll.psd"),
        ("two\nlines.gif", "expected a folder or a name that ends in "),
    ],
)
@pytest.mark.usefixtures("folder", "unhooked")
def test_what_cannot_be_written_is_said_in_one_line(path: str, said: str) -> None:
    before = sorted(os.listdir())
    for write in (lambda: save(path, STACK), lambda: check_output(path, 3, 3)):
        with pytest.raises((OSError, ValueError)) as caught:
            write()
        assert str(caught.value).startswith(f"path: {said}")
        assert "\n" not in str(caught.value)
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no space left on the disk to write"),
        (errno.EDQUOT, "no space left on the disk to write"),
        (errno.EACCES, "no permission to write"),
        (errno.EROFS, "because the disk is read-only"),
    ],
)
@pytest.mark.parametrize("step", ["mkdir", "replace", "save"])
@pytest.mark.usefixtures("folder")
def test_what_the_disk_refuses(monkeypatch: pytest.MonkeyPatch, number: int, said: str, step: str) -> None:
    def refuse(path: object, *_: object, **__: object) -> None:
        # While bytes are written the system does not say of which file.
        raise OSError(number, os.strerror(number), *([] if step == "save" else [str(path)]))

    module = {"mkdir": Path, "replace": os, "save": Image.Image}[step]
    monkeypatch.setattr(module, step, refuse)
    with pytest.raises(OSError, match=r"\Apath: [^\n]+\Z") as caught:
        save("dir/out.png", STACK)
    monkeypatch.undo()
    assert said in str(caught.value)
    assert caught.value.errno == number


@pytest.mark.usefixtures("unhooked")
def test_files_of_text_are_named_as_such() -> None:
    message = r"\Asource: expected a file of bytes, got one of text: open it with mode 'rb'\Z"
    with pytest.raises(TypeError, match=message):
        softseg.read_photo(io.StringIO("photo.png"))
    with open(__file__, encoding="utf-8") as file, pytest.raises(TypeError, match=message):
        softseg.read_photo(file)


def test_files_that_cannot_be_read() -> None:
    message = r"\Asource: cannot read [^\n]+\Z"
    with open(os.devnull, "wb") as file, pytest.raises(ValueError, match=message):
        softseg.read_photo(file)
    with pytest.raises(ValueError, match=message):
        softseg.read_photo(file)  # closed
