"""Compiled kernels on disk, where a damaged file or a full disk costs time and stops nothing."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

from numba.core.caching import FunctionCache

from softseg._warnings import warn


class KernelCache(FunctionCache):
    """numba's cache of one function. What cannot be read is compiled anew and replaced."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function for these types; None if there is none that can be read."""
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # files may end early or hold anything, and unpickling that can raise anything
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function, or warn once that this cannot be done."""
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except OSError as error:
            warn_of_no_cache(f"in {self.cache_path} ({error.strerror or error})")

    def _forget(self) -> None:
        """Begin an empty index; files of functions are then replaced one by one."""
        with contextlib.suppress(OSError):  # saving will say so
            self.flush()  # type: ignore[no-untyped-call]


@functools.cache  # once for all kernels
def warn_of_no_cache(where: str) -> None:
    """Warn that kernels will be compiled in every run."""
    warn(
        f"compiled kernels cannot be kept {where}, and every run compiles them anew: set NUMBA_CACHE_DIR to "
        "a folder that can be written"
    )
