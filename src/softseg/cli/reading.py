"""How photos are read: what the options stand for, and standard input in place of a file."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

# What stands for standard input.
STANDARD_INPUT = "-"
# What a photo from there is called in messages.
ITS_NAME = "standard input"


def parse_channels(text: str) -> tuple[int, ...]:
    """Return the numbers of ``--channels``."""
    words = text.split(",")
    if len(words) not in (1, 3) or not all(word.strip().isdecimal() for word in words):
        raise typer.BadParameter(f"expected one number or three, such as 0,2,4, got {text}")
    return tuple(int(word) for word in words)


def check_background(text: str | None) -> str | None:
    """Return what ``--background`` stands for, which `softseg.read_photo` takes; refuse what it does not."""
    from softseg.photos.transparency import parse_background

    if text is not None:
        try:
            parse_background(text)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="'--background'") from None
    return text


def check_memory(text: str | None) -> str | None:
    """Return what ``--max-memory`` stands for, which `softseg.segment` takes."""
    from softseg.memory import parse_memory

    if text is not None:
        try:
            parse_memory(text)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="'--max-memory'") from None
    return text


def check_profile(text: str) -> str:
    """Return what ``--profile`` stands for."""
    from softseg.photos import profiles

    try:
        profiles.check_profile(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--profile'") from None
    return text


@contextlib.contextmanager
def standard_input_as_file(photos: Sequence[str], outputs: Sequence[str]) -> Iterator[list[str]]:
    """Give the photos' names, with that of a file, which is gone afterward, for standard input.

    Parameters
    ----------
    photos : sequence of str
        Names, one of which may be ``"-"``.
    outputs : sequence of str
        Where to. A photo without a name cannot give one to its outputs.
    """
    if STANDARD_INPUT not in photos:
        yield list(photos)
        return
    if len(photos) > 1:
        raise typer.BadParameter("standard input (-) is one photo, and no others", param_hint="'PHOTO'")
    if not outputs or any("{" in output for output in outputs):
        raise typer.BadParameter(
            "standard input (-) has no name: say where to, as in --output layers", param_hint="'--output'"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ITS_NAME
        with file.open("wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target)
        yield [str(file)]
