"""Photos one after the other: which are taken, what is written where, and what becomes of each."""

from __future__ import annotations

import contextlib
import glob
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import softseg
from softseg.cli.messages import DONE, FAILED, complain, one_line_warnings

if TYPE_CHECKING:
    import numpy as np

    from softseg.result import SoftSegmentation

# What stands in an output for the photo's name, without its suffix.
NAME = "{name}"
# The folder that is written if nothing else is asked for.
DEFAULT_OUTPUT = f"{NAME}_layers"
# What is a photo when a whole folder is given. Files that are named are opened whatever they are called.
PHOTO_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
# The contact sheet in a folder. It is written last: a folder that has it is complete.
SHEET = "contact_sheet.png"
# Files that do without the layers' colors; of any other it is taken that they hold them.
WITHOUT_COLORS = {".json", ".npz", ".png"}
# What keeps one photo or one output from being done, and no other.
FAILURES = (MemoryError, OSError, TypeError, ValueError)


@dataclass(frozen=True)
class Job:
    """A photo, and the folders and files to write."""

    photo: Path
    folders: tuple[Path, ...]
    files: tuple[Path, ...]

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All that is written, in this order."""
        return (*self.folders, *self.files)

    @property
    def finished(self) -> bool:
        """Whether all is written, and after the photo was last changed."""
        last = [*(folder / SHEET for folder in self.folders), *self.files]
        changed = self.photo.stat().st_mtime
        return all(file.is_file() and file.stat().st_mtime >= changed for file in last)


def jobs(photos: Sequence[str], outputs: Sequence[str]) -> list[Job]:
    """Return which photos are decomposed, and what is written of each.

    Parameters
    ----------
    photos : sequence of str
        Files, folders of photos, and patterns that the shell left as they are.
    outputs : sequence of str
        Files of the formats that can be written, and folders. ``{name}`` stands for a photo's name. Where
        there may be several photos, a folder gets one folder for each.

    Raises
    ------
    typer.BadParameter
        If there is no such photo, or an output is of no known format, would be written twice, or is a photo.
    """
    several = len(photos) > 1 or not Path(photos[0]).is_file()
    templates = [_complete_output(output, several) for output in outputs or [DEFAULT_OUTPUT]]
    files = dict.fromkeys(path for given in photos for path in _find_photos(given))
    found = [_make_job(photo, templates) for photo in files]
    _check_written_once(found)
    return found


@dataclass(frozen=True)
class Outcome:
    """What became of a photo: its result, how long saving took in seconds, and why what outputs failed."""

    result: SoftSegmentation
    saving: float
    failed: dict[Path, str]


def run(jobs: Sequence[Job], options: dict[str, Any], force: bool, quiet: bool, began: float) -> int:
    """Decompose photos and write the results; a photo that fails is reported, and the next one is taken.

    Parameters
    ----------
    jobs : sequence of Job
        The photos, in the order in which they are taken.
    options : dict
        What `softseg.segment` is given besides the photo.
    force : bool
        Whether photos that are finished are taken again.
    quiet : bool
        Whether nothing but warnings and errors is printed.
    began : float
        When the command began, on the clock of `time.perf_counter`.

    Returns
    -------
    int
        0, or 1 if a photo failed, or one of its outputs.
    """
    from softseg.progress import reporter

    waiting = [job for job in jobs if force or not job.finished]
    several, failed, reports = len(jobs) > 1, 0, []
    with reporter(not quiet) as tell:
        _say_that_it_starts(tell)
        from softseg.formats.packing import (
            shortened,
        )  # now that there is something to see: imports take seconds
        from softseg.images import as_image

        for index, job in enumerate(waiting):
            progress = _make_share(tell, index, len(waiting), job.photo.name) if tell and several else tell
            try:
                with one_line_warnings(f"{job.photo}: "):
                    # As short as it came: the method has its own copy, of 64 bits.
                    outcome = decompose(job, shortened(as_image(job.photo)), progress, options)
            except FAILURES as error:
                complain(f"{job.photo}: {_say_why(error)}")
                failed += 1
                continue
            if outcome.failed:
                complain(f"{job.photo}: {_say_failures(outcome)}")
                failed += 1
            if len(outcome.failed) < len(job.outputs):
                reports.append(_say_outcome(job, outcome) if several else summary(job, outcome, began))
    if several or not waiting:
        before = len(jobs) - len(waiting)
        reports.append(_say_tally(len(waiting) - failed, before, failed))
    if not quiet and reports:  # after the bar, which stands on another stream
        print("\n".join(reports))
    return FAILED if failed else DONE


def decompose(job: Job, image: np.ndarray, progress: Any, options: dict[str, Any]) -> Outcome:
    """Decompose a photo and write its layers; an output that fails is noted, and the next one is written.

    Parameters
    ----------
    job : Job
        What to write.
    image : ndarray, shape (H, W, 3)
        The photo, as `softseg.segment` takes it.
    progress : callable or None
        What is told how far it is, with each output as a stage of its own.
    options : dict
        What `softseg.segment` is given besides the photo.

    Returns
    -------
    Outcome
        What became of it.

    Raises
    ------
    OSError, ValueError
        Before the long work, if an output can be known to be impossible. Folders are made.
    """
    from softseg.formats import check_output
    from softseg.progress import Stages

    for folder in job.folders:
        folder.mkdir(parents=True, exist_ok=True)  # whatever it is called, it is one from here on
    for output in job.outputs:
        check_output(output, *image.shape[:2])
    while_segmenting, while_saving = _divide(progress, len(job.outputs))
    result = softseg.segment(image, progress=while_segmenting, **options)
    stages, failed = Stages([f"saving {output}" for output in job.outputs], while_saving), {}
    for index, output in enumerate(job.outputs):
        with stages.stage(f"saving {output}"):
            try:
                if index == 0 and _count_colored(job) > 1:
                    # Found once for all. If there is no room for them, each writer finds them piece by piece.
                    with contextlib.suppress(MemoryError):
                        result.colors  # noqa: B018  # kept from now on
                _fill_folder(output, result) if output in job.folders else result.save(output)
            except FAILURES as error:
                failed[output] = _say_why(error)
    return Outcome(result, sum(stages.timings.values()), failed)


def summary(job: Job, outcome: Outcome, began: float) -> str:
    """Return what was written and how long it took since the command began, on a few lines."""
    from softseg.formats import FORMATS

    result = outcome.result
    height, width, count = result.alphas.shape
    layers = "layer_1.png" if count == 1 else f"layer_1.png .. layer_{count}.png"
    meanings = dict.fromkeys(job.folders, f"{layers}, {SHEET}, layers.npz")
    meanings |= {file: FORMATS[file.suffix.lower()].meaning for file in job.files}
    written = {
        f"{output}/" if output in job.folders else str(output): meaning
        for output, meaning in meanings.items()
        if output not in outcome.failed
    }
    working_height, working_width = result.features.shape[:2]
    shrunk = f", worked on at {working_width} x {working_height}" * (working_height < height)
    times = {**result.timings, "saving": outcome.saving}
    total = time.perf_counter() - began
    # Imports above all, and reading the photo.
    times |= {"other": max(total - sum(times.values()), 0.0), "total": total}
    column = max(map(len, [*written, *times])) + 2
    return "\n".join(
        [
            f"{job.photo.name}, {width} x {height} pixels{shrunk}: {_count_layers(count)}",
            *(f"  {path:<{column}}{what}" for path, what in written.items()),
            "Time",
            *(f"  {stage:<{column}}{seconds:8.2f} s" for stage, seconds in times.items()),
        ]
    )


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


def _find_photos(given: str) -> list[Path]:
    path = Path(given)
    if path.is_file():
        return [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in PHOTO_SUFFIXES)
        found = [file for file in files if file.is_file() and not file.name.startswith(".")]
        missing = f"no photos in the folder {given}"
    else:
        found = [Path(file) for file in sorted(glob.glob(given, recursive=True)) if Path(file).is_file()]
        missing = f"no such file: {given}"
    if not found:
        raise typer.BadParameter(missing, param_hint="'PHOTO'")
    return found


def _complete_output(output: str, several: bool) -> tuple[str, bool]:
    """Return an output with ``{name}`` where it is needed, and whether it is a folder."""
    from softseg.formats import FORMATS, format_of

    named = Path(output.replace(NAME, "name"))
    if Path(output).is_dir() or not named.suffix:
        return (str(Path(output) / NAME) if several and NAME not in output else output), True
    if format_of(named) is None:
        raise typer.BadParameter(
            f"expected a folder or a name that ends in {', '.join(FORMATS)}, got {output}",
            param_hint="'--output'",
        )
    if several and NAME not in output:
        raise typer.BadParameter(
            f"several photos cannot all be written to {output}: put {NAME} into it", param_hint="'--output'"
        )
    return output, False


def _make_job(photo: Path, templates: Sequence[tuple[str, bool]]) -> Job:
    outputs = dict.fromkeys((Path(text.replace(NAME, photo.stem)), folder) for text, folder in templates)
    return Job(
        photo,
        tuple(path for path, folder in outputs if folder),
        tuple(path for path, folder in outputs if not folder),
    )


def _check_written_once(jobs: Sequence[Job]) -> None:
    photos = {job.photo.resolve() for job in jobs}
    writers: dict[Path, Path] = {}
    for job in jobs:
        for output in job.outputs:
            if output.resolve() in photos:
                raise typer.BadParameter(f"{output} is a photo", param_hint="'--output'")
            other = writers.setdefault(output.resolve(), job.photo)
            if other != job.photo:
                raise typer.BadParameter(
                    f"{other} and {job.photo} would both be written to {output}", param_hint="'--output'"
                )


def _fill_folder(folder: Path, result: SoftSegmentation) -> None:
    from softseg._files import whole_files
    from softseg.layers import contact_sheet

    (folder / SHEET).unlink(missing_ok=True)
    result.save(folder)
    result.save(folder / "layers.npz")
    with whole_files(folder) as scratch:
        contact_sheet(result).save(scratch / SHEET)


def _count_colored(job: Job) -> int:
    """Return how many outputs hold the layers' colors."""
    return len(job.folders) + sum(file.suffix.lower() not in WITHOUT_COLORS for file in job.files)


