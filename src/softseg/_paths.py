"""Paths in messages: on one line whatever they are called, and in plain words what is wrong with them."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

# Characters that end a line, or move about in it, for somebody who reads it (str.splitlines has most).
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# How many characters of a name that is too long are shown. Chosen by the project.
_SHOWN = 60

# What Windows says of a path that is too long (ERROR_FILENAME_EXCED_RANGE), for which Python has the number
# of a file that is not there. The limit is 260 characters, unless Windows was set to take more.
_TOO_LONG = 206

# What errors of the system mean, by their numbers; those of Windows alone are negative.
_MEANINGS = {
    0: "cannot {verb} {path}: {reason}",  # any other
    errno.ENOENT: "no such file: {path}",
    errno.ENOTDIR: "expected a folder, got a file: {file}; name another, or move it away",
    errno.EISDIR: "expected a file, got a folder: {path}",
    errno.EACCES: "no permission to {verb} {path}: change its permissions, or those of its folder",
    errno.ENAMETOOLONG: "expected a shorter name, got one of {size} bytes: {start}...",
    errno.ELOOP: "expected a file or a folder, got links that lead in a circle: {path}",
    errno.ENOSPC: "no space left on the disk to {verb} {path}: make room, or name another disk",
    errno.EROFS: "cannot write {path}, because the disk is read-only: name another",
    errno.EMFILE: "cannot {verb} {path}, because too many files are open: close some",
    -_TOO_LONG: "expected a shorter path, got one of {length} characters: {path}",
}
_MEANINGS[errno.EEXIST] = _MEANINGS[errno.ENOTDIR]
_MEANINGS[errno.EPERM] = _MEANINGS[errno.EACCES]
_MEANINGS[errno.EDQUOT] = _MEANINGS[errno.ENOSPC]
_MEANINGS[errno.ENFILE] = _MEANINGS[errno.EMFILE]
# Names that Windows keeps for devices, with any suffix (Microsoft, "Naming Files, Paths, and Namespaces").
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)
# The same, where something was to be written.
_NOT_WRITTEN = {
    errno.ENOENT: "cannot write {path}, because its folder is gone, or takes no files: name another"
}


def show_path(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    r"""Return a path as it is shown in messages: on one line.

    Examples
    --------
    >>> from softseg._paths import show_path
    >>> print(show_path("two\nlines.png"))
    two\nlines.png
    """
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], os.fsdecode(path))


def explain(error: OSError, path: str | os.PathLike[str], verb: str = "use") -> str:
    """Return in a line what keeps a path from being used, and what to do.

    Parameters
    ----------
    error : OSError
        What the system raised, with its number.
    path : str or path
        What it was raised for.
    verb : str
        What was wanted: to read, to write, or to use it.

    Examples
    --------
    >>> from softseg._paths import explain
    >>> explain(PermissionError(13, "Permission denied"), "photo.jpg", "read")
    'no permission to read photo.jpg: change its permissions, or those of its folder'
    """
    number = -1 if error.errno is None else error.errno
    if getattr(error, "winerror", None) == _TOO_LONG:
        number = -_TOO_LONG
    template = _NOT_WRITTEN.get(number) if verb == "write" else None
    template = template or _MEANINGS.get(number, _MEANINGS[0])
    longest = max(Path(path).parts or ("",), key=lambda part: len(os.fsencode(part)))
    return template.format(
        path=show_path(path),
        verb=verb,
        file=show_path(_find_file(path)),
        length=len(os.fspath(path)),
        size=len(os.fsencode(longest)),
        start=show_path(longest[:_SHOWN]),
        reason=error.strerror or type(error).__name__,
    )


def _find_file(path: str | os.PathLike[str]) -> Path:
    """Return what is no folder, though the path goes through it; the path itself if all are."""
    whole = Path(path)
    for part in (*reversed(whole.parents), whole):
        if os.path.lexists(part) and not os.path.isdir(part):
            return part
    return whole


def check_name(name: str, path: str | os.PathLike[str]) -> None:
    """Raise a ValueError that names the argument if no file can be called so on this system."""
    if "\0" in os.fspath(path):
        raise ValueError(f"{name}: expected a path without null characters, got {show_path(path)}")
    if os.name == "nt" and (device := find_device_name(path)) is not None:
        raise ValueError(
            f"{name}: expected another name, got {show_path(path)}: {device} is a device on Windows"
        )


def find_device_name(path: str | os.PathLike[str]) -> str | None:
    r"""Return the part of a path that Windows takes for a device; None if there is none.

    Examples
    --------
    >>> from softseg._paths import find_device_name
    >>> find_device_name(r"C:\photos\aux.png")
    'aux.png'
    """
    parts = PureWindowsPath(path).parts
    return next((part for part in parts if _DEVICE.fullmatch(part)), None)


def clear_error(error: OSError, name: str, path: str | os.PathLike[str], verb: str = "use") -> OSError:
    """Return an error of the same kind, whose message is one line of plain words that names an argument."""
    kind = type(OSError(error.errno, ""))  # FileNotFoundError and so on
    clear = kind(f"{name}: {explain(error, path, verb)}")
    clear.errno = error.errno
    return clear


@contextlib.contextmanager
def clear_errors(name: str, path: str | os.PathLike[str], verb: str = "use") -> Iterator[None]:
    """Raise what the system says of a path in plain words; other errors stay what they are.

    Parameters
    ----------
    name : str
        The name of the argument.
    path : str or path
        What the block uses.
    verb : str
        What the block does: to read, to write, or to use it.

    Raises
    ------
    OSError
        Of the kind that the system raised, with its ``errno``. The message has one line.
    ValueError
        In one line, if the path has a character that no system takes.

    Examples
    --------
    >>> from softseg._paths import clear_errors
    >>> with clear_errors("path", "no such folder/a.npz", "read"):
    ...     open("no such folder/a.npz")
    Traceback (most recent call last):
    FileNotFoundError: path: no such file: no such folder/a.npz
    """
    try:
        yield
    except ValueError:
        check_name(name, path)
        raise
    except OSError as error:
        if not is_raw(error):
            raise
        raise clear_error(error, name, path, verb) from error


def is_raw(error: BaseException) -> bool:
    """Return whether an error is the system's own, of which the message begins with a number."""
    return isinstance(error, OSError) and error.errno is not None and error.strerror is not None
