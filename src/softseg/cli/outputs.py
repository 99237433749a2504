"""What is written of each photo, and what cannot be because photos are in each other's way."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import typer

from softseg._identity import identify
from softseg.cli.inputs import find_photos, is_file, say_skipped
from softseg.cli.manifest import WRITTEN
from softseg.cli.places import Url, as_place

# What stands in an output for the photo's name without its suffix, and for the suffix without its dot.
NAME, SUFFIX = "{name}", "{suffix}"
# The folder that is written if nothing else is asked for.
DEFAULT_OUTPUT = f"{NAME}_layers"


# What a photo and outputs are: paths on this machine, or also URLs.
Place = TypeVar("Place", bound="Path | Url")


@dataclass(frozen=True)
class Job(Generic[Place]):
    """A photo, and the folders and files to write: paths, or also URLs."""

    photo: Place
    folders: tuple[Place, ...]
    files: tuple[Place, ...]

    @property
    def outputs(self) -> tuple[Place, ...]:
        """All that is written, in this order."""
        return (*self.folders, *self.files)

    @property
    def is_elsewhere(self) -> bool:
        """Whether the photo or an output is at a URL."""
        return any(isinstance(place, Url) for place in (self.photo, *self.outputs))

    def absolute(self) -> Job[Any]:
        """Return the same job for a process that runs in another folder."""
        return Job(
            self.photo.absolute(),
            tuple(folder.absolute() for folder in self.folders),
            tuple(file.absolute() for file in self.files),
        )

    def without(self, outputs: Sequence[Place]) -> Job[Place]:
        """Return the same photo with fewer outputs."""
        return Job(
            self.photo,
            tuple(folder for folder in self.folders if folder not in outputs),
            tuple(file for file in self.files if file not in outputs),
        )


@dataclass(frozen=True)
class Plan:
    """What is to be done, what is known beforehand not to be possible, and what is passed over, by reason.

    Attributes
    ----------
    jobs : list of Job
        The photos, in the order in which they are taken.
    failures : list of str
        A line for each photo that cannot be done, or for several that are in each other's way.
    failed : int
        How many photos these are.
    skipped : dict
        The files that were passed over, by reason.
    several : bool
        Whether more than one photo was, or could have been, asked for.
    """

    jobs: list[Job[Any]]
    failures: list[str]
    failed: int
    skipped: dict[str, list[Path | Url]]
    several: bool


def make_plan(photos: Sequence[str], outputs: Sequence[str]) -> Plan:
    """Return which photos are decomposed, and what is written of each.

    Parameters
    ----------
    photos : sequence of str
        Files, folders of photos, and patterns that the shell left as they are.
    outputs : sequence of str
        Files of the formats that can be written, and folders. ``{name}`` stands for a photo's name and
        ``{suffix}`` for its suffix. Where there may be several photos, a folder gets one folder for each.

    Raises
    ------
    typer.BadParameter
        If there is nothing to do: no such photo, an output of no known format, or photos that are all in each
        other's way.
    """
    several = len(photos) > 1 or not is_file(photos[0])
    found = find_photos(photos)
    if not found.photos:
        lines = [line for line, _ in say_skipped(found.skipped)]
        _refuse("; ".join(found.failures + lines), "'PHOTO'")
    if several and found.failures and not all(NAME in output or _is_folder(output) for output in outputs):
        _refuse(found.failures[0], "'PHOTO'")  # rather than that several photos go to one file
    templates = [_complete(output, several) for output in outputs or [DEFAULT_OUTPUT]]
    jobs = [_make_job(photo, templates) for photo in found.photos]
    possible, conflicts = _part_conflicts(jobs)
    if not possible:
        _refuse(conflicts[0], "'--output'")
    failed = len(found.failures) + len(jobs) - len(possible)
    return Plan(possible, found.failures + conflicts, failed, found.skipped, several)


def known_formats() -> str:
    """Return what files can be written, for a person: suffixes, and what each means."""
    from softseg.formats import FORMATS

    parts = []
    for suffix in FORMATS:
        try:
            parts.append(f"{suffix} ({FORMATS[suffix].meaning})")
        except (ImportError, TypeError):  # another package's, which is broken: help is there all the same
            parts.append(suffix)
    return ", ".join(parts)


def _refuse(message: str, argument: str) -> None:
    raise typer.BadParameter(message, param_hint=argument)


def _is_folder(output: str) -> bool:
    """Return whether an output stands for a folder: it is there, or ends in a slash, or has no suffix."""
    ends = (os.sep, os.altsep) if os.altsep else (os.sep,)
    named = output.replace(NAME, "name").replace(SUFFIX, "suffix")
    if output.endswith(ends) or not Path(named).suffix:
        return True
    place = as_place(output)
    return isinstance(place, Path) and place.is_dir()


def _complete(output: str, several: bool) -> tuple[str, bool]:
    """Return an output with ``{name}`` where it is needed, and whether it is a folder."""
    from softseg.formats import FORMATS, format_of

    if not output:
        _refuse("expected a file or a folder, got an empty name", "'--output'")
    place = as_place(output)
    if isinstance(place, Url):
        place.open()  # says if nothing opens it
    if _is_folder(output):
        return (str(as_place(output) / NAME) if several and NAME not in output else output), True
    if format_of(output.replace(NAME, "name").replace(SUFFIX, "suffix")) is None:
        _refuse(
            f"expected a folder or a name that ends in {', '.join(FORMATS)}, got {output} "
            "(a new folder whose name has a dot: end it with a slash)",
            "'--output'",
        )
    if several and NAME not in output:
        _refuse(f"several photos cannot all be written to {output}: put {NAME} into it", "'--output'")
    return output, False


def _make_job(photo: Path | Url, templates: Sequence[tuple[str, bool]]) -> Job[Any]:
    values = {NAME: photo.stem, SUFFIX: photo.suffix.removeprefix(".")}
    # In one pass, because a photo may be called "{suffix}".
    fill = re.compile("|".join(map(re.escape, values)))
    outputs = dict.fromkeys(
        (as_place(fill.sub(lambda match: values[match[0]], text)), folder) for text, folder in templates
    )
    return Job(
        photo,
        tuple(path for path, folder in outputs if folder),
        tuple(path for path, folder in outputs if not folder),
    )


def _part_conflicts(jobs: Sequence[Job[Any]]) -> tuple[list[Job[Any]], list[str]]:
    """Return the jobs that are in nobody's way, and a line for each conflict of the others."""
    photos = {_identify(job.photo) for job in jobs}
    writers: dict[str, list[Job[Any]]] = {}
    for job in jobs:
        for place in dict.fromkeys(map(_identify, job.outputs)):
            writers.setdefault(place, []).append(job)
    shared = {place: found for place, found in writers.items() if len(found) > 1}
    conflicts = dict.fromkeys(_say_shared(found, place) for place, found in shared.items())
    in_the_way = {job.photo for found in shared.values() for job in found}
    at_risk = {
        os.path.dirname(photo): photo for photo in photos if WRITTEN.fullmatch(os.path.basename(photo))
    }
    for job in jobs:
        message = _find_overwritten(job, photos, at_risk)
        if message is not None and job.photo not in in_the_way:
            conflicts[message] = None
            in_the_way.add(job.photo)
    return [job for job in jobs if job.photo not in in_the_way], list(conflicts)


