"""A photo is decomposed, and its outputs are written, each for itself: one that fails costs no other."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import softseg
from softseg._files import make_folder, real_path, whole_files
from softseg.cli import manifest
from softseg.cli.exchange import FAILURES
from softseg.cli.outputs import Job
from softseg.cli.reports import Outcome, divide, say_why
from softseg.cli.writing import as_recipe, check_told, find_told

if TYPE_CHECKING:
    import numpy as np

    from softseg.photos import Photo
    from softseg.result import SoftSegmentation

# Files that do without the layers' colors; of any other it is taken that they hold them.
WITHOUT_COLORS = {".json", ".npz", ".png", ".tif", ".tiff"}


def decompose(
    job: Job[Path],
    image: np.ndarray | Photo,
    progress: Any,
    options: dict[str, Any],
    made_from: dict[str, Any],
    writing: dict[str, Any] | None = None,
) -> Outcome:
    """Decompose a photo and write its layers; an output that fails is noted, and the next one is written.

    Parameters
    ----------
    job : Job
        What to write.
    image : Photo or ndarray, shape (H, W, 3)
        The photo, as `softseg.segment` takes it.
    progress : callable or None
        What is told how far it is, with each output as a stage of its own.
    options : dict
        What `softseg.segment` is given besides the photo.
    made_from : dict
        What the outputs' records say that they were made from.
    writing : dict, optional
        What the outputs' writers are told, if they take it.

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
        make_folder(folder)  # whatever it is called, it is one from here on
    for output in job.outputs:
        told = find_told(output, job, writing or {})
        check_output(output, *image.shape[:2])
        check_told(told, *image.shape[:2])
        manifest.check_place(output, output in job.folders)
    while_segmenting, while_saving = divide(progress, len(job.outputs))
    result = softseg.segment(image, progress=while_segmenting, **options)
    stages, failed = Stages([f"saving {output}" for output in job.outputs], while_saving), {}
    for index, output in enumerate(job.outputs):
        with stages.stage(f"saving {output}"):
            try:
                if index == 0 and _count_colored(job) > 1 and "max_memory" not in options:
                    # Found once for all. If there is no room for them, each writer finds them piece by piece,
                    # for which memory is planned.
                    with contextlib.suppress(MemoryError):
                        result.colors  # noqa: B018  # kept from now on
                _save(output, job, result, made_from, writing or {})
            except FAILURES as error:
                failed[output] = say_why(error)
    return Outcome(result, sum(stages.timings.values()), failed)


def _save(
    output: Path,
    job: Job[Path],
    result: SoftSegmentation,
    made_from: dict[str, Any],
    writing: dict[str, Any],
) -> None:
    """Write one output, and record what it was made from."""
    is_folder, told = output in job.folders, find_told(output, job, writing)
    with manifest.recorded(output, is_folder, {**made_from, **as_recipe(told)}):
        if is_folder:
            _fill_folder(output, result, told)
        else:
            _save_file(output, result, told)


def _save_file(file: Path, result: SoftSegmentation, told: dict[str, Any]) -> None:
    from softseg.formats import format_of
    from softseg.formats.names import checked_names

    kind, names = format_of(file), told.get("names")
    if kind is not None and kind.reader is not None and names is not None:
        count = result.alphas.shape[2]
        if len(names) != count:  # nothing is lost: what can be read again is written without them
            result.save(file, **{name: value for name, value in told.items() if name != "names"})
            checked_names(names, count)  # raises
    result.save(file, **told)


def _fill_folder(folder: Path, result: SoftSegmentation, told: dict[str, Any]) -> None:
    from softseg.layers import contact_sheet

    before = manifest.look(folder, is_folder=True)
    real_path(folder / manifest.SHEET).unlink(missing_ok=True)  # a link stays, and is written through
    archive = {"names": told["names"]} if told.get("names") is not None else {}
    _save_file(folder / manifest.ARCHIVE, result, archive)  # first: the work is not lost if names do not fit
    result.save(folder, **told)
    with whole_files(folder) as scratch:
        contact_sheet(result).save(scratch / manifest.SHEET)
    _remove_left(folder, before)


def _remove_left(folder: Path, before: dict[str, tuple[int, int, int]]) -> None:
    """Remove the layers of an earlier result that were not replaced, so that the folder holds one result.

    They are of the other kind: colored layers, or alphas alone. What somebody else wrote stays.
    """
    from softseg.formats.png import is_ours

    for name, look in manifest.look(folder, is_folder=True).items():
        if manifest.LAYER.fullmatch(name) and before.get(name) == look and is_ours(folder / name):
            (folder / name).unlink()


def _count_colored(job: Job[Path]) -> int:
    """Return how many outputs hold the layers' colors."""
    return len(job.folders) + sum(file.suffix.lower() not in WITHOUT_COLORS for file in job.files)
