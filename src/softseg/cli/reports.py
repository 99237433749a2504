"""What is said of photos that were done, on standard output."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softseg._paths import explain, is_raw, show_path
from softseg.cli.manifest import ARCHIVE, LAYER, SHEET
from softseg.cli.outputs import Job

if TYPE_CHECKING:
    from softseg.result import SoftSegmentation


@dataclass(frozen=True)
class Outcome:
    """What became of a photo: its result, how long saving took in seconds, and why what outputs failed."""

    result: SoftSegmentation
    saving: float
    failed: dict[Path, str]


@dataclass
class Tally:
    """How many photos are done, were finished before, and failed."""

    done: int = 0
    before: int = 0
    failed: int = 0

    def __str__(self) -> str:
        parts = [f"{self.done} done"]
        if self.before:
            parts.append(f"{self.before} finished before (--force does them again)")
        if self.failed:
            parts.append(f"{self.failed} failed")
        return ", ".join(parts)

    def say_of(self, total: int) -> str:
        """Return how far one got with so many photos, if that is worth a word."""
        if total == 1:
            return ""
        parts = [f"{self.done} of {total} done"]
        if self.before:
            parts.append(f"{self.before} finished before")
        if self.failed:
            parts.append(f"{self.failed} failed")
        return ", ".join(parts)


def summary(job: Job[Path], outcome: Outcome, began: float, kind: str = "layer") -> str:
    """Return what was written and how long it took since the command began, on a few lines.

    Folders have files of a kind, by whose name they begin.
    """
    from softseg.formats import FORMATS

    result = outcome.result
    height, width, count = result.alphas.shape
    meanings = {
        folder: f"{_name_layers(folder, kind)}, {SHEET}, {ARCHIVE}"
        for folder in job.folders
        if folder not in outcome.failed
    }
    meanings |= {file: FORMATS[file.suffix.lower()].meaning for file in job.files}
    written = {
        show_path(output) + "/" * (output in job.folders): meaning
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
            f"{show_path(job.photo.name)}, {width} x {height} pixels{shrunk}: {_count_layers(count)}",
            *(f"  {path:<{column}}{what}" for path, what in written.items()),
            "Time",
            *(f"  {stage:<{column}}{seconds:8.2f} s" for stage, seconds in times.items()),
        ]
    )


def _name_layers(folder: Path, kind: str) -> str:
    """Return the names of the first and the last of the layers' files in a folder."""
    found = [match for file in folder.iterdir() if (match := LAYER.fullmatch(file.name)) and match[1] == kind]
    names = [match[0] for match in sorted(found, key=lambda match: int(match[2]))]
    return " .. ".join(dict.fromkeys(map(show_path, [*names[:1], *names[-1:]])))


def say_outcome(job: Job[Path], outcome: Outcome) -> str:
    """Return in a line what was written of one photo of several."""
    outputs = ", ".join(show_path(output) for output in job.outputs if output not in outcome.failed)
    return f"{show_path(job.photo)}: {_count_layers(outcome.result.alphas.shape[2])} in {outputs}"


def say_failures(failed: Mapping[Any, str]) -> str:
    """Return in a line which outputs of a photo could not be written, and why."""
    return "; ".join(f"cannot write {output}: {why}" for output, why in failed.items())


def say_why(error: BaseException) -> str:
    """Return an error's message, or its name if it has none."""
    if isinstance(error, MemoryError):
        return str(error) or "out of memory: try a smaller photo"
    if isinstance(error, OSError) and is_raw(error) and error.filename is not None:
        return explain(error, os.fsdecode(error.filename))
    return str(error) or type(error).__name__


def say_that_it_starts(tell: Callable[..., object] | None) -> None:
    """Show that something happens before there is anything to count."""
    if tell is not None:
        tell("starting", 0, 1)


def make_share(tell: Callable[..., object], index: int, count: int, name: str) -> Callable[..., object]:
    """Return what reports one photo's progress as a share of that of all photos."""

    def progress(stage: str, done: int, total: int) -> None:
        tell(f"{index + 1} of {count}, {name}: {stage}", index * total + done, count * total)

    return progress


def divide(
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


def _count_layers(count: int) -> str:
    return f"{count} soft layer{'s' * (count > 1)}"
