"""What the command line says: results on standard output; what is wrong on standard error, a line each."""

from __future__ import annotations

import contextlib
import re
import sys
import warnings
from collections.abc import Callable, Iterator

from softseg._paths import show_path

# Exit codes, as is usual for commands: 2 is what click gives for bad usage, 130 what a shell gives for
# Control-C (128 and the signal's number).
DONE, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130


def complain(message: str) -> None:
    """Print a message as one line on standard error.

    Parameters
    ----------
    message : str
        Any text; its line breaks are printed as spaces.
    """
    if sys.stderr is None:  # closed, as by 2>&-; print would take standard output instead
        return
    with contextlib.suppress(OSError):  # the terminal may be closed: there is nobody to complain to
        print(f"softseg: {show_path(on_one_line(message))}", file=sys.stderr)


def on_one_line(message: str) -> str:
    r"""Return a message without its line breaks; spaces, which names of files may have two of, stay.

    Examples
    --------
    >>> from softseg.cli.messages import on_one_line
    >>> on_one_line("cannot read two  spaces.png:\n  no image\n")
    'cannot read two  spaces.png: no image'
    """
    return re.sub(r"\s+", lambda found: " " if found[0].strip(" ") else found[0], message.strip())


def say(text: str) -> None:
    r"""Print a text on standard output, even if it has names in it that the terminal cannot show.

    Parameters
    ----------
    text : str
        What is printed as it is, but for bytes of file names that are no text, for characters that the
        terminal has not, and for those that move its cursor: they are printed as numbers, such as ``\xff``.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if sys.stdout is None:  # closed, as by >&-: there is nobody to tell
        return
    encoding = sys.stdout.encoding or "utf-8"
    shown = "\n".join(map(show_path, text.split("\n")))
    with writing_to_standard_output():
        print(shown.encode(encoding, "backslashreplace").decode(encoding), flush=True)


@contextlib.contextmanager
def writing_to_standard_output() -> Iterator[None]:
    """Say of errors that standard output cannot be written; that nobody reads it any more stays as it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(f"cannot write standard output: {error.strerror or error}") from error


@contextlib.contextmanager
def one_line_warnings(about: str = "", tell: Callable[[str], None] = complain) -> Iterator[None]:
    """Print what the library warns of, a line each; warnings for developers, as of deprecations, stay unseen.

    Parameters
    ----------
    about : str
        What the warnings start with, such as a photo's name.
    tell : callable
        Is called with each line.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = lambda message, *_, **__: tell(f"warning: {about}{message}")
        yield
