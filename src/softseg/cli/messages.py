"""What the command line says: results on standard output; what is wrong on standard error, a line each."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator

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
    with contextlib.suppress(OSError):  # the terminal may be closed: there is nobody to complain to
        print(f"softseg: {' '.join(message.split())}", file=sys.stderr)


def say(text: str) -> None:
    r"""Print a text on standard output, even if it has names in it that the terminal cannot show.

    Parameters
    ----------
    text : str
        What is printed as it is, but for bytes of file names that are no text, and for characters that the
        terminal has not: they are printed as numbers, such as ``\xff``.
    """
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


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
