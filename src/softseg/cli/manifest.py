"""What outputs were made from, and whether they are still as they were written.

For each output there is a small JSON file in the hidden folder ``.softseg`` beside it; for a folder of
layers, inside that folder. One file for each output, because several processes may write to one folder at
once, and because a file that is replaced whole is never half written.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from softseg._files import whole_files

# The folder of the records.
RECORDS = ".softseg"
# The record of the folder that it lies in. Those of files are called like the file, which has a suffix.
OF_THE_FOLDER = "folder.json"
# The contact sheet in a folder. It is written last.
SHEET = "contact_sheet.png"
# The archive in a folder.
ARCHIVE = "layers.npz"
# The layers' own files there, by kind and number; a layer that was given a name has it behind the number.
LAYER = re.compile(r"(layer|alpha)_([1-9][0-9]*)(?:_.*)?\.png")
# The mattes of a label map there, by label.
MATTE = re.compile(r"label_(0|[1-9][0-9]*)\.png")
# What softseg writes into a folder of layers, and replaces or removes there.
WRITTEN = re.compile(rf"{LAYER.pattern}|{MATTE.pattern}|{re.escape(SHEET)}|{re.escape(ARCHIVE)}")
# The longest file name, in bytes, of which a record's name is made as it is; above, of its hash. File systems
# take 143 to 255 bytes, and ".json" comes on top.
_LONGEST_NAME = 100


class State(enum.Enum):
    """What is where an output goes."""

    MISSING = "nothing, or an empty file"
    FINISHED = "what would be written now"
    OUTDATED = "what softseg wrote from something else, or did not finish"
    EDITED = "what softseg wrote from the same, and somebody changed since"
    CHANGED = "what softseg wrote from something else, and somebody changed since"
    UNKNOWN = "what softseg did not write"


# What is wrong with what is there already, where an output should go.
IN_THE_WAY = {
    State.CHANGED: "somebody changed it since softseg wrote it (--force replaces it)",
    State.UNKNOWN: "it is there, and nothing says that softseg wrote it (--force replaces it)",
}


@dataclass(frozen=True)
class Stamp:
    """A file's content: its size in bytes, when it was last changed in nanoseconds, and its SHA-256."""

    size: int
    changed: int
    sha256: str

    def fits(self, path: Path) -> bool:
        """Return whether a file has this content. It is read only if its time is another, as a copy's is."""
        found = path.stat()
        if found.st_size != self.size:
            return False
        return found.st_mtime_ns == self.changed or hash_file(path) == self.sha256


@dataclass(frozen=True)
class Record:
    """What an output was made from, and its files with their stamps; None while they are being written."""

    made_from: dict[str, Any]
    files: dict[str, Stamp] | None

    def fits(self, path: Path) -> bool:
        """Return whether a file is one of the output's, as it was written."""
        return self.files is None or (path.name in self.files and self.files[path.name].fits(path))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_state(output: Path, is_folder: bool, made_from: dict[str, Any]) -> State:
    """Return what is where an output goes.

    Parameters
    ----------
    output : Path
        The file or folder.
    is_folder : bool
        Which of the two.
    made_from : dict
        What it would be made from now, as JSON can hold it.

    Returns
    -------
    State

    Raises
    ------
    OSError
        If that cannot be seen, as for a name that is too long.
    """
    present = _find_files(output, is_folder)
    if not present:
        return State.MISSING
    record = read_record(find_record(output, is_folder))
    if record is None:
        return State.UNKNOWN
    same = record.made_from == json.loads(json.dumps(made_from))
    if not all(record.fits(file) for file in present):
        return State.EDITED if same else State.CHANGED
    complete = record.files is not None and len(present) == len(record.files)
    return State.FINISHED if same and complete else State.OUTDATED


def check_replaceable(output: Path, is_folder: bool, made_from: dict[str, Any]) -> None:
    """Raise a ValueError if there is something in an output's place that is not for softseg to replace.

    Parameters
    ----------
    output : Path
        The file or folder.
    is_folder : bool
        Which of the two.
    made_from : dict
        What it would be made from now, as JSON can hold it.
    """
    state = find_state(output, is_folder, made_from)
    why = IN_THE_WAY.get(State.CHANGED if state is State.EDITED else state)
    if why is not None:
        raise ValueError(f"{output}: {why}")


