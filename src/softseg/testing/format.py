"""The test case that every file format inherits and must pass."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

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
# The arrays of a result, none of which a writer may change.
ARRAYS = (
    *("image", "alphas", "colors", "initial_alphas", "features", "superpixels"),
    *("scene.image", "eigenpairs.values", "eigenpairs.vectors", "eigenpairs.residuals"),
)
# The functions that write to a file or move it to its place, beside the methods of Python's files.
STEPS = (os.write, os.replace, os.rename, os.link)


class FormatCase:
    """Inherit, name the class ``Test...``, set ``suffix`` and override `check`.

    The format must be registered (`softseg.formats.register`) by a module that the tests import. `save` is
    called with results of 3 x 3 to 40 x 50 pixels and one to ten layers, some of them empty. Options of the
    writer must matter: those that are on or off by default are switched, and others are tested if `others`
    has a value of them.

    Attributes
    ----------
    suffix : str
        What the format is registered under, such as ``".ora"``.
    others : dict of str to object
        A value of an option other than its default, by name; one that changes the file.

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
    others: ClassVar[dict[str, object]] = {}

    def check(self, path: Path, result: SoftSegmentation) -> None:
        """Open the file, by other means than the writer's, and compare it with what the result holds.

        Parameters
        ----------
        path : Path
            The file, or the folder, that was written.
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
            # In a folder of its own, because a file system may not tell capitals from small letters. It may
            # also spell letters with accents in another way.
            path = tmp_path / f"{suffix == self.suffix}" / (name + suffix)
            save(str(path), result)
            self.check(path, result)
            (found,) = names(path.parent)
            assert unicodedata.normalize("NFC", found) == unicodedata.normalize("NFC", path.name)

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

    # Libraries may leave a file open when Ctrl-C comes; Python closes it.
    @pytest.mark.filterwarnings("ignore::ResourceWarning")
    @pytest.mark.parametrize("moment", [0.0, 0.5, 1.0], ids=["first write", "halfway", "last step"])
    @pytest.mark.parametrize(
        ("raised", "expected"), [(RuntimeError, Exception), (KeyboardInterrupt, KeyboardInterrupt)]
    )
    def test_an_interruption_leaves_what_was_there(
        self, tmp_path: Path, raised: type[BaseException], expected: type[BaseException], moment: float
    ) -> None:
        if os.name == "nt" and raised is KeyboardInterrupt:
            pytest.skip("Windows does not remove what a library still has open when Ctrl-C comes")
        result = make(40, 50, 3)
        steps = count_steps(tmp_path / "trial" / f"out{self.suffix}", result)
        if steps == 0:
            pytest.skip("it writes by other means than Python's files, so that nothing can interrupt it")
        folder = tmp_path / "out"
        folder.mkdir()
        (folder / f"old{self.suffix}").write_text("before")
        for name in ("old", "new"):
            with pytest.raises(expected), interrupted(round(moment * (steps - 1)), raised):
                save(folder / f"{name}{self.suffix}", result)
            assert names(folder) == [f"old{self.suffix}"], f"{raised.__name__} leaves files behind"
            assert (folder / f"old{self.suffix}").read_text() == "before"

    def test_leaves_the_result_alone(self, tmp_path: Path) -> None:
        result = make(6, 10, 4)
        before = {name: attrgetter(name)(result).copy() for name in ARRAYS}
        order, timings = result.order, dict(result.timings)
        for options in ({}, *({name: other} for name, other in self._other_options().items())):
            save(tmp_path / f"out{self.suffix}", result, **options)
            for name, array in before.items():
                assert np.array_equal(attrgetter(name)(result), array), f"save changed result.{name}"
            assert (result.order, result.timings) == (order, timings)

    def test_every_option_matters(self, tmp_path: Path) -> None:
        others, result = self._other_options(), make(12, 17, 4)
        for name, other in others.items():
            # A file may hold the time, which may have gone on since the first or until the last.
            usual, changed, again = (
                write(tmp_path / f"{name} {number}" / f"out{self.suffix}", result, options)
                for number, options in enumerate([{}, {name: other}, {}])
            )
            assert changed not in (usual, again), f"{name}={other!r} gives the same file as without it"
        unknown = sorted(set(options_of(self.suffix)) - set(others))
        if unknown:
            pytest.skip(f"others has no other value of {', '.join(unknown)}: not tested")

    def _other_options(self) -> dict[str, Any]:
        """Return a value other than the default of each option of which one is known."""
        switches = {name: not value for name, value in options_of(self.suffix).items() if type(value) is bool}
        return {**switches, **self.others}

    def test_the_usual_permissions(self, tmp_path: Path) -> None:
        path, usual = tmp_path / f"out{self.suffix}", tmp_path / "usual"
        before = os.umask(0o022)
        try:
            usual.touch()  # 0o644, where there are such permissions
            save(path, make(5, 8, 2))
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)

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


def write(path: Path, result: SoftSegmentation, options: dict[str, Any]) -> bytes:
    """Save a result, and return the file's content."""
    save(path, result, **options)
    return path.read_bytes()


