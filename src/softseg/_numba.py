"""How softseg compiles its kernels: lazily, cached on disk, and safe to call from several threads."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Any

# GNU OpenMP's threads spin for a while after each parallel loop and take the cores from BLAS, which runs
# next: up to fifty times slower. It reads this when it is loaded; a choice of the user's own stands.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numba

# numba's fallback "workqueue" threading layer aborts the process when two Python threads enter parallel
# kernels at once. A parallel kernel takes every core anyway, so one lock for all of them costs nothing.
_PARALLEL = threading.RLock()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a serial kernel on first use; the machine code is cached for the next process."""
    return _compile(function)


def parallel_kernel(function: Callable[..., Any]) -> Any:
    """Compile a kernel whose ``prange`` loops run on all cores; calls from several threads take turns."""
    compiled = _compile(function, parallel=True)

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        with _PARALLEL:
            return compiled(*args)

    return call


def _compile(function: Callable[..., Any], **options: Any) -> Any:
    # error_model="numpy": a division by zero gives inf as in NumPy, and costs no branch in inner loops.
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written
        return numba.njit(**options)(function)
