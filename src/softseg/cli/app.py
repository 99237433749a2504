"""The command line: ``softseg segment``, ``select``, ``refine``, ``info``, ``demo``, and two for features.

Results go to standard output; errors and warnings, a line each, to standard error. Exit codes: 0 done, 1 a
photo that cannot be processed, 2 bad usage, 130 interrupted, 143 terminated. What is heavy is imported inside
the commands, so that ``softseg --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

import softseg
from softseg.cli import machine, manifest, reports
from softseg.cli.convert import EXAMPLES as CONVERSION_EXAMPLES
from softseg.cli.convert import convert_checkpoint
from softseg.cli.decomposing import decompose
from softseg.cli.info import EXAMPLES as INFO_EXAMPLES
from softseg.cli.info import info
from softseg.cli.messages import BAD_USAGE, DONE, FAILED, INTERRUPTED, complain, one_line_warnings, say
from softseg.cli.outputs import Job
from softseg.cli.refine import EXAMPLES as REFINE_EXAMPLES
from softseg.cli.refine import refine
from softseg.cli.segment import EXAMPLES as SEGMENT_EXAMPLES
from softseg.cli.segment import segment
from softseg.cli.select import EXAMPLES as SELECT_EXAMPLES
from softseg.cli.select import select
from softseg.cli.stopping import Interrupted, Stop, orderly_stop
from softseg.cli.train import EXAMPLES as TRAINING_EXAMPLES
from softseg.cli.train import train_features
from softseg.progress import process_began

# click's UsageError. typer exports it under no name, and its newer versions bring a click of their own.
_UsageError: type[Exception] = typer.BadParameter.mro()[1]

app = typer.Typer(
    help="Semantic soft segmentation: from one photo to a stack of soft layers.",
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


# What stands below the help of ``softseg demo`` and ``softseg warm-up``.
DEMO_EXAMPLES = """\
[bold]Examples[/bold]

  softseg demo

  softseg demo -o astronaut/
"""
WARM_UP_EXAMPLES = """\
[bold]Examples[/bold]

  softseg warm-up

  NUMBA_CACHE_DIR=/var/cache/softseg softseg warm-up
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        What follows ``softseg``. Default: the process's own arguments.

    Returns
    -------
    int
        0 done, 1 a photo that cannot be processed, 2 bad usage, 130 interrupted, 143 terminated.
    """
    # Whoever gives arguments may have run for long before.
    began = process_began() if arguments is None else time.perf_counter()
    with orderly_stop(ends=arguments is None) as stop:
        return _run(arguments, began, stop)


def _run(arguments: list[str] | None, began: float, stop: Stop) -> int:
    """Run the command line, say in a line what went wrong, and return the exit code."""
    as_json = machine.wants_json(sys.argv[1:] if arguments is None else arguments)
    try:
        with one_line_warnings():
            code: int = app(arguments, prog_name="softseg", standalone_mode=False, obj=began) or DONE
        if code != INTERRUPTED:
            return code
        message = stop.word
    except (Exception, KeyboardInterrupt) as error:
        explained = _explain(error, stop)
        if explained is None:
            if as_json:
                what = f"a defect of softseg, please report it: {type(error).__name__}: {error}"
                machine.emit_error(what, FAILED)
            raise
        message, code = explained
    complain(message)
    if as_json:
        with contextlib.suppress(OSError):  # nobody may be reading any more
            machine.emit_error(message, code)
    return code


def _explain(error: BaseException, stop: Stop) -> tuple[str, int] | None:
    """Return what is said of an error, and the exit code; None if softseg did not foresee it."""
    if isinstance(error, _UsageError):
        return f"{error.format_message()} (softseg --help shows the usage)", BAD_USAGE  # type: ignore[attr-defined]
    # What typer makes of the end of a damaged file. It makes the same of KeyboardInterrupt.
    if isinstance(error, typer.Abort) and isinstance(error.__cause__, EOFError):
        return reports.say_why(error.__cause__), FAILED
    if isinstance(error, typer.Abort | KeyboardInterrupt):
        tally = error.tally if isinstance(error, Interrupted) else ""
        return "; ".join(filter(None, [stop.word, tally])), stop.code
    if isinstance(error, MemoryError | ImportError | OSError | TypeError | ValueError):
        return reports.say_why(error), FAILED
    return None


def _as_paragraphs(function: Callable[..., None]) -> str:
    """Return the help of a command: its docstring, whose lines the terminal breaks anew."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(function) or "")


def _add(function: Callable[..., None], examples: str) -> None:
    """Make a function a command, called like it."""
    app.command(function.__name__.replace("_", "-"), epilog=examples, help=_as_paragraphs(function))(function)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"softseg {softseg.__version__}")
        raise typer.Exit


@app.callback()
def _take_global_options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass


def demo(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where to.", file_okay=False)
    ] = Path("out"),
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace files that softseg did not write, or somebody changed."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")] = False,
) -> None:
    """Decompose a sample photo, scikit-image's astronaut (NASA, public domain)."""
    from skimage.data import astronaut

    from softseg.progress import reporter

    job = Job(Path("astronaut"), folders=(output,), files=())
    made_from = {"photo": "skimage.data.astronaut", "softseg": softseg.__version__}
    if not force:
        manifest.check_replaceable(output, True, made_from)
    with reporter(not quiet) as progress:
        outcome = decompose(job, astronaut(), progress, {}, made_from)
    for path, why in outcome.failed.items():
        complain(f"cannot write {path}: {why}")
    if not quiet and not outcome.failed:
        say(reports.summary(job, outcome, began=context.obj))
    raise typer.Exit(FAILED if outcome.failed else DONE)


def warm_up() -> None:
    """Compile all kernels now, so that the first photo need not wait for that.

    For containers, and before many processes start at once. Compiled kernels are kept beside the installed
    package, or in the folder that the environment variable NUMBA_CACHE_DIR names.
    """
    softseg.warm_up()


# In the order in which softseg --help lists them.
_add(segment, SEGMENT_EXAMPLES)
_add(select, SELECT_EXAMPLES)
_add(refine, REFINE_EXAMPLES)
_add(info, INFO_EXAMPLES)
_add(demo, DEMO_EXAMPLES)
_add(warm_up, WARM_UP_EXAMPLES)
_add(train_features, TRAINING_EXAMPLES)
_add(convert_checkpoint, CONVERSION_EXAMPLES)
