"""Work on all cores: independent pieces in threads of their own, each with single-threaded BLAS.

A BLAS that splits small products over the cores spends its time on waiting for all of them, the more so when
other programs run. Pieces of a fixed size, whose results are taken in order, also make sums the same
on any number of cores.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits

# How many cores this process is to use at most, if somebody has said so.
_most_cores: int | None = None


def limit_cores(most: int | None) -> None:
    """Use so many cores at most in this process, as where each of several processes has one; None: all."""
    global _most_cores
    _most_cores = most


def cores() -> int:
    """Return the number of cores that this process may run on, and is to use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return count if _most_cores is None else min(count, _most_cores)


class _BlasLimit:
    """Keeps BLAS on one thread while anyone wants that.

    The limit holds for the whole process, and so those who want it are counted: the last one to leave lifts
    it.
    """

    def __init__(self) -> None:
        self.forget_all()

    def forget_all(self) -> None:
        """Begin with nobody who wants the limit."""
        self._lock = threading.Lock()
        self._users = 0
        self._limit: threadpool_limits | None = None

    def enter(self) -> None:
        with self._lock:
            if self._users == 0:
                self._limit = threadpool_limits(1, user_api="blas")
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._limit is not None:
                self._limit.restore_original_limits()


_BLAS_LIMIT = _BlasLimit()


@contextlib.contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep BLAS on one thread, so that its sums do not depend on the number of threads.

    Works as a decorator as well.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg._threads import single_threaded_blas
    >>> with single_threaded_blas():
    ...     np.ones((2, 3)) @ np.ones(3)
    array([3., 3.])
    """
    _BLAS_LIMIT.enter()
    try:
        yield
    finally:
        _BLAS_LIMIT.leave()


@contextlib.contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of one thread per core, and keep BLAS on one thread for as long as the pool lasts.

    Examples
    --------
    >>> from softseg._threads import workers
    >>> with workers() as pool:
    ...     list(pool.map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    with single_threaded_blas(), ThreadPoolExecutor(cores()) as pool:
        yield pool


# The number of spans of work that each core gets on average. More of them even out what the cores do besides;
# fewer of them cost less. Chosen by the project.
SPANS_PER_CORE = 4


def on_all_cores(work: Callable[[int, int], object], count: int) -> None:
    """Call ``work(start, stop)`` for spans that cover ``0 .. count - 1``, on all cores, and wait for the end.

    The calling thread works too. The others are kept for the next call, because starting threads takes longer
    than many kernels do.

    Parameters
    ----------
    work : callable
        Does the parts ``start .. stop - 1`` of the work. It should hold no lock of the interpreter.
    count : int
        The number of parts.

    Examples
    --------
    >>> from softseg._threads import on_all_cores
    >>> done = []
    >>> on_all_cores(lambda start, stop: done.extend(range(start, stop)), 7)
    >>> sorted(done)
    [0, 1, 2, 3, 4, 5, 6]
    """
    spans = row_blocks(count, max(-(-count // (SPANS_PER_CORE * cores())), 1))
    following = iter(spans)

    def go_on() -> None:
        for span in following:  # threads may share an iterator of a list
            work(span.start, span.stop)

    helpers = [_helpers(cores() - 1).submit(go_on) for _ in range(min(cores(), len(spans)) - 1)]
    try:
        go_on()
    finally:
        for helper in helpers:
            if not helper.cancel():
                helper.result()


@functools.cache
def _helpers(count: int) -> ThreadPoolExecutor:
    """Return the threads that help the calling one."""
    return ThreadPoolExecutor(count, thread_name_prefix="softseg")


if hasattr(os, "register_at_fork"):
    # A forked process has none of its parent's threads, and makes its own.
    os.register_at_fork(after_in_child=_helpers.cache_clear)
    # Nor does anyone in it wait for BLAS to be on one thread, or hold the lock.
    os.register_at_fork(after_in_child=_BLAS_LIMIT.forget_all)


def row_blocks(n: int, size: int) -> list[slice]:
    """Return the slices that cut ``n`` rows into blocks of ``size``; the last block may be smaller.

    Examples
    --------
    >>> from softseg._threads import row_blocks
    >>> row_blocks(5, size=2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
