"""Many photos from Python: as the command line does them, in many processes at once."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

import softseg
from softseg._checks import check_count
from softseg._threads import cores
from softseg._warnings import warn
from softseg.cli import ways
from softseg.cli.batch import Way
from softseg.cli.one_photo import End, Request
from softseg.cli.outputs import Plan, make_plan
from softseg.cli.recipe import make_recipe
from softseg.progress import Progress, reporter

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class BatchReport:
    """What became of photos.

    Attributes
    ----------
    done : int
        How many were decomposed now, with all their outputs.
    before : int
        How many were finished before.
    failures : tuple of str
        A line for each that failed, or of which an output did: which, and why.
    """

    done: int
    before: int
    failures: tuple[str, ...]


def segment_files(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    client: Client | None = None,
    workers: int | None = None,
    *,
    force: bool = False,
    profile: str | None = None,
    progress: bool | Progress | None = None,
    **options: Any,
) -> BatchReport:
    r"""Decompose many photos into soft layers and write these, in many processes at once.

    It does what ``softseg segment`` does, with the same records: what was made from the same photo with the
    same options is not done again, and what somebody changed by hand is kept. Results do not come back: each
    process writes its own. One photo that fails keeps no other from being done, and a photo whose process
    dies is given to another.

    Without a client, processes are started on this machine, one thread in each, and end in the end. A script
    that does so needs ``if __name__ == "__main__":`` about what it runs, because each process imports it.

    Parameters
    ----------
    paths : str, path, or sequence of these
        Photos, folders of photos, patterns such as ``"album/*.jpg"``, and URLs of these, such as
        ``"s3://bucket/album/"``.
    output : str, path, or sequence of these
        Files, by suffix, folders, and URLs of these. ``{name}`` stands for a photo's name, and ``{suffix}``
        for its suffix.
    client : distributed.Client, optional
        The client of a Dask cluster, whose workers reach the same files.
    workers : int, optional
        How many processes to start on this machine, if there is no client. Default: one for each core.
    force : bool
        Whether photos that are finished are done again, and whatever is where an output goes is replaced.
    profile : {"srgb", "source"}, optional
        The color profile of outputs that have one. Default: sRGB.
    progress : bool or callable, optional
        True draws a bar on the terminal. Otherwise it is called as ``progress(text, done, total)``.
    **options
        What `softseg.segment` and `softseg.read_photo` are given besides the photo.

    Returns
    -------
    BatchReport
        How many were done, how many finished before, and what failed.

    Raises
    ------
    ImportError
        If Dask is missing; ``pip install "softseg[dask]"`` brings it.
    TypeError, ValueError
        In one line, if an argument is none of these, or if there is nothing to do: no such photo, or an
        output of no known format.
    ConnectionError
        If the cluster's scheduler is gone. What was finished is.

    Warns
    -----
    UserWarning
        What softseg warns of, with the photo's name, and each output that was kept because somebody had
        changed it.

    Examples
    --------
    Two processes, and layers beside each photo::

        from softseg.batch import segment_files

        if __name__ == "__main__":
            report = segment_files("holiday/", "holiday/layers/{name}.npz", workers=2, n_layers=7)
            print(report.done, "done,", *report.failures, sep="\n")
    """
    way = _choose_way(client, workers)
    request = _make_request(options, profile, force)
    plan = _make_plan(_list_paths("paths", paths), _list_paths("output", output))
    done, before, failures = 0, 0, list(plan.failures)
    with (
        reporter(progress) as tell,
        contextlib.closing(way(plan, request, tell, _warn)) as ended,
    ):
        for one in ended:
            done += one.end is End.DONE
            before += one.end is End.BEFORE
            failures += [one.why] * (one.end is End.FAILED)
    return BatchReport(done, before, tuple(failures))


def _warn(line: str) -> None:
    message = line.removeprefix("warning: ")
    warn(message)


def _choose_way(client: Any, workers: Any) -> Way:
    if client is None:
        if workers is not None:
            check_count("workers", workers)
        return ways.here(cores() if workers is None else int(workers))
    if workers is not None:
        raise TypeError("workers: expected None beside a client, whose cluster has workers of its own")
    if not hasattr(client, "register_plugin"):
        raise TypeError(f"client: expected a distributed.Client or None, got {type(client).__name__}")
    return ways.through(client)


def _list_paths(name: str, given: Any) -> list[str]:
    several = isinstance(given, Sequence) and not isinstance(given, str | bytes)
    paths = list(given) if several else [given]
    for path in paths:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"{name}: expected a path or several, got {type(path).__name__}")
    if not paths:
        raise ValueError(f"{name}: expected at least one path, got none")
    return [os.fspath(path) for path in paths]


def _make_plan(paths: list[str], outputs: list[str]) -> Plan:
    try:
        return make_plan(paths, outputs)
    except typer.BadParameter as error:
        name = "output" if error.param_hint == "'--output'" else "paths"
        raise ValueError(f"{name}: {error.message}") from None


def _make_request(options: Mapping[str, Any], profile: str | None, force: bool) -> Request:
    """Return what is asked of every photo; a TypeError names an option that nothing takes."""
    from softseg.photos.profiles import check_profile

    reads = set(inspect.signature(softseg.read_photo).parameters) - {"source"}
    takes = set(inspect.signature(softseg.segment).parameters) - {"image", "progress"}
    for name in options:
        if name not in reads | takes:
            raise TypeError(
                f"{name}: no such option; expected one of softseg.segment or softseg.read_photo: "
                f"{', '.join(sorted(reads | takes))}"
            )
    rng = options.get("rng")
    if rng is not None and not isinstance(rng, int):
        raise TypeError(
            f"rng: expected an integer, the same for each photo, or None, got {type(rng).__name__}"
        )
    reading = {name: options.get(name) for name in sorted(reads)}
    segmenting = {name: value for name, value in options.items() if name not in reads}
    published = segmenting.get("settings") == softseg.PUBLISHED
    recipe = make_recipe(
        {
            "features": None,
            **segmenting,
            **reading,
            "max_pixels": None,
            "settings": "published" if published else segmenting.get("settings"),
        }
    )
    writing = {} if profile is None else {"profile": profile}
    if profile is not None:
        check_profile(profile)
    return Request(segmenting, recipe, force, quiet=True, reading=reading, writing=writing)
