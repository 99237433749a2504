"""Which paths are one file, also on systems that take capitals and small letters for the same."""

from __future__ import annotations

import ntpath
import os
import unicodedata
from pathlib import Path

import pytest

from softseg import _identity
from softseg._identity import identify, ignores_case


@pytest.fixture
def one_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder in which capitals and small letters are the same, as on most Macs; it has a file."""
    (tmp_path / "Cat.jpg").touch()
    look = os.lstat

    def looked(path: str) -> os.stat_result:
        folder, name = os.path.split(path)
        alike = [one for one in os.listdir(folder) if one.casefold() == name.casefold()]
        return look(os.path.join(folder, alike[0]) if alike else path)

    monkeypatch.setattr(_identity.os, "lstat", looked)
    ignores_case.cache_clear()
    yield tmp_path
    ignores_case.cache_clear()


def test_capitals_are_the_same_where_the_disk_says_so(one_case: Path) -> None:
    assert ignores_case(str(one_case))
    assert identify(one_case / "OUT.psd") == identify(one_case / "out.psd")
    assert identify(one_case / "new" / "Out.psd") == identify(one_case / "NEW" / "out.psd")
    assert identify(one_case / "out.psd") != identify(one_case / "out2.psd")


def test_so_are_the_ways_of_writing_accents(one_case: Path) -> None:
    spelled = {unicodedata.normalize(form, "Café.psd") for form in ("NFC", "NFD")}
    assert len(spelled) == 2
    assert len({identify(one_case / name) for name in spelled}) == 1


def test_an_empty_folder_is_judged_by_its_own_name(one_case: Path) -> None:
    (one_case / "empty").mkdir()
    assert ignores_case(str(one_case / "empty"))


def test_capitals_differ_where_two_such_files_can_be(tmp_path: Path) -> None:
    (tmp_path / "Cat.jpg").touch()
    (tmp_path / "cAT.JPG").touch()
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this disk takes capitals and small letters for the same")
    assert not ignores_case(str(tmp_path))
    assert identify(tmp_path / "OUT.psd") != identify(tmp_path / "out.psd")


@pytest.mark.parametrize("name", ["none", "empty", "12.34"])
def test_folders_that_say_nothing(tmp_path: Path, name: str) -> None:
    if name != "none":
        (tmp_path / name).mkdir()
    if name == "empty" and (tmp_path / "EMPTY").exists():
        pytest.skip("this disk takes capitals and small letters for the same")
    assert not ignores_case(str(tmp_path / name))


def test_windows_names_are_the_same_in_any_case(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_identity.os.path, "normcase", ntpath.normcase)
    assert identify(tmp_path / "A.psd") == identify(tmp_path / "a.PSD")


def test_links_and_spellings(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    try:
        (tmp_path / "link").symlink_to("folder")
    except OSError:
        pytest.skip("this user may make no links")
    for other in ("link", "folder/../link", "folder/."):
        assert identify(tmp_path / other / "a.psd") == identify(tmp_path / "folder" / "a.psd")


def test_what_cannot_be_looked_at_is_told_apart_by_its_name(tmp_path: Path) -> None:
    long = "a" * 300
    assert identify(tmp_path / long) != identify(tmp_path / (long + "b"))
