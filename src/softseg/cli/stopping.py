"""What asks the command line to stop: Control-C, SIGTERM, a closed terminal. It then ends in good order."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import typer

from softseg.cli.messages import INTERRUPTED

# Signals that end a process at once unless it handles them. SIGHUP says that the terminal was closed.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
# Signals that follow within so many seconds are taken for the same wish: what is to be cleared up is, even
# if somebody hits Control-C twice. Later ones count, in case a library has swallowed the first.
_PATIENCE = 1.0


class Interrupted(typer.Abort):
    """Somebody asked to stop.

    Parameters
    ----------
    tally : str
        What was finished until then; empty if there is nothing to say.
    """

    def __init__(self, tally: str = "") -> None:
        super().__init__()
        self.tally = tally


@dataclass
class Stop:
    """Which signal came, if any; its number."""

    signal: int | None = None

    @property
    def code(self) -> int:
        """The exit code, as a shell gives it: 128 and the signal's number."""
        return INTERRUPTED if self.signal is None else 128 + self.signal

    @property
    def word(self) -> str:
        """What is said of it."""
        return "interrupted" if self.code == INTERRUPTED else "terminated"


@contextlib.contextmanager
def orderly_stop(ends: bool = False) -> Iterator[Stop]:
    """Let SIGTERM and a closed terminal raise KeyboardInterrupt in the block, as Control-C does.

    Signals that are ignored, as under ``nohup``, or that the caller handles, stay so. The handlers are put
    back in the end.

    Parameters
    ----------
    ends : bool
        Whether the process ends after the block. If a signal came, others are then ignored to the end,
        because Python itself clears up for a moment.

    Yields
    ------
    Stop
        Which signal came.
    """
    stop, last = Stop(), -_PATIENCE

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if stop.signal is not None and now - last < _PATIENCE:
            return
        stop.signal, last = stop.signal or number, now
        raise KeyboardInterrupt

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        usual = (signal.SIG_DFL, signal.default_int_handler)
        before = {number: found for number in _SIGNALS if (found := signal.getsignal(number)) in usual}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if ends and stop.signal else handler)
