"""Photos one after the other, and what becomes of each. One that fails keeps no other from being done."""

from __future__ import annotations

import contextlib
import inspect
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import softseg
from softseg.cli import manifest
from softseg.cli.inputs import say_skipped
from softseg.cli.manifest import State
from softseg.cli.messages import DONE, FAILED, complain, one_line_warnings, say
from softseg.cli.outputs import Job, Plan
from softseg.cli.outputs import known_formats as known_formats
from softseg.cli.reports import (
    Outcome,
    Tally,
    divide,
    make_share,
    say_failures,
    say_outcome,
    say_that_it_starts,
    say_why,
    summary,
)
from softseg.cli.stopping import Interrupted

if TYPE_CHECKING:
    import numpy as np

    from softseg.photos import Photo
    from softseg.result import SoftSegmentation

# Files that do without the layers' colors; of any other it is taken that they hold them.
WITHOUT_COLORS = {".json", ".npz", ".png", ".tif", ".tiff"}
# What keeps one photo or one output from being done, and no other, and says in its message what is wrong.
# Anything else is a defect, of which a line says little.
FAILURES = (MemoryError, OSError, TypeError, ValueError, RuntimeError, ArithmeticError, EOFError)
# What is wrong with what is there already, where an output should go.
IN_THE_WAY = {
    State.CHANGED: "somebody changed it since softseg wrote it (--force replaces it)",
    State.UNKNOWN: "it is there, and nothing says that softseg wrote it (--force replaces it)",
}


@dataclass(frozen=True)
class Request:
    """What is asked of every photo.

    Attributes
    ----------
    options : dict
        What `softseg.segment` is given besides the photo.
    recipe : dict
        All that the result depends on besides the photo, as JSON can hold it. If it is another than what an
        output was made from, the photo is done again.
    force : bool
        Whether photos that are finished are done again, and whatever is there is replaced.
    quiet : bool
        Whether nothing but warnings and errors is printed.
    reading : dict
        What `softseg.read_photo` is told.
    writing : dict
        What writers of outputs are told, if they take it.
    """

    options: dict[str, Any]
    recipe: dict[str, Any]
    force: bool
    quiet: bool
    reading: dict[str, Any] = field(default_factory=dict)
    writing: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Course:
    """How far a batch has come: its tally, what to print in the end, and the first defect."""

    tally: Tally = field(default_factory=Tally)
    reports: list[str] = field(default_factory=list)
    defect: Exception | None = None


def run(plan: Plan, request: Request, began: float) -> int:
    """Decompose photos and write the results; a photo that fails is reported, and the next one is taken.

    Parameters
    ----------
    plan : Plan
        The photos, and what is written of each.
    request : Request
        What is asked of every photo.
    began : float
        When the command began, on the clock of `time.perf_counter`.

    Returns
    -------
    int
        0, or 1 if a photo failed, or one of its outputs.

    Raises
    ------
    Interrupted
        If somebody asks to stop. What was finished is printed.
    """
    course = _Course(Tally(failed=plan.failed))
    total = len(plan.jobs) + plan.failed
    for failure in plan.failures:
        complain(failure)
    try:
        _run_all(plan, request, course, began)
    except KeyboardInterrupt:
        raise Interrupted(course.tally.say_of(total)) from None
    finally:  # after the bar, which stands on another stream
        if not request.quiet and course.reports:
            say("\n".join(course.reports))
    if course.defect is not None:
        traceback.print_exception(course.defect)
    return FAILED if course.tally.failed else DONE


def _run_all(plan: Plan, request: Request, course: _Course, began: float) -> None:
    from softseg.progress import reporter

    with reporter(not request.quiet) as tell:
        say_that_it_starts(tell)
        for index, job in enumerate(plan.jobs):
            share = make_share(tell, index, len(plan.jobs), job.photo.name) if tell and plan.several else tell
            try:
                with one_line_warnings(f"{job.photo}: "):
                    report = _do(job, share, request, course.tally, None if plan.several else began)
            except FAILURES as error:
                complain(f"{job.photo}: {say_why(error)}")
                course.tally.failed += 1
            except ImportError:  # a package that all photos need
                raise
            except Exception as error:
                if not plan.several:
                    raise
                complain(
                    f"{job.photo}: a defect of softseg, please report it: {type(error).__name__}: {error}"
                )
                course.tally.failed += 1
                course.defect = course.defect or error
            else:
                course.reports += report
    if plan.several or course.tally.before:
        course.reports.append(str(course.tally))
    for line, may_be_wanted in say_skipped(plan.skipped):
        if may_be_wanted:
            complain(f"warning: {line}")
        else:
            course.reports.append(line)


