"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from softseg._files import whole_files


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
