"""Files that appear whole or not at all, even if the program is interrupted while it writes them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from softseg._paths import clear_error, clear_errors, is_raw

# What scratch folders are called: where the process runs (`_name_this_place`), its id, and something random.
# Earlier development versions had eight random characters alone.
_SCRATCH = re.compile(r"\.softseg-(?:(?P<place>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}|[a-z0-9_]{8})")

# The age, in seconds, from which a scratch folder is left over even if its process cannot be asked, or if
# another process has its id by now: a day. Saving takes minutes. Chosen by the project.
_ABANDONED = 24 * 60 * 60

# What asks a process to stop; where there are no such signals, they are not held back.
_STOP = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def whole_files(folder: Path, name: str = "path") -> Iterator[Path]:
    """Yield a scratch folder; the files written there appear in ``folder`` once the block has succeeded.

    The scratch folder lies inside ``folder``, because moving a file is a single step only within one file
    system. Those that killed processes left there are removed. Where a symbolic link is in a file's place,
    the file appears where the link leads, and the link stays.

    Parameters
    ----------
    folder : Path
        It is made if it does not exist, also where a link leads.
    name : str
        The name of the argument in errors.

    Yields
    ------
    Path
        The scratch folder, which is deleted in the end.

    Raises
    ------
    OSError
        In one line, if the folder or a file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from softseg._files import whole_files
    >>> with TemporaryDirectory() as folder:
    ...     with whole_files(Path(folder)) as scratch:
    ...         _ = (scratch / "note.txt").write_text("done")
    ...     (Path(folder) / "note.txt").read_text()
    'done'
    """
    make_folder(folder, name)
    _remove_leftovers(folder)
    # The name is known before the folder is there, so that an interruption right after leaves nothing.
    scratch = folder / f".softseg-{_name_this_place()}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        with clear_errors(name, folder, "write"):
            scratch.mkdir(mode=0o700)
        try:
            yield scratch
        except OSError as error:
            raise _clear_error_within(error, name, folder, scratch) from error
        _follow_links(scratch, folder, name)
        with undisturbed():
            for file in sorted(scratch.iterdir()):
                with clear_errors(name, folder / file.name, "write"):
                    os.replace(file, folder / file.name)
    finally:
        with undisturbed():
            # What cannot be removed, because a library still has it open, is removed another time.
            shutil.rmtree(scratch, ignore_errors=True)


def make_folder(folder: Path, name: str = "path") -> None:
    """Make a folder and those above it, also where links lead to what is not there yet.

    Parameters
    ----------
    folder : Path
        The folder; nothing happens if it is there.
    name : str
        The name of the argument in errors.

    Raises
    ------
    OSError
        In one line, if it cannot be made.
    """
    with clear_errors(name, folder, "write"):
        if not folder.is_dir():
            real_path(folder).mkdir(parents=True, exist_ok=True)


def real_path(path: Path) -> Path:
    """Return where a path leads, also if there is nothing; raise an OSError if links go in a circle."""
    with contextlib.suppress(FileNotFoundError):
        path.stat()
    return Path(os.path.realpath(path))


def _clear_error_within(error: OSError, name: str, folder: Path, scratch: Path) -> OSError:
    """Return an error in plain words, of the file that was to appear in place of the scratch one."""
    if not is_raw(error):
        return error
    if error.filename is None:  # a full disk
        return clear_error(error, name, folder, "write")
    file = Path(os.fsdecode(error.filename))
    return clear_error(error, name, folder / file.name, "write") if file.parent == scratch else error


def _follow_links(scratch: Path, folder: Path, name: str) -> None:
    """Write each file that has a link in its place where that leads, which may be on another disk."""
    for file in sorted(scratch.iterdir()):
        if (folder / file.name).is_symlink():
            with clear_errors(name, folder / file.name, "write"):
                target = real_path(folder / file.name)
            with whole_files(target.parent, name) as beside:
                shutil.move(file, beside / target.name)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold Ctrl-C, SIGTERM and SIGHUP back until the block is done, where Python handles them.

    For blocks that take milliseconds. Python handles signals in the main thread only; in others nothing
    needs to be held back.

    Examples
    --------
    >>> import signal
    >>> from softseg._files import undisturbed
    >>> try:
    ...     with undisturbed():
    ...         signal.raise_signal(signal.SIGINT)
    ...         print("done all the same")
    ... except KeyboardInterrupt:
    ...     print("then interrupted")
    done all the same
    then interrupted
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = {number: signal.getsignal(number) for number in _STOP}
    handlers = {number: handler for number, handler in usual.items() if callable(handler)}
    held: list[tuple[int, FrameType | None]] = []
    for number in handlers:
        signal.signal(number, lambda *caught: held.append(caught))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if held:
            handlers[signal.Signals(held[0][0])](*held[0])


def _remove_leftovers(folder: Path) -> None:
    """Remove the scratch folders of processes that are surely dead."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = _SCRATCH.fullmatch(entry.name)
            if name and entry.is_dir(follow_symlinks=False) and _is_abandoned(Path(entry.path), name):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_abandoned(scratch: Path, name: re.Match[str]) -> bool:
    # On Windows there is no harmless way to ask for a process: os.kill ends it.
    if os.name == "posix" and name["place"] == _name_this_place() and not _is_alive(int(name["process"])):
        return True
    try:
        changed = max(path.stat().st_mtime for path in (scratch, *scratch.iterdir()))
    except OSError:  # its process is at work there
        return False
    return time.time() - changed > _ABANDONED


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no process id at all
        return True
    return True


@functools.cache
def _name_this_place() -> str:
    """Return eight digits for this machine or container: a process id says nothing about those of another."""
    try:
        container = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        container = ""
    return hashlib.sha256(f"{platform.node()} {container}".encode(errors="replace")).hexdigest()[:8]
