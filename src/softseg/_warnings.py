"""Warnings that name the line of whoever called softseg, not one of its own."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

# Packages and modules that are not the caller: softseg, and through which it calls itself, those of Python's
# library and what compiles its kernels.
BETWEEN = ("softseg", "functools", "contextlib", "numba")


def warn(message: str) -> None:
    """Warn in the place of the code that called softseg, however deep in it the reason was found.

    Parameters
    ----------
    message : str
        One line.

    Warns
    -----
    UserWarning
        The message.

    Examples
    --------
    >>> import warnings
    >>> from softseg._warnings import warn
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("two layers alike")
    >>> str(caught[0].message)
    'two layers alike'
    """
    # From Python 3.12 on, `warnings.warn` has an argument for that, skip_file_prefixes.
    frame = _find_caller(sys._getframe(1))
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    module = frame.f_globals.get("__name__")
    warnings.warn_explicit(message, UserWarning, frame.f_code.co_filename, frame.f_lineno, module, registry)


def _find_caller(frame: FrameType) -> FrameType:
    """Return the first frame outside of softseg; the outermost one in a thread of its own."""
    while _is_between(frame.f_globals.get("__name__", "")) and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _is_between(module: str) -> bool:
    return module in BETWEEN or module.partition(".")[0] in BETWEEN
