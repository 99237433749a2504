"""One photo: whether it is finished, and if not how it is read, decomposed and written; what became of it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import softseg
from softseg.cli import machine, manifest
from softseg.cli.decomposing import decompose
from softseg.cli.exchange import FAILURES, Done, End, Request
from softseg.cli.manifest import IN_THE_WAY, State
from softseg.cli.messages import one_line_warnings
from softseg.cli.outputs import Job
from softseg.cli.reports import say_failures, say_outcome, say_why, summary
from softseg.cli.writing import as_recipe, find_told

if TYPE_CHECKING:
    import numpy as np

    from softseg.photos import Photo


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
