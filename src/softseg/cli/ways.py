"""How photos are done: one after the other here, or many at once in processes that Dask starts."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from softseg._extras import require
from softseg.cli.batch import Ended, Way
from softseg.cli.exchange import Request
from softseg.cli.outputs import Plan

if TYPE_CHECKING:
    from distributed import Client


def choose_way(workers: int | None, scheduler: str | None) -> Way | None:
    """Return what ``--workers`` and ``--dask`` stand for; None for one photo after the other."""
    if workers is not None and scheduler is not None:
        raise typer.BadParameter(
            "the cluster of --dask has workers of its own: give one of the two", param_hint="'--workers'"
        )
    if scheduler is not None:
        return at(scheduler)
    return None if workers is None else here(workers)


def here(count: int) -> Way:
    """Return the way to do photos in so many processes on this machine."""
    require("distributed", "doing photos in several processes")
    end_if_imported_by_a_worker()

    def way(plan: Plan, request: Request, tell: Any, warn: Callable[[str], None]) -> Ended:
        from softseg.cli.cluster import do_photos, workers_here

        if plan.jobs:
            with workers_here(min(count, len(plan.jobs))) as client:
                yield from do_photos(client, plan.jobs, request, tell, warn, own=True)

    return way


def end_if_imported_by_a_worker() -> None:
    """End this process if it is one that starts, and that imports a script which would start more of them.

    So it is where the script has no ``if __name__ == "__main__":`` about what it runs. The process that waits
    for this one says so, once.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself asks
        raise SystemExit(1)


def at(address: str) -> Way:
    """Return the way to do photos on the Dask cluster whose scheduler has this address."""
    require("distributed", "doing photos on a Dask cluster")

    def way(plan: Plan, request: Request, tell: Any, warn: Callable[[str], None]) -> Ended:
        from softseg.cli.cluster import do_photos, workers_at

        with workers_at(address) as client:
            yield from do_photos(client, plan.jobs, request, tell, warn, own=False)

    return way


def through(client: Client) -> Way:
    """Return the way to do photos on a Dask cluster that the caller has a client of."""

    def way(plan: Plan, request: Request, tell: Any, warn: Callable[[str], None]) -> Ended:
        from softseg.cli.cluster import do_photos

        yield from do_photos(client, plan.jobs, request, tell, warn, own=False)

    return way
