"""Many photos from Python: as the command line does them, in many processes at once."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import softseg
from softseg._checks import check_count, check_instance
from softseg._paths import show_path
from softseg._threads import cores
from softseg._warnings import warn
from softseg.cli import ways
from softseg.cli.batch import Way
from softseg.cli.exchange import End, Request
from softseg.cli.outputs import make_plan
from softseg.cli.writing import make_writing
from softseg.progress import Progress, reporter

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["BatchReport", "segment_files"]


@dataclass(frozen=True)
class BatchReport:
    """What became of photos; `softseg.batch.segment_files` returns one.

    Every parameter is an attribute of the same name.

    Parameters
    ----------
    done : int
        How many were decomposed now, with all their outputs.
    before : int
        How many were finished before.
    failures : tuple of str
        A line for each that failed, or of which an output did: which, and why.

    Examples
    --------
    >>> from softseg.batch import BatchReport
    >>> report = BatchReport(done=2, before=1, failures=("broken.jpg: not a photo",))
    >>> f"{report.done + report.before} of {report.done + report.before + len(report.failures)}"
    '3 of 4'
    """

    done: int
    before: int
    failures: tuple[str, ...]


def segment_files(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    client: Client | str | None = None,
    workers: int | None = None,
    *,
    force: bool = False,
    profile: str | None = None,
    names: Iterable[str] | None = None,
    base: str | os.PathLike[str] | None = None,
    alphas: bool = False,
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
    paths : str, path, or iterable of these
        Photos, folders of photos, patterns such as ``"album/*.jpg"``, and URLs of these, such as
        ``"s3://bucket/album/"``.
    output : str, path, or iterable of these
        Files, by suffix, folders, and URLs of these. ``{name}`` stands for a photo's name, and ``{suffix}``
        for its suffix.
    client : distributed.Client or str, optional
        The client of a Dask cluster, whose workers reach the same files, or its scheduler's address, such as
        ``"tcp://scheduler:8786"``.
    workers : int, optional
        How many processes to start on this machine, if there is no client. Default: one for each core.
    force : bool
        Whether photos that are finished are done again, and whatever is where an output goes is replaced.
    profile : {"srgb", "source"}, optional
        The color profile of outputs that have one. Default: sRGB.
    names : iterable of str, optional
        What the layers of each photo are called, in outputs that have names. Default: where they are, or
        numbers.
    base : str or path, optional
        A Photoshop file, of the photos' size, to whose layers those of ``.psd`` outputs are added.
    alphas : bool
        Whether folders get gray PNGs of 16 bits, the layers' alphas, and no colors.
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
    FileNotFoundError
        If the base, or what a feature extractor needs, is not there.
    ChildProcessError
        If processes cannot be started here, mostly because the script lacks the line above.
    ConnectionError
        If the cluster's scheduler does not answer, or is gone. What was finished is.

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
    reading, segmenting = _part_options(options)
    with _named_errors():
        plan = make_plan(_list_paths("paths", paths), _list_paths("output", output))
        writing = make_writing(
            plan,
            segmenting.get("n_layers"),
            reading["background"],
            profile,
            names,
            _check_base(base),
            check_instance("alphas", alphas, bool),
        )
    manner = {"force": check_instance("force", force, bool), "quiet": True}
    request = Request.of(segmenting, reading, writing, here=client is None, **manner)
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
    if isinstance(client, str):
        return ways.at(client)
    if not hasattr(client, "register_plugin"):
        raise TypeError(
            "client: expected a distributed.Client, the address of a scheduler, or None, got "
            f"{type(client).__name__}"
        )
    if client.asynchronous:
        raise ValueError("client: expected one that waits for its results, got one with asynchronous=True")
    if client.status != "running":
        raise ValueError(f"client: expected one that is connected to a scheduler, got one {client.status}")
    return ways.through(client)


def _list_paths(name: str, given: Any) -> list[str]:
    if isinstance(given, str | os.PathLike):
        paths = [given]
    elif isinstance(given, bytes | Mapping) or not isinstance(given, Iterable):
        raise TypeError(f"{name}: expected a path or several, got {type(given).__name__}")
    else:
        paths = list(given)
    for path in paths:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"{name}: expected a path or several, got {type(path).__name__}")
    if not paths:
        raise ValueError(f"{name}: expected at least one path, got none")
    return [os.fsdecode(path) for path in paths]


def _check_base(base: Any) -> Path | None:
    if base is None:
        return None
    if not isinstance(base, str | os.PathLike):
        raise TypeError(f"base: expected a path, got {type(base).__name__}")
    if not os.path.isfile(base):
        raise FileNotFoundError(f"base: no such file: {show_path(base)}")
    return Path(base)


@contextlib.contextmanager
def _named_errors() -> Iterator[None]:
    """Raise what the command line says of its options as errors that name the arguments."""
    try:
        yield
    except typer.BadParameter as error:
        name = str(error.param_hint).strip("'-").lower().replace("photo", "paths")
        named = error.message.startswith((f"{name}: ", f"{name}["))
        raise ValueError(error.message if named else f"{name}: {error.message}") from None


def _part_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `softseg.read_photo` is told, and what `softseg.segment` is; raise if any is wrong."""
    from softseg.photos.reading import check_reading
    from softseg.segmentation import check_options

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
    check_reading(**reading)
    check_options(segmenting)
    return reading, segmenting
