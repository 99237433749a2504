"""What the user is told: one line each, in napari's notifications."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_error, show_warning


def one_line(error: Exception) -> str:
    """Return an error as one line; softseg's own are such lines already.

    Examples
    --------
    >>> from softseg_napari.messages import one_line
    >>> one_line(ValueError("image: too small")), one_line(KeyError("a"))
    ('image: too small', "KeyError: 'a'")
    """
    text = " ".join(str(error).split())
    if isinstance(error, ValueError | TypeError | OSError | ImportError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def tell_error(error: Exception) -> None:
    """Show an error."""
    show_error(one_line(error))


def tell_warning(message: Any) -> None:
    """Show a warning."""
    show_warning(" ".join(str(message).split()))
