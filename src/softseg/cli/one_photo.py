"""One photo: whether it is finished, and if not how it is read, decomposed and written; what became of it."""

from __future__ import annotations

import contextlib
import enum
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import softseg
from softseg._files import make_folder, real_path, whole_files
from softseg.cli import machine, manifest
from softseg.cli.manifest import IN_THE_WAY, State
from softseg.cli.messages import one_line_warnings
from softseg.cli.outputs import Job
from softseg.cli.reports import Outcome, divide, say_failures, say_outcome, say_why, summary
from softseg.cli.writing import as_recipe, check_told, find_told

if TYPE_CHECKING:
    import numpy as np

    from softseg.photos import Photo
    from softseg.result import SoftSegmentation

# Files that do without the layers' colors; of any other it is taken that they hold them.
WITHOUT_COLORS = {".json", ".npz", ".png", ".tif", ".tiff"}
# What keeps one photo or one output from being done, and no other, and says in its message what is wrong.
# Anything else is a defect, of which a line says little.
FAILURES = (MemoryError, OSError, TypeError, ValueError, RuntimeError, ArithmeticError, EOFError)


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
    report : {"text", "json", "none"}
        What is printed of the results: lines for a person, or objects for a program, or nothing.
    """

    options: dict[str, Any]
    recipe: dict[str, Any]
    force: bool
    quiet: bool
    reading: dict[str, Any] = field(default_factory=dict)
    writing: dict[str, Any] = field(default_factory=dict)
    report: str = "text"


class End(enum.Enum):
    """How a photo ended."""

    DONE = "done"
    BEFORE = "finished before"
    FAILED = "failed"


@dataclass(frozen=True)
class Done:
    """What became of a photo, in words: small enough to be sent from one machine to another.

    Attributes
    ----------
    end : End
        How it ended.
    why : str
        In a line, which photo failed and why; empty if it did not.
    report : str
        What was written, in a line or a few; may be empty.
    defect : str
        The traceback, if it failed because softseg has a defect.
    photo : str
        Which it was.
    facts : dict
        What was written and how long it took, as JSON can hold it; empty unless a program is to be told.
    """

    end: End
    why: str = ""
    report: str = ""
    defect: str = ""
    photo: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def attempt(
    job: Job[Any],
    progress: Any,
    request: Request,
    warn: Callable[[str], None],
    began: float | None = None,
) -> Done:
    """Do one photo unless it is finished, and return what became of it.

    Parameters
    ----------
    job : Job
        The photo, and what is written of it.
    progress : callable or None
        What is told how far it is. What it raises stops the work.
    request : Request
        What is asked of it.
    warn : callable
        Is called with each warning, one line that names the photo.
    began : float, optional
        When the command began, on the clock of `time.perf_counter`, if this is the only photo. What is
        reported is then a summary, and a defect is raised.

    Raises
    ------
    ImportError
        If a package is missing that all photos need.
    """
    return replace(_attempt(job, progress, request, warn, began), photo=str(job.photo))


def _attempt(
    job: Job[Any],
    progress: Any,
    request: Request,
    warn: Callable[[str], None],
    began: float | None,
) -> Done:
    try:
        if job.is_elsewhere:
            return _do_elsewhere(job, progress, request, warn, began)
        with one_line_warnings(f"{job.photo}: ", warn):
            return _do(job, progress, request, warn, began)
    except FAILURES as error:
        return Done(End.FAILED, f"{job.photo}: {say_why(error)}")
    except ImportError:
        raise
    except Exception as error:
        if began is not None:
            raise
        return Done(
            End.FAILED,
            _say_defect(job, error),
            defect="".join(traceback.format_exception(error)),
        )


def _say_defect(job: Job[Any], error: Exception) -> str:
    return f"{job.photo}: a defect of softseg, please report it: {type(error).__name__}: {error}"


def _do_elsewhere(
    job: Job[Any],
    progress: Any,
    request: Request,
    warn: Callable[[str], None],
    began: float | None,
) -> Done:
    """Do a photo of which something is at a URL, on copies."""
    from softseg.cli.remote import Copies, carry

    def work(local: Job[Path], copies: Copies) -> Done:
        def warn_of_originals(line: str) -> None:
            renamed = copies.rename(line)
            warn(renamed)

        done = attempt(local, progress, request, warn_of_originals, began)
        facts = machine.rename_in(done.facts, copies.rename)
        return replace(done, why=copies.rename(done.why), report=copies.rename(done.report), facts=facts)

    done: Done
    done, failed = carry(job, not request.force, work)
    if not failed:
        return done
    reasons = [done.why.removeprefix(f"{job.photo}: "), say_failures(failed)]
    return replace(done, end=End.FAILED, why=f"{job.photo}: {'; '.join(filter(None, reasons))}")


def _do(
    job: Job[Path],
    progress: Any,
    request: Request,
    warn: Callable[[str], None],
    began: float | None,
) -> Done:
    start, seen = time.perf_counter(), _look_at(job.photo)
    made_from = {"photo": manifest.hash_file(job.photo), "softseg": softseg.__version__, **request.recipe}
    states = {} if request.force else _find_states(job, made_from, request.writing)
    kept = [output for output, state in states.items() if state is State.EDITED]
    for output in kept:
        warn(
            f"warning: {job.photo}: kept {output}, which somebody changed since softseg wrote it "
            "(--force replaces it)"
        )
    if states and all(state in (State.FINISHED, State.EDITED) for state in states.values()):
        ends = {output: machine.KEPT if output in kept else machine.BEFORE for output in states}
        return Done(End.BEFORE, facts={"outputs": machine.describe_outputs(job.outputs, ends, {})})
    failed = {output: IN_THE_WAY[state] for output, state in states.items() if state in IN_THE_WAY}
    facts: dict[str, Any] = {}
    rest = job.without([*kept, *failed])
    report = ""
    if rest.outputs:
        image = _read(job.photo, request.reading)
        if _look_at(job.photo) != seen:
            raise ValueError("the photo was changed while it was read: run the command again")
        outcome = decompose(rest, image, progress, request.options, made_from, request.writing)
        failed |= outcome.failed
        if len(outcome.failed) < len(rest.outputs):
            kind = "alpha" if request.writing.get("alphas") else "layer"
            report = say_outcome(rest, outcome) if began is None else summary(rest, outcome, began, kind)
        if request.report == "json":
            facts = machine.describe_outcome(outcome, request.writing.get("names"))
            facts["seconds"] |= machine.as_seconds({"total": time.perf_counter() - start})
    facts["outputs"] = machine.describe_outputs(job.outputs, dict.fromkeys(kept, machine.KEPT), failed)
    if failed:
        return Done(End.FAILED, f"{job.photo}: {say_failures(failed)}", report, facts=facts)
    return Done(End.DONE, report=report, facts=facts)


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


def _find_states(job: Job[Path], made_from: dict[str, Any], writing: dict[str, Any]) -> dict[Path, State]:
    return {
        output: manifest.find_state(
            output,
            output in job.folders,
            {**made_from, **as_recipe(find_told(output, job, writing))},
        )
        for output in job.outputs
    }


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
            result.save(output, **told)


def _fill_folder(folder: Path, result: SoftSegmentation, told: dict[str, Any]) -> None:
    from softseg.layers import contact_sheet

    real_path(folder / manifest.SHEET).unlink(missing_ok=True)  # a link stays, and is written through
    result.save(folder / manifest.ARCHIVE)  # first, so that the work is not lost if names do not fit
    result.save(folder, **told)
    with whole_files(folder) as scratch:
        contact_sheet(result).save(scratch / manifest.SHEET)


def _count_colored(job: Job[Path]) -> int:
    """Return how many outputs hold the layers' colors."""
    return len(job.folders) + sum(file.suffix.lower() not in WITHOUT_COLORS for file in job.files)
