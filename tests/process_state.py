"""What belongs to the whole process, and is to be the same after a call of softseg as before."""

from __future__ import annotations

import signal
import warnings
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_info

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def process_state() -> Any:
    """Return what can be compared later: error state, random numbers, filters, limits, handlers."""
    random = np.random.get_state()  # noqa: NPY002  # it must not be touched
    return (
        np.geterr(),
        list(warnings.filters),
        (random[0], tuple(random[1]), *random[2:]),
        torch.get_num_threads(),
        [(library["user_api"], library["num_threads"]) for library in threadpool_info()],
        [signal.getsignal(number) for number in SIGNALS],
    )
