"""Dense algebra on all cores: independent pieces in threads of their own, each with single-threaded BLAS.

A BLAS that splits small products over cores spends its time at barriers, more so when something else runs on
the machine. Pieces of a fixed size, their results taken in order, also make sums the same on any number of
cores.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits


def cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of one thread per core, with BLAS single-threaded for as long as it lasts."""
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores()) as pool:
        yield pool


def row_blocks(n: int, size: int) -> list[slice]:
    """Return the slices that cut ``n`` rows into blocks of ``size``."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
