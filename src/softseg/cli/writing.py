"""What writers of outputs are told: ``--names``, ``--base``, ``--alphas``, ``--profile``."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer

from softseg.cli import manifest
from softseg.cli.outputs import Job, Plan
from softseg.cli.reading import check_profile

# Under which name writers take the path of a file that layers are added to.
BASE = "base"


def make_writing(
    plan: Plan,
    layers: int | str | None,
    background: str | None,
    profile: str | None,
    names: Any,
    base: Path | None,
    alphas: bool,
) -> dict[str, Any]:
    """Return what writers of the outputs are told, if they take it.

    Parameters
    ----------
    plan : Plan
        What is written.
    layers : int, "auto" or None
        How many layers there will be, as far as that is known.
    background : str or None
        What transparent photos are put over; ``"layer"`` makes another layer.
    profile, base, alphas
        What the options of these names were given; None or False if they were not.
    names : iterable of str or None
        What the layers are called.

    Raises
    ------
    typer.BadParameter
        In one line, before any work, if a value is none of its option, or no output takes it.
    TypeError
        If the names are no texts in an order.
    """
    writing: dict[str, Any] = {}
    if profile is not None:
        writing["profile"] = check_profile(profile)
    if names is not None:
        writing["names"] = _check_names(names, _count_layers(layers, background))
    if base is not None:
        if profile not in (None, "srgb"):
            raise typer.BadParameter(
                f"expected none beside a base, whose own is taken, got {profile}", param_hint="'--profile'"
            )
        writing[BASE] = os.path.abspath(base)  # workers may run in another folder
    if alphas:
        writing["alphas"] = True
    for name in writing.keys() - {"profile"}:
        _check_taken(name, plan)
    return writing


def find_told(output: Path, job: Job[Path], writing: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an output's writer is told, if it takes it: also the photo's name, as COCO's does."""
    from softseg.formats import format_of
    from softseg.formats.registry import FOLDER

    taken = _find_options(FOLDER if output in job.folders else format_of(output))
    offered = {"file_name": job.photo.name, **writing}
    return {name: value for name, value in offered.items() if name in taken}


def as_recipe(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a writer was told as JSON can hold it; of a file the content counts, and not its name."""
    return {name: manifest.hash_file(Path(value)) if name == BASE else value for name, value in told.items()}


def check_told(told: Mapping[str, Any], height: int, width: int) -> None:
    """Raise now what would keep a writer from writing with what it is told, for a photo of this size."""
    if BASE in told:
        from softseg.formats.psd_base import read_base

        read_base(told[BASE], height, width)


def _count_layers(layers: int | str | None, background: str | None) -> int | None:
    """Return how many layers there will be; None if that is known only after the work."""
    from softseg.segmentation import segment

    if layers == "auto" or background == "layer":
        return None
    return int(inspect.signature(segment).parameters["n_layers"].default if layers is None else layers)


def _check_names(names: Any, count: int | None) -> list[str]:
    from softseg.formats.names import checked_names

    listed = names if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    as_many = len(listed) if isinstance(listed, list) else 0
    try:
        return checked_names(listed, as_many if count is None else count)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--names'") from None


def _check_taken(option: str, plan: Plan) -> None:
    """Raise a BadParameter if no output takes an option."""
    from softseg.formats import FORMATS, format_of
    from softseg.formats.registry import FOLDER

    job = plan.jobs[0]  # the others have outputs of the same kinds
    kinds = [*([FOLDER] if job.folders else []), *map(format_of, map(str, job.files))]
    if any(option in _find_options(kind) for kind in kinds):
        return
    takers = ["a folder"] if option in _find_options(FOLDER) else []
    for suffix in FORMATS:
        with contextlib.suppress(ImportError, TypeError, AttributeError):  # a package is missing, or broken
            takers += [suffix] if option in _find_options(FORMATS[suffix]) else []
    raise typer.BadParameter(
        f"none of the outputs takes it; these do: {', '.join(takers)}", param_hint=f"'--{option}'"
    )


def _find_options(kind: Any) -> Iterable[str]:
    """Return the names of what a format's writer takes."""
    return () if kind is None else inspect.signature(kind.load_writer()).parameters