def _say_that_it_starts(tell: Callable[..., object] | None) -> None:
    if tell is not None:
        tell("starting", 0, 1)


def _divide(
    tell: Callable[..., object] | None, outputs: int
) -> tuple[Callable[..., object] | None, Callable[..., object] | None]:
    """Return what is told of the method's stages and of saving, which count the outputs as stages too."""
    if tell is None:
        return None, None
    stages = 0

    def while_segmenting(stage: str, done: int, total: int) -> None:
        nonlocal stages
        stages = total
        tell(stage, done, total + outputs)

    def while_saving(stage: str, done: int, total: int) -> None:
        tell(stage, stages + done, stages + total)

    return while_segmenting, while_saving


def _make_share(tell: Callable[..., object], index: int, count: int, name: str) -> Callable[..., object]:
    """Return what reports one photo's progress as a share of that of all photos."""

    def progress(stage: str, done: int, total: int) -> None:
        tell(f"{index + 1} of {count}, {name}: {stage}", index * total + done, count * total)

    return progress


def _say_why(error: BaseException) -> str:
    return str(error) or "out of memory: try a smaller photo"


def _say_failures(outcome: Outcome) -> str:
    return "; ".join(f"cannot write {output}: {why}" for output, why in outcome.failed.items())


def _say_outcome(job: Job, outcome: Outcome) -> str:
    outputs = ", ".join(str(output) for output in job.outputs if output not in outcome.failed)
    return f"{job.photo}: {_count_layers(outcome.result.alphas.shape[2])} in {outputs}"


def _count_layers(count: int) -> str:
    return f"{count} soft layer{'s' * (count > 1)}"


def _say_tally(done: int, before: int, failed: int) -> str:
    parts = [f"{done} done"]
    if before:
        parts.append(f"{before} finished before (--force does them again)")
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts)
