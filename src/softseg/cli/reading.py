"""How photos are read: what the options stand for."""

from __future__ import annotations

import typer


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


def check_white(level: float | None) -> float | None:
    """Return what ``--white`` stands for, which `softseg.read_photo` takes."""
    from softseg._checks import check_positive

    if level is not None:
        try:
            check_positive("white", level)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="'--white'") from None
    return level


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
