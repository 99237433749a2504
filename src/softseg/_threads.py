"""Dense algebra on all cores: independent pieces in threads of their own, each with single-threaded BLAS.

A BLAS that splits small products over cores spends its time at barriers, more so when something else runs on
the machine. Pieces of a fixed size, their results taken in order, also make sums the same on any number of
cores.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits


def cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _BlasLimit:
    """BLAS on one thread while anyone wants it: a limit of the whole process, so its users are counted."""

    def __init__(self) -> None:
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
    """Keep BLAS on one thread, so that its sums do not depend on how many there are. Also a decorator."""
    _BLAS_LIMIT.enter()
    try:
        yield
    finally:
        _BLAS_LIMIT.leave()


@contextlib.contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of one thread per core, with BLAS single-threaded for as long as it lasts."""
    with single_threaded_blas(), ThreadPoolExecutor(cores()) as pool:
        yield pool


def row_blocks(n: int, size: int) -> list[slice]:
    """Return the slices that cut ``n`` rows into blocks of ``size``."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
