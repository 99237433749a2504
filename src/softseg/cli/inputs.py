"""Which photos are taken: of names, folders and patterns; and what is passed over, and why."""

from __future__ import annotations

import contextlib
import functools
import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from softseg.cli.manifest import RECORDS, is_output
from softseg.cli.places import Url, as_place, is_url

# Formats that Pillow can name or open and that are no photos, by Pillow's names: layered documents (softseg
# writes them), icons and brushes, drawings that other programs must render, and containers that it does not
# decode.
NO_PHOTOS = {
    *("PSD", "ICO", "ICNS", "CUR", "GBR", "EPS", "WMF"),
    *("BUFR", "GRIB", "HDF5", "MPEG", "IPTC"),
}
# The suffixes of HEIF photos (ISO/IEC 23008-12, annex H), which Pillow opens with the package pillow-heif.
HEIF_SUFFIXES = {".heic", ".heics", ".heif", ".heifs", ".hif"}

# Why something in a folder is passed over.
WRITTEN_BY_US = "that softseg wrote (one named alone is taken)"
NO_PHOTO = "that Pillow does not open as photos"
FOLDER = "(name it to take its photos)"
HIDDEN = "hidden"
# The same, where it may well be a photo that somebody wants.
NEEDS_HEIF = 'that need pip install "softseg[heif]"'
BROKEN_LINK = "that are links to nothing"
NO_FILE = "that are neither files nor folders"
LIKELY_PHOTOS = (NEEDS_HEIF, BROKEN_LINK, NO_FILE)

Answer = TypeVar("Answer")

# How many names stand in a line of what was passed over. Chosen by the project.
_SHOWN = 3


@dataclass
class Found:
    """The photos, in the order in which they are taken, what cannot be, and what is passed over."""

    photos: list[Path | Url] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    skipped: dict[str, list[Path | Url]] = field(default_factory=dict)

    def skip(self, path: Path | Url, reason: str) -> None:
        """Note what is passed over."""
        self.skipped.setdefault(reason, []).append(path)


def find_photos(given: Sequence[str]) -> Found:
    """Return the photos that names, folders and patterns stand for; each photo once.

    Parameters
    ----------
    given : sequence of str
        Files, folders of photos, and patterns that the shell left as they are. A file is taken whatever it is
        called. Files that softseg wrote are passed over, unless one is named and nothing else.
    """
    found = Found()
    for text in given:
        if not text:  # which is the current folder to the system, as if an unset $PHOTOS were to mean that
            found.failures.append("expected a photo or a folder, got an empty name")
            continue
        if is_url(text):
            _take_url(found, Url(str(as_place(text))))
            continue
        text = str(as_place(text))
        if os.path.isfile(text):
            _take(found, Path(text), alone=len(given) == 1)
        elif os.path.isdir(text):
            _take_folder(found, Path(text))
        elif os.path.lexists(text):
            reason = "neither a file nor a folder" if os.path.exists(text) else "a link to nothing"
            found.failures.append(f"expected a photo, got {reason}: {text}")
        else:
            _take_pattern(found, text)
    # A photo may be named in several ways: relative to here, and from the root.
    first: dict[str, Path | Url] = {}
    for path in found.photos:
        first.setdefault(str(path.absolute()) if isinstance(path, Url) else os.path.abspath(path), path)
    found.photos = list(first.values())
    return found


def say_skipped(skipped: dict[str, list[Path | Url]]) -> Iterator[tuple[str, bool]]:
    """Yield a line for each reason why files were passed over, and whether they may be wanted photos.

    Examples
    --------
    >>> from pathlib import Path
    >>> from softseg.cli.inputs import NO_PHOTO, say_skipped
    >>> list(say_skipped({NO_PHOTO: [Path("album/notes.txt"), Path("album/more.txt")]}))
    [('skipped 2 files that Pillow does not open as photos: notes.txt, more.txt', False)]
    """
    for reason, paths in skipped.items():
        names = ", ".join(path.name for path in paths[:_SHOWN]) + ", ..." * (len(paths) > _SHOWN)
        kind = ("folder" if reason == FOLDER else "file") + "s" * (len(paths) > 1)
        yield f"skipped {len(paths)} {kind} {reason}: {names}", reason in LIKELY_PHOTOS


