"""The test case that every file format inherits and must pass."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from softseg.formats import FORMATS, save
from softseg.result import SoftSegmentation
from softseg.testing.results import random_result, with_alphas

# The seed of the random results; any would do.
SEED = 20180812
# The most characters of what a format says it is, because the command line's help lists all formats in one
# sentence. Chosen by the project: the longest of its own has 56.
LONGEST_MEANING = 72


class FormatCase:
    """Inherit, name the class ``Test...``, set ``suffix`` and override `check`.

    The format must be registered (`softseg.formats.register`) by a module that the tests import. `save` is
    called with results of 3 x 3 to 40 x 50 pixels and one to ten layers, some of them empty.

    Attributes
    ----------
    suffix : str
        What the format is registered under, such as ``".ora"``.

    Examples
    --------
    >>> import numpy as np
    >>> from PIL import Image
    >>> from softseg.testing import FormatCase
    >>> class TestLabelMap(FormatCase):
    ...     suffix = ".png"
    ...
    ...     def check(self, path, result):
    ...         with Image.open(path) as image:
    ...             np.testing.assert_array_equal(np.asarray(image), np.argmax(result.alphas, axis=2))
    >>> TestLabelMap().test_is_registered()                     # pytest calls all of them
    """

    suffix: str

    def check(self, path: Path, result: SoftSegmentation) -> None:
        """Open the file, by other means than the writer's, and compare it with what the result holds.

        Parameters
        ----------
        path : Path
            What was written.
        result : SoftSegmentation
            What it was written from.
        """
        raise NotImplementedError("override check: it opens the file and compares it with the result")

    def test_is_registered(self) -> None:
        suffix = getattr(self, "suffix", None)
        if not isinstance(suffix, str) or not suffix.startswith(".") or suffix != suffix.lower():
            pytest.fail(f"suffix: expected a dot and lower-case letters, such as '.ora', got {suffix!r}")
        if self.suffix not in FORMATS:
            pytest.fail(
                f"{self.suffix} is not registered: call softseg.formats.register({self.suffix!r}, "
                "Format(meaning, writer)) in a module that the tests import, or give your package an entry "
                f"point {self.suffix!r} of the group 'softseg.formats'"
            )

    def test_says_in_a_short_phrase_what_it_is(self) -> None:
        meaning = FORMATS[self.suffix].meaning
        assert 0 < len(meaning) <= LONGEST_MEANING
        assert meaning == meaning.strip()
        assert "\n" not in meaning
        assert not meaning.endswith("."), "a phrase, not a sentence: it stands in parentheses"

    def test_the_command_lines_help_lists_it(self) -> None:
        from softseg.cli.batch import known_formats

        assert f"{self.suffix} ({FORMATS[self.suffix].meaning})" in known_formats()

    @pytest.mark.parametrize(
        ("height", "width", "count"), [(7, 11, 3), (11, 6, 1), (9, 14, 10), (3, 3, 2), (4, 60, 5)]
    )
    def test_holds_the_result(self, tmp_path: Path, height: int, width: int, count: int) -> None:
        result = make(height, width, count)
        path = tmp_path / f"out{self.suffix}"
        save(path, result)
        self.check(path, result)
        assert names(tmp_path) == [path.name]

    def test_hard_layers(self, tmp_path: Path) -> None:
        # The third layer is empty.
        owner = np.repeat([0, 3, 1, 0], 15).reshape(6, 10)
        result = with_alphas(make(6, 10, 4), np.eye(4)[owner])
        path = tmp_path / f"out{self.suffix}"
        save(path, result)
        self.check(path, result)

    @pytest.mark.parametrize("name", ["my photo", "a.b", "фото 写真 é", "-x", ".hidden"])
    def test_names_of_any_kind(self, tmp_path: Path, name: str) -> None:
        result = make(5, 8, 2)
        for suffix in (self.suffix, self.suffix.upper()):
            path = tmp_path / (name + suffix)
            save(str(path), result)
            self.check(path, result)
        assert len(names(tmp_path)) == 2

    def test_missing_parents_are_made(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b" / f"out{self.suffix}"
        save(path, make(5, 8, 2))
        assert names(path.parent) == [path.name]

    def test_replaces_what_was_there(self, tmp_path: Path) -> None:
        path = tmp_path / f"out{self.suffix}"
        save(path, make(30, 20, 4))
        result = make(5, 8, 2)
        save(path, result)
        self.check(path, result)

    @pytest.mark.parametrize("free", [0, 100])
    def test_a_full_disk_leaves_what_was_there(self, tmp_path: Path, free: int) -> None:
        (tmp_path / f"old{self.suffix}").write_text("before")
        result = make(40, 50, 3)
        for name in ("old", "new"):
            with pytest.raises(OSError), full_disk(free):  # noqa: PT011  # each library words it differently
                save(tmp_path / f"{name}{self.suffix}", result)
        assert names(tmp_path) == [f"old{self.suffix}"]
        assert (tmp_path / f"old{self.suffix}").read_text() == "before"

    def test_the_usual_permissions(self, tmp_path: Path) -> None:
        path = tmp_path / f"out{self.suffix}"
        before = os.umask(0o022)
        try:
            save(path, make(5, 8, 2))
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o644

    def test_unknown_options_are_refused(self, tmp_path: Path) -> None:
        message = rf"\Aqualty: no option of {re.escape(self.suffix)}, which has .+\Z"
        with pytest.raises(TypeError, match=message):
            save(tmp_path / f"out{self.suffix}", make(5, 8, 2), qualty=3)
        assert names(tmp_path) == []


def make(height: int, width: int, count: int) -> SoftSegmentation:
    """Return a random result, the same each time."""
    return random_result(np.random.default_rng(SEED), height, width, count)


def names(folder: Path) -> list[str]:
    """Return the names of all that lies in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


@contextlib.contextmanager
def full_disk(free: int) -> Iterator[None]:
    """Let every write fail that would make a file longer than ``free`` bytes.

    A test that asks for it is skipped where the operating system has no such limit (Windows).

    Examples
    --------
    >>> import tempfile
    >>> from softseg.testing import full_disk
    >>> with tempfile.TemporaryFile() as file, full_disk(free=100):
    ...     file.write(bytes(1000))
    ...     file.flush()
    Traceback (most recent call last):
    OSError: [Errno 27] File too large
    """
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
