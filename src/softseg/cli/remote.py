"""Photos and outputs at URLs: they are copied to a scratch folder, and what is written there is put in place.

What is known of outputs lies beside them, as on a disk, in the hidden folder ``.softseg``. A file that is as
it was put there is not fetched again: the record keeps what the other side says of it, such as its ETag.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softseg.cli import manifest
from softseg.cli.manifest import RECORDS, WRITTEN
from softseg.cli.outputs import Job
from softseg.cli.places import Url

# What tells on other sides whether a file is replaced; of these the first that one says. Content before time.
_TOKENS = (
    "ETag",
    "etag",
    "md5Hash",
    "generation",
    "mtime",
    "LastModified",
    "last_modified",
    "updated",
    "created",
)
# What a record holds besides, by file name: what the other side says of each file.
_SEEN = "seen"


@dataclass(frozen=True)
class _Output:
    """An output elsewhere, and the place of its copy."""

    url: Url
    local: Path
    is_folder: bool

    @property
    def record(self) -> Path:
        """The record of the copy."""
        return manifest.find_record(self.local, self.is_folder)

    @property
    def record_url(self) -> Url:
        """The record that is kept elsewhere."""
        beside = self.url if self.is_folder else self.url.parent
        return beside / RECORDS / self.record.name

    def where(self, name: str) -> Url:
        """Return the URL of a file of the output."""
        return self.url / name if self.is_folder else self.url

    def at(self, name: str) -> Path:
        """Return the place of a copy of a file of the output."""
        return self.local / name if self.is_folder else self.local


class Copies:
    """Copies of a job's photo and outputs in a scratch folder.

    Parameters
    ----------
    job : Job
        Some of its places are URLs.
    scratch : Path
        An empty folder.

    Attributes
    ----------
    job : Job
        The same on this machine.
    """

    def __init__(self, job: Job[Any], scratch: Path) -> None:
        self.names: dict[str, str] = {}
        self.outputs: list[_Output] = []
        self.parents: dict[str, Path] = {}
        self.scratch = scratch
        self.original = job
        self.job: Job[Path] = Job(
            self._place(job.photo),
            tuple(self._place_output(folder, True) for folder in job.folders),
            tuple(self._place_output(file, False) for file in job.files),
        )
        self.before: dict[Url, dict[str, tuple[int, int, int]]] = {}

    def _place(self, place: Path | Url) -> Path:
        """Return where a copy goes: its name is the same, and what lies in one folder does so there too."""
        if isinstance(place, Path):
            return place
        parent = self.parents.setdefault(str(place.parent), self.scratch / f"{len(self.parents)}")
        parent.mkdir(exist_ok=True)
        self.names[str(parent / place.name)] = str(place)
        return parent / place.name

    def _place_output(self, place: Path | Url, is_folder: bool) -> Path:
        local = self._place(place)
        if isinstance(place, Url):
            self.outputs.append(_Output(place, local, is_folder))
        return local

    def rename(self, text: str) -> str:
        """Return a text with the names of the originals in place of those of the copies."""
        for copy, original in self.names.items():
            text = text.replace(copy, original)
        return text

    def fetch(self, contents: bool) -> None:
        """Fetch the photo, and the outputs that are there.

        Parameters
        ----------
        contents : bool
            Whether outputs that may have been changed are fetched; else only names and sizes count.
        """
        if isinstance(self.original.photo, Url):
            files, path = self.original.photo.open()
            files.get_file(path, str(self.job.photo))
        for output in self.outputs:
            self._fetch_output(output, contents)
            self.before[output.url] = manifest.look(output.local, output.is_folder)

    def _fetch_output(self, output: _Output, contents: bool) -> None:
        files, path = output.record_url.open()
        if files.exists(path):
            output.record.parent.mkdir(parents=True, exist_ok=True)
            files.get_file(path, str(output.record))
        record = manifest.read_record(output.record)
        seen = _read_seen(output.record) if record else {}
        for name, info in _find_files(output):
            stamp = (record.files or {}).get(name) if record else None
            local = output.at(name)
            local.parent.mkdir(parents=True, exist_ok=True)
            same = stamp is not None and info["size"] == stamp.size and seen.get(name) == _find_token(info)
            if contents and not (same and seen.get(name)):
                files.get_file(info["name"], str(local))
                continue
            with local.open("wb") as stand_in:  # as large and as old, which is all that is looked at
                stand_in.truncate(info["size"] or 0)
            if same and stamp is not None:
                os.utime(local, ns=(stamp.changed, stamp.changed))

    def put(self) -> dict[str, str]:
        """Put what was written in place; return why what outputs could not be."""
        failed = {}
        for output in self.outputs:
            before, now = self.before[output.url], manifest.look(output.local, output.is_folder)
            if now == before:
                continue
            try:
                _put_output(
                    output, [name for name in now if now[name] != before.get(name)], set(before) - set(now)
                )
            except Exception as error:  # whatever the other side's package raises
                failed[str(output.url)] = " ".join(str(error).split()) or type(error).__name__
        return failed


def carry(
    job: Job[Any], contents: bool, work: Callable[[Job[Path], Copies], Any]
) -> tuple[Any, dict[str, str]]:
    """Do a job on copies, and put what it writes in place.

    Parameters
    ----------
    job : Job
        Some of its places are URLs.
    contents : bool
        Whether outputs that are there count, or are replaced whatever they are.
    work : callable
        Does the job on this machine.

    Returns
    -------
    tuple
        What the work returned, and why what outputs could not be put in place.
    """
    with tempfile.TemporaryDirectory(prefix="softseg-", ignore_cleanup_errors=True) as scratch:
        copies = Copies(job, Path(scratch))
        try:
            copies.fetch(contents)
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # whatever the other side's package raises
            raise OSError(
                f"cannot fetch it: {' '.join(str(error).split()) or type(error).__name__}"
            ) from error
        return work(copies.job, copies), copies.put()


def _find_files(output: _Output) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names of an output's files that are there, and what the other side says of them."""
    files, path = output.url.open()
    files.invalidate_cache()
    if output.is_folder:
        for info in files.ls(path, detail=True) if files.isdir(path) else []:
            name = info["name"].rpartition("/")[2]
            if info["type"] == "file" and WRITTEN.fullmatch(name):
                yield name, info
    elif files.isfile(path):
        yield output.url.name, files.info(path)


def _find_token(info: dict[str, Any]) -> str:
    return next((str(info[name]) for name in _TOKENS if info.get(name)), "")


def _read_seen(record: Path) -> dict[str, str]:
    """Return what a record, which is a good one, keeps of the other side's files."""
    seen = json.loads(record.read_bytes()).get(_SEEN)
    return seen if isinstance(seen, dict) else {}


def _put_output(output: _Output, changed: list[str], removed: set[str]) -> None:
    """Put an output's files in place, and then its record; until then the record says that it is written."""
    files, record_path = output.record_url.open()
    content = json.loads(output.record.read_bytes())
    files.makedirs(files._parent(record_path), exist_ok=True)
    files.pipe_file(record_path, json.dumps(content | {"files": None}).encode())
    for name in changed:
        files.put_file(str(output.at(name)), output.where(name).open()[1])
    for name in removed:
        files.rm_file(output.where(name).open()[1])
    seen = {name: _find_token(info) for name, info in _find_files(output)}
    files.pipe_file(record_path, json.dumps(content | {_SEEN: seen}, indent=1).encode())
