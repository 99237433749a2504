"""Reporting the progress of a segmentation, and measuring how long its stages take."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path

#: What ``progress`` arguments are: a function of a text, the number of steps that are done, and their total.
Progress = Callable[[str, int, int], object]

# The least number of seconds between two calls of a progress function within a stage. Chosen by the project.
SECONDS_BETWEEN_CALLS = 0.5

# When this module was imported, on the clock of `time.perf_counter`.
_IMPORTED = time.perf_counter()

# The function that `tick` calls, if a stage is being watched in this thread.
_WATCHER: ContextVar[Callable[[], object] | None] = ContextVar("watcher", default=None)


def tick() -> None:
    """Report that the current stage still runs. Loops that take seconds call this in each iteration.

    It calls the function that watches the stage, and an exception of that function stops the work. It does
    nothing if no function watches, or if it is called from another thread than the stage's.
    """
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher()


class Stages:
    """A clock for named stages, which also reports to a function which stage begins.

    Parameters
    ----------
    names : sequence of str
        The stages, in order.
    progress : callable, optional
        It is called as ``progress(stage, done, total)`` when a stage begins, where ``done`` of the ``total``
        stages are finished. It is called again at a `tick` that comes half a second or more after the last
        call, and once at the end with ``done == total``. An exception that it raises stops the work.

    Attributes
    ----------
    timings : dict of str to float
        The seconds that each finished stage took.

    Examples
    --------
    >>> from softseg.progress import Stages
    >>> stages = Stages(["features", "layers"], lambda *call: print(*call))
    >>> with stages.stage("features"):
    ...     pass
    features 0 2
    >>> list(stages.timings)
    ['features']
    """

    def __init__(self, names: Sequence[str], progress: Progress | None = None) -> None:
        self.timings: dict[str, float] = {}
        self._names = tuple(names)
        self._progress = progress
        self._told = 0.0

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the seconds that the block takes as those of stage ``name``."""
        self._report(name)
        begin = time.perf_counter()
        token = _WATCHER.set(lambda: self._report_again(name))
        try:
            yield
        finally:
            _WATCHER.reset(token)
        self.timings[name] = time.perf_counter() - begin
        if len(self.timings) == len(self._names):
            self._report(name)

    def _report(self, name: str) -> None:
        self._told = time.perf_counter()
        if self._progress is not None:
            self._progress(name, len(self.timings), len(self._names))

    def _report_again(self, name: str) -> None:
        if time.perf_counter() - self._told > SECONDS_BETWEEN_CALLS:
            self._report(name)


def process_began() -> float:
    """Return when this process began, on the clock of `time.perf_counter`: before Python and all imports.

    Linux says so, to a hundredth of a second. Elsewhere it is when this module was imported.

    Examples
    --------
    >>> import time
    >>> from softseg.progress import process_began
    >>> time.perf_counter() - process_began() > 0
    True
    """
    try:
        # See proc(5): what follows the command's name, which may hold spaces, begins with the third field;
        # the 22nd is when the process began, in clock ticks after the system did.
        fields = (
            Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[22 - 3]) / os.sysconf("SC_CLK_TCK")
    except (AttributeError, IndexError, OSError, ValueError):  # another system
        return _IMPORTED
    return min(time.perf_counter() - age, _IMPORTED)


@contextlib.contextmanager
def reporter(progress: bool | Progress | None) -> Iterator[Progress | None]:
    """Yield the function to report to: for True one that draws a bar on the terminal, for None or False None.

    Raises
    ------
    TypeError
        If ``progress`` is neither True, False or None nor callable.
    """
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
    """Yield a function that moves a bar on standard error, which shows only if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    from softseg._numba import is_compiling

    class Doing(TextColumn):
        """The stage, and that kernels are being compiled while that is so: it happens once per machine."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.description}, compiling once" if is_compiling() else task.description)

    console = Console(stderr=True)
    columns = (Doing(""), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    shown = console.is_terminal or console.is_jupyter
    with RichProgress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task("", total=None)

        def tell(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        yield tell
