"""Photos one after the other: which are taken, what is written where, and what becomes of each."""

from __future__ import annotations

import glob
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


@dataclass(frozen=True)
class Job:
    """A photo, and the folders and files to write."""

    photo: Path
    folders: tuple[Path, ...]
    files: tuple[Path, ...]

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


def run(jobs: Sequence[Job], options: dict[str, Any], force: bool, quiet: bool) -> int:
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

    Returns
    -------
    int
        0, or 1 if a photo failed.
    """
    from softseg.images import as_image
    from softseg.progress import reporter

    waiting = [job for job in jobs if force or not job.finished]
    several, failed, reports = len(jobs) > 1, 0, []
    with reporter(not quiet) as tell:
        for index, job in enumerate(waiting):
            progress = _make_share(tell, index, len(waiting), job.photo.name) if tell and several else tell
            try:
                with one_line_warnings(f"{job.photo}: "):
                    result = decompose(job, as_image(job.photo), progress, options)
            except (MemoryError, OSError, TypeError, ValueError) as error:
                complain(f"{job.photo}: {str(error) or 'out of memory: try a smaller photo'}")
                failed += 1
            else:
                reports.append(_say_outcome(job, result) if several else summary(job, result))
    if several or not waiting:
        before = len(jobs) - len(waiting)
        reports.append(_say_tally(len(waiting) - failed, before, failed))
    if not quiet and reports:  # after the bar, which stands on another stream
        print("\n".join(reports))
    return FAILED if failed else DONE


def decompose(job: Job, image: np.ndarray, progress: Any, options: dict[str, Any]) -> SoftSegmentation:
    """Decompose a photo and write its layers.

    Parameters
    ----------
    job : Job
        What to write.
    image : ndarray, shape (H, W, 3)
        The photo, float in [0, 1].
    progress : callable or None
        What `softseg.segment` tells how far it is.
    options : dict
        What `softseg.segment` is given besides the photo.

    Returns
    -------
    SoftSegmentation
        What was written.
    """
    # Folders are made before the long work, so that it is not for nothing.
    for folder in [*job.folders, *(file.parent for file in job.files)]:
        folder.mkdir(parents=True, exist_ok=True)
    result = softseg.segment(image, progress=progress, **options)
    for folder in job.folders:
        _fill_folder(folder, result)
    for file in job.files:
        result.save(file)
    return result


def summary(job: Job, result: SoftSegmentation) -> str:
    """Return what was written and how long it took, on a few lines."""
    from softseg.formats import FORMATS

    height, width, count = result.alphas.shape
    layers = "layer_1.png" if count == 1 else f"layer_1.png .. layer_{count}.png"
    written = {f"{folder}/": f"{layers}, {SHEET}, layers.npz" for folder in job.folders}
    written |= {str(file): FORMATS[file.suffix.lower()].meaning for file in job.files}
    working_height, working_width = result.features.shape[:2]
    shrunk = f", worked on at {working_width} x {working_height}" * (working_height < height)
    times = {**result.timings, "total": sum(result.timings.values())}
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
        for output in (*job.folders, *job.files):
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


def _make_share(tell: Callable[..., object], index: int, count: int, name: str) -> Callable[..., object]:
    """Return what reports one photo's progress as a share of that of all photos."""

    def progress(stage: str, done: int, total: int) -> None:
        tell(f"{index + 1} of {count}, {name}: {stage}", index * total + done, count * total)

    return progress


def _say_outcome(job: Job, result: SoftSegmentation) -> str:
    outputs = ", ".join(map(str, (*job.folders, *job.files)))
    return f"{job.photo}: {_count_layers(result.alphas.shape[2])} in {outputs}"


def _count_layers(count: int) -> str:
    return f"{count} soft layer{'s' * (count > 1)}"


def _say_tally(done: int, before: int, failed: int) -> str:
    parts = [f"{done} done"]
    if before:
        parts.append(f"{before} finished before (--force does them again)")
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts)
