"""Standard input in place of a file that is read, and standard output in place of one that is written.

Both are files in a scratch folder meanwhile: readers look into files more than once, and formats are found by
suffix. So nothing comes out unless all of it does.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from softseg._paths import explain
from softseg.cli.messages import writing_to_standard_output
from softseg.cli.places import is_url

if TYPE_CHECKING:
    import numpy as np

# What stands for standard input, and for standard output where the format is known.
DASH = "-"
# What a file from there is called in messages.
INPUT_NAME, OUTPUT_NAME = "standard input", "standard output"
# An output that stands for standard output, with the suffix that says in which format.
_OUTPUT = re.compile(r"-(\.[^./\\]+)?")


@dataclass
class Streams:
    """Names of files in place of standard input and output.

    Attributes
    ----------
    photos : list of str
        What is read.
    outputs : list of str
        What is written.
    sent : Path or None
        The file that goes to standard output in the end, if one does.
    names : dict of str to str
        How these files are called in messages.
    """

    photos: list[str]
    outputs: list[str]
    sent: Path | None = None
    names: dict[str, str] = field(default_factory=dict)

    def rename(self, text: str) -> str:
        """Return a text with what the user wrote in place of the scratch files' names."""
        for file, name in self.names.items():
            text = text.replace(file, name)
        return text

    def send(self) -> None:
        """Write to standard output what is meant for it."""
        if self.sent is not None:
            write_bytes(self.sent.read_bytes())


@contextlib.contextmanager
def standard_streams(
    photos: Sequence[str], outputs: Sequence[str], as_json: bool = False, elsewhere: bool = False
) -> Iterator[Streams]:
    """Give photos and outputs with files, which are gone afterward, for ``-`` and for ``-.suffix``.

    Parameters
    ----------
    photos : sequence of str
        What is read, one of which may be ``"-"``.
    outputs : sequence of str
        Where to, one of which may be such as ``"-.npz"``. A photo without a name cannot give one to them.
    as_json : bool
        Whether standard output is for something else.
    elsewhere : bool
        Whether other machines do the work.

    Raises
    ------
    typer.BadParameter
        In one line, if a stream cannot take part like this.
    """
    reads = DASH in photos
    writes = any(_OUTPUT.fullmatch(output) for output in outputs)
    if reads:
        _check_input(photos, outputs)
    if writes:
        _check_outputs(photos, outputs, as_json)
    if (reads or writes) and elsewhere:
        raise typer.BadParameter(
            "standard input and output (-) are of this machine, and not of the cluster's",
            param_hint="'--dask'",
        )
    streams = Streams(list(photos), list(outputs))
    with tempfile.TemporaryDirectory(prefix="softseg-", ignore_cleanup_errors=True) as folder:
        if reads:
            streams.photos = [_copy_input(Path(folder) / INPUT_NAME, streams.names)]
        if writes:
            streams.sent = Path(folder) / f"{OUTPUT_NAME}{Path(f'x{outputs[0][1:]}').suffix}"
            streams.outputs = [str(streams.sent)]
            streams.names[str(streams.sent)] = outputs[0]
        with _renamed_errors(streams):
            yield streams


@contextlib.contextmanager
def as_file(given: Path, suffix: str = "") -> Iterator[Path]:
    """Give the name of a file, which is gone afterward, in place of ``-``.

    Parameters
    ----------
    given : Path
        A file, or ``-``, which stands for standard input.
    suffix : str
        What tells the format of what comes from there.
    """
    if str(given) != DASH:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="softseg-", ignore_cleanup_errors=True) as folder:
        streams = Streams([], [])
        file = _copy_input(Path(folder) / f"{INPUT_NAME}{suffix}", streams.names)
        with _renamed_errors(streams):
            yield Path(file)


