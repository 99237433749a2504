r"""Results and errors for programs: one JSON object per line on standard output (``--json``).

What the keys mean is in docs/reference/command-line.md. Letters beyond ASCII are written as ``\u`` and
digits, so that a line is the same in every terminal and locale.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from softseg.cli.messages import DONE, on_one_line, writing_to_standard_output

if TYPE_CHECKING:
    import numpy as np

    from softseg.cli.reports import Outcome
    from softseg.layers.stack import Decomposition

# How the option is called.
OPTION = "--json"
# After this argument there are no options.
_END_OF_OPTIONS = "--"
# What becomes of an output.
WRITTEN, BEFORE, KEPT, NOT_WRITTEN = "written", "finished before", "kept", "failed"
# How many digits of shares and seconds are given behind the point.
_DIGITS = 6


def make_option(help: str) -> Any:
    """Return the option ``--json`` of a command."""
    return typer.Option(OPTION, help=help, rich_help_panel="What is said")


def wants_json(arguments: Iterable[str]) -> bool:
    """Return whether a command line asks for JSON, also one in which something else is wrong.

    Examples
    --------
    >>> from softseg.cli.machine import wants_json
    >>> wants_json(["info", "a.npz", "--json"]), wants_json(["info", "--", "--json"])
    (True, False)
    """
    for argument in arguments:
        if argument in (OPTION, _END_OF_OPTIONS):
            return argument == OPTION
    return False


def emit(
    kind: str,
    facts: Mapping[str, Any],
    error: str | None = None,
    exit_code: int = DONE,
    out: TextIO | None = None,
) -> None:
    """Print an object on a line of its own, at once; on standard output unless another file is given."""
    line = {"type": kind, **facts, "error": error, "exit_code": exit_code}
    with writing_to_standard_output():
        print(json.dumps(line, allow_nan=False), file=out or sys.stdout, flush=True)


def emit_error(message: str, exit_code: int, out: TextIO | None = None) -> None:
    """Print what went wrong with a whole command, or with photos that nothing else is said of."""
    emit("error", {}, on_one_line(message), exit_code, out)


def describe_result(result: Decomposition, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return a result's size, and its layers with their names and shares, as JSON can hold them.

    Parameters
    ----------
    result : SoftSegmentation
        What is described.
    names : sequence of str, optional
        What the layers are called. Default: the result's own names, or where they are.
    """
    from softseg.formats import layer_names
    from softseg.formats.names import given_names

    height, width, count = result.alphas.shape
    working_height, working_width = result.scene.shape
    called = names if names is not None and len(names) == count else given_names(result, None)
    shares = result.alphas.mean(axis=(0, 1), dtype=float)
    return {
        "width": width,
        "height": height,
        "working_width": working_width,
        "working_height": working_height,
        "layers": [
            {"name": name, "share": round(float(share), _DIGITS)}
            for name, share in zip(called or layer_names(result), shares, strict=True)
        ],
    }


def describe_outcome(outcome: Outcome, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return a photo's result, and how many seconds each stage took."""
    times = {**outcome.result.timings, "saving": outcome.saving}
    return {**describe_result(outcome.result, names), "seconds": as_seconds(times)}


def as_seconds(times: Mapping[str, float]) -> dict[str, float]:
    """Return times as they are printed: in whole microseconds."""
    return {stage: round(float(seconds), _DIGITS) for stage, seconds in times.items()}


def describe_outputs(
    outputs: Iterable[Any], states: Mapping[Any, str], failed: Mapping[Any, str]
) -> list[dict[str, Any]]:
    """Return what became of each output of a photo.

    Parameters
    ----------
    outputs : iterable of path
        All of them.
    states : mapping
        What became of some; of the others it is that they were written.
    failed : mapping
        Why some could not be written.
    """
    return [
        describe_output(
            output, NOT_WRITTEN if output in failed else states.get(output, WRITTEN), failed.get(output)
        )
        for output in outputs
    ]


def describe_output(output: Any, status: str = WRITTEN, error: str | None = None) -> dict[str, Any]:
    """Return what became of one output."""
    return {"path": str(output), "status": status, "error": error}


def describe_mask(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask's size, and how much of the photo it covers."""
    height, width = mask.shape
    return {"width": width, "height": height, "share": round(float(mask.mean(dtype=float)), _DIGITS)}


def describe_end(output: Path, began: float) -> dict[str, Any]:
    """Return that an output was written, and how long that took since a time of `time.perf_counter`."""
    total = time.perf_counter() - began
    return {"outputs": [describe_output(output)], "seconds": as_seconds({"total": total})}


def complete(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a photo's facts with all keys, in their order; what is not known is null, or an empty list."""
    empty: dict[str, Any] = {
        **dict.fromkeys(("width", "height", "working_width", "working_height", "layers", "seconds")),
        "outputs": [],
    }
    return empty | dict(facts)


def rename_in(facts: Any, rename: Callable[[str], str]) -> Any:
    """Return facts with other texts, such as the names of originals in place of those of copies."""
    if isinstance(facts, str | Path):
        return rename(str(facts))
    if isinstance(facts, Mapping):
        return {name: rename_in(value, rename) for name, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [rename_in(value, rename) for value in facts]
    return facts