def _identify(path: Path | Url) -> str:
    """Return one text for all spellings of a place."""
    return str(path) if isinstance(path, Url) else identify(path)


def _say_shared(jobs: Sequence[Job[Any]], place: str) -> str:
    output = next(output for output in jobs[0].outputs if _identify(output) == place)
    photos = " and ".join(str(job.photo) for job in jobs)
    both = "both" if len(jobs) == 2 else "all"
    told_apart = len({job.photo.suffix for job in jobs}) == len(jobs)
    advice = (
        f"put {SUFFIX} into it, as in {NAME}_{SUFFIX}"
        if told_apart
        else "take one folder of photos after the other, each with an --output of its own"
    )
    return f"{photos} would {both} be written to {output}: {advice}"


def _find_overwritten(job: Job[Any], photos: set[str], at_risk: dict[str, str]) -> str | None:
    """Return what is wrong if a job would overwrite a photo, or one of its own outputs; None if nothing is.

    ``at_risk`` has the photos that are called like a layer, by their folder.
    """
    for output in job.files:
        if _identify(output) in photos:
            return f"{output} is a photo"
    for folder in job.folders:
        place = _identify(folder)
        if place in photos:
            return f"{folder} is a photo"
        if place in at_risk:
            return f"the photo {at_risk[place]} would be overwritten by the layers in {folder}"
        for file in job.files:
            if _identify(file.parent) == place and WRITTEN.fullmatch(file.name):
                return f"{folder} gets a file {file.name} of its own"
    return None
