"""Photos one after the other, and what becomes of each. One that fails keeps no other from being done."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TextIO

from softseg.cli import machine
from softseg.cli.exchange import Done, End, Request
from softseg.cli.inputs import say_skipped
from softseg.cli.messages import DONE, FAILED, complain, say
from softseg.cli.one_photo import attempt
from softseg.cli.outputs import Plan
from softseg.cli.outputs import known_formats as known_formats
from softseg.cli.reports import Tally, make_share, say_that_it_starts
from softseg.cli.stopping import Interrupted

#: What becomes of photos, one by one.
Ended = Generator[Done, None, None]
#: What does photos, and yields what becomes of each, in any order: it is given the photos, what is asked of
#: them, what is told of the progress or None, and what is called with each warning.
Way = Callable[[Plan, Request, Any, Callable[[str], None]], Ended]


@dataclass
class _Course:
    """How far a batch has come: its tally, what to print in the end, and the first defect's traceback.

    Whatever is said is renamed, because files may stand in place of standard input and output. ``out`` is
    standard output, which is kept from others meanwhile.
    """

    report: str
    rename: Callable[[str], str]
    out: TextIO | None
    tally: Tally = field(default_factory=Tally)
    reports: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    defect: str = ""

    def warn(self, line: str) -> None:
        """Print a warning, and keep it for what is said of its photo."""
        renamed = self.rename(line)
        complain(renamed)
        self.warnings.append(renamed)

    def fail(self, why: str) -> None:
        """Say of photos that are not even tried why that is."""
        renamed = self.rename(why)
        complain(renamed)
        if self.report == "json":
            machine.emit_error(renamed, FAILED, self.out)

    def count(self, done: Done) -> None:
        """Count a photo; say at once why it failed, and keep what else there is to say."""
        if done.why:
            renamed = self.rename(done.why)
            complain(renamed)
        if self.report == "json":
            self._emit(done)
        if done.report:
            self.reports.append(self.rename(done.report))
        self.tally.done += done.end is End.DONE
        self.tally.before += done.end is End.BEFORE
        self.tally.failed += done.end is End.FAILED
        self.defect = self.defect or done.defect

    def _emit(self, done: Done) -> None:
        photo = self.rename(done.photo)
        of_it = f"warning: {photo}: "
        facts = {
            "photo": photo,
            "status": done.end.value,
            **machine.complete(machine.rename_in(done.facts, self.rename)),
            "warnings": [line.removeprefix(of_it) for line in self.warnings if line.startswith(of_it)],
        }
        self.warnings.clear()
        failed = done.end is End.FAILED
        why = self.rename(done.why).removeprefix(f"{photo}: ") if failed else None
        machine.emit("photo", facts, why, FAILED if failed else DONE, self.out)


def run(
    plan: Plan,
    request: Request,
    began: float,
    way: Way | None = None,
    rename: Callable[[str], str] = str,
) -> int:
    """Decompose photos and write the results; a photo that fails is reported, and the next one is taken.

    Parameters
    ----------
    plan : Plan
        The photos, and what is written of each.
    request : Request
        What is asked of every photo.
    began : float
        When the command began, on the clock of `time.perf_counter`.
    way : callable, optional
        How they are done. Default: one after the other in this process.
    rename : callable, optional
        Returns a text with what files are called for the user. Default: by their names.

    Returns
    -------
    int
        0, or 1 if a photo failed, or one of its outputs.

    Raises
    ------
    Interrupted
        If somebody asks to stop. What was finished is printed.
    """
    report = "none" if sys.stdout is None else request.report  # closed, as by >&-
    course = _Course(report, rename, sys.stdout, Tally(failed=plan.failed))
    total = len(plan.jobs) + plan.failed
    for failure in plan.failures:
        course.fail(failure)
    try:
        # What extractors of other packages print is not for the program that reads standard output.
        with contextlib.redirect_stdout(sys.stdout if report == "text" else sys.stderr):
            _run_all(plan, request, course, way or functools.partial(_one_by_one, began))
    except KeyboardInterrupt:
        raise Interrupted(course.tally.say_of(total)) from None
    finally:  # after the bar, which stands on another stream
        if not request.quiet and report == "text" and course.reports:
            say("\n".join(course.reports))
    if course.defect and sys.stderr is not None:
        print(course.defect, end="", file=sys.stderr)
    return FAILED if course.tally.failed else DONE


def _run_all(plan: Plan, request: Request, course: _Course, way: Way) -> None:
    from softseg.progress import reporter

    with reporter(not request.quiet and request.report != "json") as tell:
        say_that_it_starts(tell)
        with contextlib.closing(way(plan, request, tell, course.warn)) as ended:
            for done in ended:
                course.count(done)
    if plan.several or course.tally.before:
        course.reports.append(str(course.tally))
    if course.report == "json":
        for reason, paths in plan.skipped.items():
            machine.emit("skipped", {"reason": reason, "files": list(map(str, paths))}, out=course.out)
    for line, may_be_wanted in say_skipped(plan.skipped):
        if may_be_wanted:
            complain(f"warning: {line}")
        else:
            course.reports.append(line)


def _one_by_one(began: float, plan: Plan, request: Request, tell: Any, warn: Callable[[str], None]) -> Ended:
    for index, job in enumerate(plan.jobs):
        share = make_share(tell, index, len(plan.jobs), job.photo.name) if tell and plan.several else tell
        alone = not plan.several and request.report != "json"
        yield attempt(job, share, request, warn, began if alone else None)
