"""What the command line says when something is wrong: a line each, on standard error."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator

DONE, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130


def complain(message: str) -> None:
    """Print a message as one line on standard error."""
    print(f"softseg: {' '.join(message.split())}", file=sys.stderr)


@contextlib.contextmanager
def one_line_warnings(about: str = "") -> Iterator[None]:
    """Print what the library warns of, a line each; what is for developers (deprecations) stays unseen.

    Parameters
    ----------
    about : str
        What the warnings start with, such as a photo's name.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = lambda message, *_, **__: complain(f"warning: {about}{message}")
        yield