def parse_file(text: str) -> Path:
    """Return the path of a file that is read, or ``-``; a BadParameter says if there is no such file."""
    path = Path(text)
    try:
        if text != DASH and stat.S_ISDIR(path.stat().st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        why = explain(error, text, "read")
        raise typer.BadParameter(why) from None
    return path


def show_file(given: Path) -> str:
    """Return what a file, or standard input, is called in messages."""
    return INPUT_NAME if str(given) == DASH else str(given)


def is_standard_output(output: Path | None, as_json: bool) -> bool:
    """Return whether a PNG goes to standard output: to ``-`` or ``-.png``. Raise if that cannot be."""
    if str(output).lower() not in (DASH, f"{DASH}.png"):
        return False
    _check_free(as_json)
    return True


def write_picture(gray: np.ndarray) -> None:
    """Write a gray picture of 8 bits to standard output, as PNG."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, format="PNG")
    write_bytes(buffer.getvalue())


def write_bytes(content: bytes) -> None:
    """Write to standard output, whatever it is as text."""
    with writing_to_standard_output():
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _check_input(photos: Sequence[str], outputs: Sequence[str]) -> None:
    if len(photos) > 1:
        raise typer.BadParameter("standard input (-) is one photo, and no others", param_hint="'PHOTO'")
    if not outputs or any("{" in output for output in outputs):
        refuse_nameless("layers")


def check_named(given: Path, output: Path | None) -> None:
    """Raise a BadParameter if an output is to be called after standard input."""
    if str(given) == DASH and output is None:
        refuse_nameless("mask.png")


def refuse_nameless(example: str) -> None:
    """Raise a BadParameter: standard input gives no name to an output."""
    raise typer.BadParameter(
        f"standard input (-) has no name: say where to, as in --output {example}", param_hint="'--output'"
    )


def _check_outputs(photos: Sequence[str], outputs: Sequence[str], as_json: bool) -> None:
    if len(outputs) > 1:
        raise typer.BadParameter("standard output (-) is one output, and no others", param_hint="'--output'")
    if outputs[0] == DASH:
        raise typer.BadParameter(
            "standard output (-) needs a format: write its suffix behind the dash, such as -.npz or -.psd",
            param_hint="'--output'",
        )
    if len(photos) > 1 or (not is_url(photos[0]) and Path(photos[0]).is_dir()):
        raise typer.BadParameter(
            "standard output (-) takes one photo, and no others", param_hint="'--output'"
        )
    _check_free(as_json)


def _check_free(as_json: bool) -> None:
    """Raise unless standard output is there for a file."""
    if as_json:
        raise typer.BadParameter(
            "standard output (-) takes the file or the JSON: write the file elsewhere", param_hint="'--json'"
        )
    if sys.stdout is None:  # as by >&-
        raise typer.BadParameter(
            "standard output (-) is closed: add > and a name, or a pipe", param_hint="'--output'"
        )
    if sys.stdout.isatty():
        raise typer.BadParameter(
            "standard output (-) is a terminal, which shows no files: add > and a name, or a pipe",
            param_hint="'--output'",
        )


def _copy_input(file: Path, names: dict[str, str]) -> str:
    _check_open()
    with file.open("wb") as target:
        shutil.copyfileobj(sys.stdin.buffer, target)
    names[str(file)] = INPUT_NAME
    return str(file)


def _check_open() -> None:
    """Raise unless something comes from standard input, which nobody at a terminal knows to wait for."""
    if sys.stdin is None:  # as by <&-
        raise typer.BadParameter("standard input (-) is closed: add < and a name, or a pipe")
    if sys.stdin.buffer.isatty():
        raise typer.BadParameter(
            "standard input (-) is a terminal, which has no files: add < and a name, or a pipe"
        )


@contextlib.contextmanager
def _renamed_errors(streams: Streams) -> Iterator[None]:
    """Let errors say what the user wrote, and not what the scratch files are called."""
    try:
        yield
    except Exception as error:
        error.args = tuple(
            streams.rename(argument) if isinstance(argument, str) else argument for argument in error.args
        )
        # click's errors, and the system's, have texts beside their arguments.
        for name in ("message", "filename"):
            text = getattr(error, name, None)
            if isinstance(text, str):
                setattr(error, name, streams.rename(text))
        raise