def _do(job: Job, progress: Any, request: Request, tally: Tally, began: float | None) -> list[str]:
    """Do one photo unless it is finished, count it, and return what there is to report.

    ``began`` is when the command began, if this is the only photo.
    """
    seen = _look_at(job.photo)
    made_from = {"photo": manifest.hash_file(job.photo), "softseg": softseg.__version__, **request.recipe}
    states = {} if request.force else _find_states(job, made_from, request.writing)
    kept = [output for output, state in states.items() if state is State.EDITED]
    for output in kept:
        complain(
            f"warning: {job.photo}: kept {output}, which somebody changed since softseg wrote it "
            "(--force replaces it)"
        )
    if states and all(state in (State.FINISHED, State.EDITED) for state in states.values()):
        tally.before += 1
        return []
    failed = {output: IN_THE_WAY[state] for output, state in states.items() if state in IN_THE_WAY}
    rest = job.without([*kept, *failed])
    outcome = None
    if rest.outputs:
        image = _read(job.photo, request.reading)
        if _look_at(job.photo) != seen:
            raise ValueError("the photo was changed while it was read: run the command again")
        outcome = decompose(rest, image, progress, request.options, made_from, request.writing)
        failed |= outcome.failed
    if failed:
        complain(f"{job.photo}: {say_failures(failed)}")
        tally.failed += 1
    else:
        tally.done += 1
    if outcome is None or len(outcome.failed) == len(rest.outputs):
        return []
    return [say_outcome(rest, outcome) if began is None else summary(rest, outcome, began)]


def decompose(
    job: Job,
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
        folder.mkdir(parents=True, exist_ok=True)  # whatever it is called, it is one from here on
    for output in job.outputs:
        check_output(output, *image.shape[:2])
        manifest.check_place(output, output in job.folders)
        with contextlib.suppress(FileNotFoundError):
            output.lstat()  # says if the name is too long
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


def _look_at(photo: Path) -> tuple[int, int, int]:
    """Return what tells whether a photo is replaced; an empty file is an error."""
    stat = photo.stat()
    if stat.st_size == 0:
        raise ValueError("expected an image, got an empty file")
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _read(photo: Path, reading: dict[str, Any]) -> np.ndarray | Photo:
    """Read a photo. A plain one is as short as it came: the method has its own copy, of 64 bits."""
    from softseg.formats.packing import shortened  # now that the bar is there: imports take seconds
    from softseg.photos import as_photo

    read = as_photo(photo, **reading)
    plain = read.profile is None and read.opacity is None
    return shortened(read.pixels) if plain else read


def _find_states(job: Job, made_from: dict[str, Any], writing: dict[str, Any]) -> dict[Path, State]:
    return {
        output: manifest.find_state(
            output, output in job.folders, {**made_from, **_find_writers_options(output, job, writing)}
        )
        for output in job.outputs
    }


def _find_writers_options(output: Path, job: Job, writing: dict[str, Any]) -> dict[str, Any]:
    """Return what an output's writer is told, if it takes it: also the photo's name, as COCO's does."""
    from softseg.formats import format_of
    from softseg.formats.registry import FOLDER

    chosen = FOLDER if output in job.folders else format_of(output)
    if chosen is None:
        return {}
    taken = inspect.signature(chosen.load_writer()).parameters
    offered = {"file_name": job.photo.name, **writing}
    return {name: value for name, value in offered.items() if name in taken}


def _save(
    output: Path,
    job: Job,
    result: SoftSegmentation,
    made_from: dict[str, Any],
    writing: dict[str, Any],
) -> None:
    """Write one output, and record what it was made from."""
    is_folder, told = output in job.folders, _find_writers_options(output, job, writing)
    with manifest.recorded(output, is_folder, {**made_from, **told}):
        if is_folder:
            _fill_folder(output, result, told)
        else:
            result.save(output, **told)


def _fill_folder(folder: Path, result: SoftSegmentation, told: dict[str, Any]) -> None:
    from softseg._files import whole_files
    from softseg.layers import contact_sheet

    (folder / manifest.SHEET).unlink(missing_ok=True)
    result.save(folder, **told)
    result.save(folder / manifest.ARCHIVE)
    with whole_files(folder) as scratch:
        contact_sheet(result).save(scratch / manifest.SHEET)


def _count_colored(job: Job) -> int:
    """Return how many outputs hold the layers' colors."""
    return len(job.folders) + sum(file.suffix.lower() not in WITHOUT_COLORS for file in job.files)
