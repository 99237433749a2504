"""The test case that every file format inherits and must pass."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from softseg.formats.registry import FORMATS
from softseg.layers import save
from softseg.result import SoftSegmentation

Make = Callable[[int, int, int], SoftSegmentation]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextlib.contextmanager
def full_disk(free: int) -> Iterator[None]:
    """Let every write fail that would make a file longer than so many bytes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def with_alphas(result: SoftSegmentation, alphas: np.ndarray) -> SoftSegmentation:
    """Return a result with other alphas, and the image that they and its colors add up to."""
    colors = result.colors[:, :, : alphas.shape[2]]
    return replace(result, alphas=alphas.astype(np.float32)).recolored(colors)


class FormatCase:
    """Inherit, name the class ``Test...``, set ``suffix`` and override :meth:`check`."""

    suffix: str

    def check(self, path: Path, result: SoftSegmentation) -> None:
        """Open the file and compare it with what the result holds."""
        raise NotImplementedError

    def test_is_registered(self) -> None:
        assert self.suffix in FORMATS

    @pytest.mark.parametrize(
        ("height", "width", "count"), [(7, 11, 3), (11, 6, 1), (9, 14, 10), (3, 3, 2), (4, 60, 5)]
    )
    def test_holds_the_result(
        self, tmp_path: Path, make_segmentation: Make, height: int, width: int, count: int
    ) -> None:
        result = make_segmentation(height, width, count)
        path = tmp_path / f"out{self.suffix}"
        save(path, result)
        self.check(path, result)
        assert names(tmp_path) == [path.name]

    def test_hard_layers(self, tmp_path: Path, make_segmentation: Make) -> None:
        # The third layer is empty.
        owner = np.repeat([0, 3, 1, 0], 15).reshape(6, 10)
        result = with_alphas(make_segmentation(6, 10, 4), np.eye(4)[owner])
        path = tmp_path / f"out{self.suffix}"
        save(path, result)
        self.check(path, result)

    @pytest.mark.parametrize("name", ["my photo", "a.b", "фото 写真 é", "-x", ".hidden"])
    def test_names_of_any_kind(self, tmp_path: Path, make_segmentation: Make, name: str) -> None:
        result = make_segmentation(5, 8, 2)
        for suffix in (self.suffix, self.suffix.upper()):
            path = tmp_path / (name + suffix)
            save(str(path), result)
            self.check(path, result)
        assert len(names(tmp_path)) == 2

    def test_missing_parents_are_made(self, tmp_path: Path, make_segmentation: Make) -> None:
        path = tmp_path / "a" / "b" / f"out{self.suffix}"
        save(path, make_segmentation(5, 8, 2))
        assert names(path.parent) == [path.name]

    def test_replaces_what_was_there(self, tmp_path: Path, make_segmentation: Make) -> None:
        path = tmp_path / f"out{self.suffix}"
        save(path, make_segmentation(30, 20, 4))
        result = make_segmentation(5, 8, 2)
        save(path, result)
        self.check(path, result)

    @pytest.mark.parametrize("free", [0, 100])
    def test_a_full_disk_leaves_what_was_there(
        self, tmp_path: Path, make_segmentation: Make, free: int
    ) -> None:
        (tmp_path / f"old{self.suffix}").write_text("before")
        result = make_segmentation(40, 50, 3)
        for name in ("old", "new"):
            with pytest.raises(OSError), full_disk(free):  # noqa: PT011  # each library words it differently
                save(tmp_path / f"{name}{self.suffix}", result)
        assert names(tmp_path) == [f"old{self.suffix}"]
        assert (tmp_path / f"old{self.suffix}").read_text() == "before"

    def test_the_usual_permissions(self, tmp_path: Path, make_segmentation: Make) -> None:
        path = tmp_path / f"out{self.suffix}"
        before = os.umask(0o022)
        try:
            save(path, make_segmentation(5, 8, 2))
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o644

    def test_unknown_options_are_refused(self, tmp_path: Path, make_segmentation: Make) -> None:
        with pytest.raises(TypeError, match=rf"\Aqualty: no option of \{self.suffix}, which has .+\Z"):
            save(tmp_path / f"out{self.suffix}", make_segmentation(5, 8, 2), qualty=3)
        assert names(tmp_path) == []
