"""Which paths are one file: links and spellings, and what file systems make of capitals and accents."""

from __future__ import annotations

import functools
import os
import unicodedata
from pathlib import Path


def identify(path: Path) -> str:
    """Return one text for all spellings of a path; the file need not be there.

    Windows and macOS usually take ``Cat.psd`` and ``cat.psd`` for one file, and so do memory cards and shared
    folders on any system. What cannot be looked at is told apart by its name.

    Examples
    --------
    >>> from pathlib import Path
    >>> from softseg._identity import identify
    >>> identify(Path("docs/../cat.psd")) == identify(Path("cat.psd"))
    True
    """
    try:
        real = path.resolve()
    except (OSError, RuntimeError):
        real = path.absolute()
    text = os.path.normcase(real)
    folder = next(filter(os.path.isdir, map(str, real.parents)), None)
    return _fold(text) if folder is not None and ignores_case(folder) else text


def _fold(text: str) -> str:
    """Return what texts have in common that differ in capitals, or in how accents are written, alone."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


@functools.lru_cache(maxsize=256)
def ignores_case(folder: str) -> bool:
    """Return whether names in a folder that differ in capitals alone are one file.

    It is asked about something that is in there; of an empty folder, about the folder itself.
    """
    try:
        with os.scandir(folder) as entries:
            inside = next((entry.path for entry in entries if _swap(entry.path) != entry.path), None)
    except OSError:
        return False
    path = inside or os.path.abspath(folder)
    try:
        return _swap(path) != path and os.path.samestat(os.lstat(path), os.lstat(_swap(path)))
    except OSError:  # mostly that there is no such file
        return False


def _swap(path: str) -> str:
    """Return a path whose last name has small letters for capitals, and the other way round."""
    head, name = os.path.split(path)
    return os.path.join(head, name.swapcase())
