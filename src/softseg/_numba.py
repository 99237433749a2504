"""How softseg compiles its kernels: lazily, cached on disk, and safe to call from several threads."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Any

# GNU OpenMP's threads keep spinning for a while after each parallel loop. They take the cores from BLAS,
# which runs next and is then up to fifty times slower. OpenMP reads this setting when it is loaded. If the
# user has made a choice, it stands.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numba

# numba's fallback threading layer, "workqueue", aborts the process when two Python threads enter parallel
# kernels at the same time. A parallel kernel uses all cores, so that one lock for all such kernels costs
# nothing.
_PARALLEL = threading.RLock()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a serial kernel on its first call, and cache the machine code for the next process.

    Parameters
    ----------
    function : callable
        Written in the part of Python that numba compiles, and without annotations.
    """
    return _compile(function)


def parallel_kernel(function: Callable[..., Any]) -> Any:
    """Compile a kernel whose ``prange`` loops run on all cores; calls from several threads take turns.

    Parameters
    ----------
    function : callable
        As for `kernel`.
    """
    compiled = _compile(function, parallel=True)

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        with _PARALLEL:
            return compiled(*args)

    return call


def _compile(function: Callable[..., Any], **options: Any) -> Any:
    # With error_model="numpy", a division by zero gives infinity as in NumPy, and inner loops need no branch.
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written
        return numba.njit(**options)(function)