def is_output(path: Path) -> bool:
    """Return whether softseg wrote a file, which is still as it was written.

    Parameters
    ----------
    path : Path
        A file that is there.
    """
    own = read_record(find_record(path, is_folder=False))
    if own is not None and own.fits(path):
        return True
    if not WRITTEN.fullmatch(path.name):
        return False
    folder = read_record(find_record(path.parent, is_folder=True))
    return folder is not None and folder.fits(path)


@contextlib.contextmanager
def recorded(output: Path, is_folder: bool, made_from: dict[str, Any]) -> Iterator[None]:
    """Record what an output is made from, which the block writes.

    Until the block is done, the record says that the output is being written, so that what a killed process
    leaves is not taken for somebody's own work. If the block fails before it has changed anything, what was
    recorded before is again.

    Parameters
    ----------
    output : Path
        The file or folder.
    is_folder : bool
        Which of the two.
    made_from : dict
        What it is made from, as JSON can hold it.
    """
    path, files = find_record(output, is_folder), look(output, is_folder)
    before = path.read_bytes() if path.is_file() else None
    try:
        _write(path, Record(made_from, None))
        yield
    except BaseException:
        if look(output, is_folder) == files:
            _restore(path, before)
        raise
    _write(path, Record(made_from, {file.name: _stamp(file) for file in _find_files(output, is_folder)}))


def check_place(output: Path, is_folder: bool) -> None:
    """Raise a ValueError if a record of an output cannot be written, before any work."""
    record = find_record(output, is_folder)
    for path, wanted in ((record.parent, Path.is_dir), (record, Path.is_file)):
        if os.path.lexists(path) and not wanted(path):
            raise ValueError(
                f"{path} is in the way: softseg keeps there what outputs were made from; move it elsewhere"
            )


def find_record(output: Path, is_folder: bool) -> Path:
    """Return where the record of an output is, or would be."""
    if is_folder:
        return output / RECORDS / OF_THE_FOLDER
    name = output.name.encode(errors="surrogateescape")
    short = output.name if len(name) <= _LONGEST_NAME else hashlib.sha256(name).hexdigest()
    return output.parent / RECORDS / f"{short}.json"


def _find_files(output: Path, is_folder: bool) -> list[Path]:
    """Return an output's files that are there and not empty: an empty one is nobody's work."""
    if is_folder:
        if not output.is_dir():
            return []
        files = [file for file in output.iterdir() if WRITTEN.fullmatch(file.name)]
    else:
        files = [output]
    return [file for file in files if _measure(file) > 0]


def _measure(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def look(output: Path, is_folder: bool) -> dict[str, tuple[int, int, int]]:
    """Return what tells whether an output's files have been replaced."""
    found = {file.name: file.stat() for file in _find_files(output, is_folder)}
    return {name: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return Stamp(stat.st_size, stat.st_mtime_ns, hash_file(path))


def read_record(path: Path) -> Record | None:
    """Return a record; None if there is none, or it is damaged."""
    try:
        content = json.loads(path.read_bytes())
        files = content["files"]
        if files is not None:
            files = {name: Stamp(**stamp) for name, stamp in files.items()}
        return Record(content["made_from"], files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _write(path: Path, record: Record) -> None:
    try:
        with whole_files(path.parent) as scratch:
            (scratch / path.name).write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    except BaseException:
        with contextlib.suppress(OSError):
            path.parent.rmdir()  # unless there is something in it
        raise


def _restore(path: Path, content: bytes | None) -> None:
    # On a full disk the output is then taken for one that was not finished, and so written again.
    with contextlib.suppress(OSError):
        if content is None:
            path.unlink(missing_ok=True)
            path.parent.rmdir()
        else:
            with whole_files(path.parent) as scratch:
                (scratch / path.name).write_bytes(content)
