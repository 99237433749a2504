"""Many photos in many processes: Dask starts those, and gives each photo to one that is free.

Processes write the results themselves; only a line about each photo comes back. A photo whose process dies
is given to another. What was finished before that is known by the records beside the outputs, and is not done
twice.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing import resource_tracker
from typing import Any

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed

from softseg._files import undisturbed
from softseg.cli.batch import Ended
from softseg.cli.exchange import Done, End, Request
from softseg.cli.outputs import Job
from softseg.cli.worker import PhotoWork, do_photo

# How many photos each worker has at most, the one that it is at and those that wait for it. It then never
# waits for the next, and no more than these are known to the scheduler. Chosen by the project.
_IN_FLIGHT = 3
# The states of a future whose result is not there, or no longer.
_UNDECIDED = ("pending", "lost")
# How many seconds the number of workers is taken to stay the same. Chosen by the project.
_COUNT_AGAIN = 2.0
# How many seconds a scheduler has to answer. Chosen by the project.
_PATIENCE = 10
# How many processes of this machine may die over a photo before it is set aside. Dask's default, 3, is for
# tasks that have no second chance.
_DEATHS = 1
# What keeps libraries to one thread in each process, set before softseg is imported there. Dask sets those of
# BLAS itself, before Python starts.
ONE_THREAD = {
    f"{library}_NUM_THREADS": "1" for library in ("NUMBA", "OMP", "MKL", "OPENBLAS", "VECLIB_MAXIMUM")
}


@contextlib.contextmanager
def workers_here(count: int) -> Iterator[Client]:
    """Yield the client of a cluster of so many processes on this machine, which end with the block.

    They are started anew rather than forked, because threads and a fork do not go together.

    Raises
    ------
    ChildProcessError
        In one line, if they cannot be started.
    """
    config = {
        "distributed.worker.multiprocessing-method": "spawn",
        "distributed.scheduler.allowed-failures": _DEATHS,
    }
    with contextlib.ExitStack() as stack:
        stack.enter_context(_kept_environment())
        stack.enter_context(dask.config.set(config))
        with undisturbed(), _control_c_blocked():  # Dask cannot be interrupted while it starts
            cluster = stack.enter_context(_start(count))
            client = stack.enter_context(Client(cluster, set_as_default=False))
        yield client


def _start(count: int) -> LocalCluster:
    try:
        return LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            memory_limit=None,  # one photo may need more than its share; --max-memory plans that
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port: several such commands may run
            silence_logs=logging.CRITICAL,
            env=ONE_THREAD,
        )
    except RuntimeError as error:  # all that Dask says is that they failed to start
        raise ChildProcessError(
            'workers: the processes ended while they started: a script needs if __name__ == "__main__": '
            "about what it runs, because each process imports it"
        ) from error


@contextlib.contextmanager
def workers_at(address: str) -> Iterator[Client]:
    """Yield the client of a cluster whose scheduler runs already.

    Raises
    ------
    ConnectionError
        If there is none that answers.
    """
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ConnectionError(
            f"no Dask scheduler answers at {address}: start one with dask scheduler, and take the address "
            "that it prints, such as tcp://host:8786"
        ) from error
    with client:
        yield client


def do_photos(
    client: Client,
    jobs: Sequence[Job[Any]],
    request: Request,
    tell: Any,
    warn: Callable[[str], None],
    own: bool,
) -> Ended:
    """Do photos on a cluster, and yield what becomes of each, in the order in which they end.

    Parameters
    ----------
    client : distributed.Client
        The cluster's.
    jobs : sequence of Job
        The photos, and what is written of each.
    request : Request
        What is asked of every photo.
    tell : callable or None
        What is told of the progress.
    warn : callable
        Is called with each warning.
    own : bool
        Whether the cluster is on this machine, and does nothing else.

    Raises
    ------
    ConnectionError
        If the scheduler is gone.
    """
    work = PhotoWork(replace(request, quiet=True), own)
    client.register_plugin(work)
    flight = _Flight(client, work.name)
    if not flight.workers():
        warn("warning: the Dask scheduler has no workers yet, and the photos wait for one: start dask worker")
    try:
        jobs = [job if own else job.absolute() for job in jobs]
        for done, (ended, warnings) in enumerate(flight.complete(jobs), start=1):
            for warning in warnings:
                warn(warning)
            if tell is not None:
                tell(f"{flight.workers()} workers", done, len(jobs))
            yield ended
    except Exception as error:  # whatever Dask raises of a connection that is gone
        if client.status == "running":
            raise
        raise _say_gone() from error
    finally:
        flight.abort()
        with contextlib.suppress(Exception):  # the cluster may be gone
            client.unregister_worker_plugin(work.name)  # and so stops what is still being done


class _Flight:
    """The photos that are on their way: a few for each worker."""

    def __init__(self, client: Client, work: str) -> None:
        self.client, self.work = client, work
        self.jobs: dict[Future[Any], Job[Any]] = {}
        self.counted, self.count = -_COUNT_AGAIN, 0

    def workers(self) -> int:
        """Return the number of workers' threads, as it was a moment ago."""
        now = time.monotonic()
        if now - self.counted >= _COUNT_AGAIN:
            self.counted, self.count = now, sum(self.client.nthreads().values())
        return self.count

    def complete(self, jobs: Sequence[Job[Any]]) -> Iterator[tuple[Done, list[str]]]:
        """Yield what becomes of photos, and the warnings.

        When a process dies, Dask suspects all photos that it had. Those that it gives up are done again in
        the end, one at a time, so that what kills processes takes no others with it.
        """
        suspects: list[Job[Any]] = []
        for job, result in self._launch(jobs, lambda: _IN_FLIGHT * max(self.workers(), 1)):
            if result is None:
                suspects.append(job)
            else:
                yield result
        for job, result in self._launch(suspects, lambda: 1):
            yield result or (Done(End.FAILED, _say_killed(job), photo=str(job.photo)), [])

    def _launch(
        self, jobs: Sequence[Job[Any]], most: Callable[[], int]
    ) -> Iterator[tuple[Job[Any], tuple[Done, list[str]] | None]]:
        """Yield photos that have ended; None for those over which too many processes died."""
        waiting = iter(jobs)
        ended = as_completed(loop=self.client.loop)
        while True:
            while len(self.jobs) < most() and (job := next(waiting, None)) is not None:
                future = self.client.submit(do_photo, job, self.work, pure=False)
                self.jobs[future] = job
                ended.add(future)
            if not self.jobs:
                return
            future = next(ended)
            if future.status in _UNDECIDED:  # what it returned went with its process, and it is done again
                ended.add(future)
                continue
            job = self.jobs.pop(future)
            yield job, self._look_at(future)

    def _look_at(self, future: Future[Any]) -> tuple[Done, list[str]] | None:
        if future.status not in ("finished", "error"):
            raise _say_gone()
        try:
            done, warnings = future.result()
        except KilledWorker:
            return None
        if done is None:
            raise _say_gone()
        return done, warnings

    def abort(self) -> None:
        """Let no further photo begin."""
        if self.jobs:
            with contextlib.suppress(Exception):  # the scheduler may be gone
                self.client.cancel(list(self.jobs), force=True)


def _say_killed(job: Job[Any]) -> str:
    return (
        f"{job.photo}: each process that did it died, perhaps because memory ran out: try --max-memory, "
        "fewer workers, or a smaller photo"
    )


def _say_gone() -> ConnectionError:
    return ConnectionError(
        "the Dask scheduler is gone: run the command again, which does the photos that are not finished"
    )


@contextlib.contextmanager
def _control_c_blocked() -> Iterator[None]:
    """Block Control-C, which a terminal sends to all, in threads that start here and in their processes."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which else unblocks it where the first process is started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _kept_environment() -> Iterator[None]:
    """Put back what Dask sets in this process's environment, for those that it starts."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)