@functools.cache
def photo_suffixes() -> frozenset[str]:
    """Return the suffixes, in lower case, of the files of a folder that are taken for photos."""
    from PIL import Image

    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    formats = Image.registered_extensions()  # loads all that Pillow has
    opened = (set(Image.OPEN) | {"MPO"}) - NO_PHOTOS  # MPO is opened as JPEG
    return frozenset(suffix.lower() for suffix, name in formats.items() if name in opened)


def is_file(text: str) -> bool:
    """Return whether a text names one file, here or at a URL."""
    place = as_place(text)
    if isinstance(place, Url):
        return _ask(place.is_file, place)
    return os.path.isfile(place)


def _ask(question: Callable[[], Answer], url: Url) -> Answer:
    """Return an answer of the other side; a ValueError in one line says that there is none."""
    try:
        return question()
    except (ImportError, ValueError):
        raise
    except Exception as error:  # whatever the other side's package raises
        why = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"cannot look at {url}: {why}") from error


def _take_url(found: Found, url: Url) -> None:
    try:
        if _ask(url.is_file, url):
            found.photos.append(url)
        elif _ask(url.is_dir, url):
            _take_files_at(found, url, _ask(url.list, url))
        else:
            files = _ask(lambda: list(url.match()), url)
            found.photos += files
            if not files:
                found.failures.append(f"no such file: {url}")
    except ValueError as error:
        found.failures.append(str(error))


def _take_files_at(found: Found, folder: Url, files: list[Url]) -> None:
    """Take a folder's photos. What has a record beside it is an output, whatever is in it."""
    records = folder / RECORDS
    written = {record.stem for record in records.list()} if records.is_dir() else set()
    count = len(found.photos)
    for file in files:
        suffix = file.suffix.lower()
        if file.name.startswith("."):
            continue
        if file.name in written:
            found.skip(file, WRITTEN_BY_US)
        elif suffix in photo_suffixes():
            found.photos.append(file)
        else:
            found.skip(file, NEEDS_HEIF if suffix in HEIF_SUFFIXES else NO_PHOTO)
    if len(found.photos) == count:
        found.failures.append(f"no photos in the folder {folder}")


def _take(found: Found, path: Path, alone: bool) -> None:
    if not alone and is_output(path):
        found.skip(path, WRITTEN_BY_US)
    else:
        found.photos.append(path)


def _take_folder(found: Found, folder: Path) -> None:
    count = len(found.photos)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        found.failures.append(f"cannot look into {folder}: {error.strerror}")
        return
    for entry in entries:
        reason = _find_reason(entry)
        if reason is None:
            found.photos.append(entry)
        elif reason:
            found.skip(entry, reason)
    if len(found.photos) == count:
        found.failures.append(f"no photos in the folder {folder}")


def _find_reason(entry: Path) -> str | None:
    """Return why something in a folder is passed over; None if it is a photo, empty if that goes unsaid."""
    suffix = entry.suffix.lower()
    hidden = entry.name.startswith(".")
    likely = suffix in photo_suffixes() or suffix in HEIF_SUFFIXES
    if hidden:
        return HIDDEN if likely and not os.path.isdir(entry) else ""
    if os.path.isdir(entry):
        return FOLDER
    if not os.path.isfile(entry):
        reason = NO_FILE if os.path.exists(entry) else BROKEN_LINK
        return reason if likely else NO_PHOTO
    if is_output(entry):
        return WRITTEN_BY_US
    if suffix in photo_suffixes():
        return None
    return NEEDS_HEIF if suffix in HEIF_SUFFIXES else NO_PHOTO


def _take_pattern(found: Found, pattern: str) -> None:
    matches = [Path(match) for match in sorted(glob.glob(_escape_folder(pattern), recursive=True))]
    files = [match for match in matches if os.path.isfile(match)]
    for file in files:
        _take(found, file, alone=False)
    for match in matches:
        if os.path.isdir(match):
            found.skip(match, FOLDER)
        elif not os.path.isfile(match):
            found.skip(match, NO_FILE if os.path.exists(match) else BROKEN_LINK)
    if not files:
        found.failures.append(f"no such file: {pattern}")


def _escape_folder(pattern: str) -> str:
    """Return a pattern in which the folder that it begins with, if it is there, stands for itself."""
    start, rest = "", pattern
    # Windows takes both slashes.
    while found := re.match(r"[^/\\]*[/\\]" if os.altsep else r"[^/]*/", rest):
        if not os.path.isdir(start + found[0]):
            break
        start, rest = start + found[0], rest[found.end() :]
    return glob.escape(start) + rest
