"""How softseg compiles its kernels: lazily, cached on disk, serial, and run on all cores by its own threads.

numba can run a loop in parallel by itself, but compiling such a loop takes two to four times as long, and its
threads do not survive a fork. So a kernel here is serial and does a part of the work, and Python threads run
it on all the parts at once. A kernel holds no lock of the interpreter while it runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
from numba.core import event

from softseg._kernel_cache import KernelCache, warn_of_no_cache
from softseg._threads import on_all_cores


class _Compilations(event.Listener):
    """Counts the compilations that are going on. Loading a kernel from the cache is none."""

    def __init__(self) -> None:
        self.running = 0

    def on_start(self, event: Any) -> None:
        self.running += 1

    def on_end(self, event: Any) -> None:
        self.running -= 1


_COMPILATIONS = _Compilations()
event.register("numba:compile", _COMPILATIONS)


def is_compiling() -> bool:
    """Say whether a kernel is being compiled right now, for whoever shows progress."""
    return _COMPILATIONS.running > 0


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a serial kernel on its first call, and cache the machine code for the next process.

    Parameters
    ----------
    function : callable
        Written in the part of Python that numba compiles, and without annotations.
    """
    return _compile(function)


def helper(function: Callable[..., Any]) -> Any:
    """Compile a part of kernels that only they call: what Python cannot call takes less time to compile."""
    return _compile(function, no_cpython_wrapper=True)


def parallel_kernel(count: Callable[..., int]) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Compile a kernel that does a part of the work, to be run on all parts at once.

    The kernel's first two arguments are ``start`` and ``stop``: it does the parts ``start .. stop - 1`` and
    writes its results to arrays among the other arguments. What is decorated is called with those others
    alone. Two parts must not write to the same place, and so the results do not depend on how the parts are
    spread over the cores.

    Parameters
    ----------
    count : callable
        Is given the other arguments, and returns the number of parts.

    Examples
    --------
    A kernel in a file, and a call of it::

        @parallel_kernel(len)
        def double(start, stop, values):
            for i in range(start, stop):
                values[i] *= 2

        double(np.arange(5.0))
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., None]:
        compiled = _compile(function)

        @functools.wraps(function)
        def call(*args: Any) -> None:
            on_all_cores(lambda start, stop: compiled(start, stop, *args), count(*args))

        return call

    return decorate


def rows_of_last(*arguments: Any) -> int:
    """Return the number of rows of the last argument, as the parts of a kernel that writes those."""
    return len(arguments[-1])


def _compile(function: Callable[..., Any], **more: Any) -> Any:
    # With error_model="numpy", a division by zero gives infinity as in NumPy, and inner loops need no branch.
    # Nothing in C calls a kernel, and a wrapper for that would have to be compiled too.
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **more}
    compiled = numba.njit(**options)(function)
    try:
        # What cache=True does as well, but with numba's own class.
        compiled._cache = KernelCache(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written
        warn_of_no_cache("anywhere")
    return compiled