def options_of(suffix: str) -> dict[str, Any]:
    """Return the options that a format's writer names, with their defaults.

    Examples
    --------
    >>> from softseg.testing.format import options_of
    >>> options_of(".psd")
    {'blend': 'add', 'profile': 'srgb', 'names': None, 'base': None}
    """
    _, _, *options = inspect.signature(FORMATS[suffix].load_writer()).parameters.values()
    return {
        option.name: option.default
        for option in options
        if option.kind not in (option.VAR_POSITIONAL, option.VAR_KEYWORD)
    }


def count_steps(path: Path, result: SoftSegmentation) -> int:
    """Return in how many steps a file is written that `interrupted` sees."""
    save(path, result)  # which imports what it needs: that may write files as well
    with interrupted(None) as seen:
        save(path, result)
    return len(seen)


@contextlib.contextmanager
def interrupted(step: int | None, raised: type[BaseException] = RuntimeError) -> Iterator[list[str]]:
    """Raise an exception where a file is written or moved for the ``step``-th time, counted from 0.

    Parameters
    ----------
    step : int or None
        None means never.
    raised : type
        Of the exception.

    Yields
    ------
    list of str
        The names of the functions called so far, to be filled.

    Notes
    -----
    Steps are calls, from Python code, of the methods ``write`` and ``writelines`` of Python's files, of
    `os.write`, and of what moves a file. Libraries that write by themselves are not seen.

    Examples
    --------
    >>> import tempfile
    >>> from softseg.testing.format import interrupted
    >>> with tempfile.TemporaryFile() as file, interrupted(1):
    ...     file.write(b"one")
    ...     file.write(b"two")
    Traceback (most recent call last):
    RuntimeError: interrupted
    """
    seen: list[str] = []

    def watch(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and is_step(called):
            seen.append(called.__name__)
            if step is not None and len(seen) == step + 1:
                raise raised("interrupted")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield seen
    finally:
        sys.setprofile(before)


def is_step(called: Any) -> bool:
    """Return whether a built-in function or method writes to a file or moves one."""
    if called in STEPS:
        return True
    file = getattr(called, "__self__", None)
    if called.__name__ not in ("write", "writelines") or not isinstance(file, io.IOBase):
        return False
    name = getattr(file, "name", "<memory>")
    return not str(name).startswith("<")  # such as <stdout>


@contextlib.contextmanager
def full_disk(free: int) -> Iterator[None]:
    """Let every write fail that would make a file longer than ``free`` bytes.

    A test that asks for it is skipped where the operating system has no such limit (Windows).

    Parameters
    ----------
    free : int
        The length, in bytes, up to which files can be written.

    Yields
    ------
    None
        Within the block, longer writes raise an OSError.

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
