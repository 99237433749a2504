"""Where a segmentation is and how long its stages took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar

Progress = Callable[[str, int, int], object]

AGAIN = 0.5  # seconds between calls within a stage, at least

_WATCHER: ContextVar[Callable[[], object] | None] = ContextVar("watcher", default=None)


def tick() -> None:
    """Say that the current stage goes on: the loops that take seconds call this once a turn.

    Whoever watches the stage is told, and what they raise stops the work there. In a thread of its own, or
    where nobody watches, it does nothing.
    """
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher()


class Stages:
    """Times named stages in order and tells a callable which one begins.

    Parameters
    ----------
    names : sequence of str
        The stages to come.
    progress : callable, optional
        Called as ``progress(stage, done, total)`` when a stage begins, with how many of all stages are done,
        again at a stage's `tick` if it is half a second later, and once more at the end with
        ``done == total``. What it raises stops the work.
    """

    def __init__(self, names: Sequence[str], progress: Progress | None = None) -> None:
        self.timings: dict[str, float] = {}
        self._names = tuple(names)
        self._progress = progress
        self._told = 0.0

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block as stage ``name``."""
        self._tell(name)
        begin = time.perf_counter()
        token = _WATCHER.set(lambda: self._tell_again(name))
        try:
            yield
        finally:
            _WATCHER.reset(token)
        self.timings[name] = time.perf_counter() - begin
        if len(self.timings) == len(self._names):
            self._tell(name)

    def _tell(self, name: str) -> None:
        self._told = time.perf_counter()
        if self._progress is not None:
            self._progress(name, len(self.timings), len(self._names))

    def _tell_again(self, name: str) -> None:
        if time.perf_counter() - self._told > AGAIN:
            self._tell(name)


@contextlib.contextmanager
def reporter(progress: bool | Progress | None) -> Iterator[Progress | None]:
    """Yield the callable that ``progress`` stands for: True is a bar on the terminal, None nothing."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        with _bar() as tell:
            yield tell
    elif callable(progress):
        yield progress
    else:
        raise TypeError(f"progress: expected True, None or a callable, got {type(progress).__name__}")


@contextlib.contextmanager
def _bar() -> Iterator[Progress]:
    """Yield what moves a bar on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    shown = console.is_terminal or console.is_jupyter
    with RichProgress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task("", total=None)

        def tell(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        yield tell
