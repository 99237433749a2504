"""What runs in the processes of a Dask cluster: photos, one at a time in each, until asked to stop."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sys
import tempfile
import threading
import uuid
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_worker
from filelock import FileLock
from threadpoolctl import threadpool_limits

import softseg
from softseg._threads import limit_cores
from softseg.cli.exchange import FAILURES, Done, Request
from softseg.cli.one_photo import attempt
from softseg.cli.outputs import Job

# Whoever has it does a photo: one at a time in each process, also where Dask gives it several threads.
_TURN = threading.Lock()


class _Stopped(BaseException):
    """Somebody asked to stop; no error, and so nothing takes it for one."""


class PhotoWork(WorkerPlugin):
    """What is asked of all photos, and how a process does one; Dask gives it to each process once.

    Processes that join later, and those in place of killed ones, get it too.

    Parameters
    ----------
    request : Request
        What is asked of every photo.
    own : bool
        Whether the processes are the caller's alone. Control-C in a terminal reaches them as well; they then
        leave it to the caller, who tells them in good order.
    """

    def __init__(self, request: Request, own: bool) -> None:
        self.name = f"softseg-{uuid.uuid4().hex}"
        self.request = request
        self.own = own
        self.version = softseg.__version__

    def setup(self, worker: Any) -> None:
        """Prepare a process: it uses the cores that Dask counts on, and no more."""
        if softseg.__version__ != self.version:
            raise ImportError(
                f"the worker {worker.address} has softseg {softseg.__version__}, and the caller has "
                f"{self.version}: install the same version in both places"
            )
        self.stop = threading.Event()
        threads = worker.state.nthreads
        limit_cores(threads)
        self.limits = threadpool_limits(threads)
        if self.own:  # standard output is the caller's
            sys.stdout = sys.stderr
        if self.own and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def teardown(self, worker: Any) -> None:
        """Stop the photo that is being done; it leaves no scratch files."""
        self.stop.set()
        self.limits.restore_original_limits()
        limit_cores(None)

    def do(self, job: Job[Any]) -> tuple[Done | None, list[str]]:
        """Do a photo; return what became of it, None if it was stopped, and the warnings.

        A worker with several threads does one photo after the other as well, each with all its threads.
        """
        warnings: list[str] = []
        with _TURN:
            try:
                self._go_on()
                warm_node()
                return attempt(job, self._go_on, self.request, warnings.append), warnings
            except _Stopped:
                return None, warnings

    def _go_on(self, *progress: object) -> None:
        """Raise if somebody asked to stop. Long stages call this twice a second."""
        if self.stop.is_set():
            raise _Stopped


def do_photo(job: Job[Any], work: str) -> tuple[Done | None, list[str]]:
    """Do a photo in the process of a worker, which has the work of that name."""
    plugin: Any = get_worker().plugins.get(work)
    if plugin is None:  # it joined later, and its own log says why it has none
        raise ImportError(
            f"the worker {get_worker().address} cannot do photos: install the same version of softseg there"
        )
    done: tuple[Done | None, list[str]] = plugin.do(job)
    return done


def warm_node() -> None:
    """Compile all kernels once per machine: one process does, and the others wait, and then read its cache.

    Where the lock cannot be had, each process compiles what it needs, which only takes longer.
    """
    mark = Path(tempfile.gettempdir(), f"softseg-warm-{_name_the_cache()}")
    with contextlib.suppress(*FAILURES), FileLock(f"{mark}.lock"):
        if not mark.exists():
            softseg.warm_up()
            mark.touch()


def _name_the_cache() -> str:
    """Return digits that tell apart what kernels are compiled by whom, and kept where."""
    import numba

    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    place = os.environ.get("NUMBA_CACHE_DIR", "")
    told = (user, softseg.__file__, softseg.__version__, numba.__version__, sys.version, place)
    return hashlib.sha256(repr(told).encode(errors="replace")).hexdigest()[:16]
