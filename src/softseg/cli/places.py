"""Where photos and outputs are: paths on this machine, or URLs of files elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from softseg._extras import require

# RFC 3986, section 3.1. One letter alone is a drive of Windows.
_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
# What a pattern is known by.
_WILD = re.compile(r"[*?\[]")
# The packages through which fsspec opens URLs that many have, by scheme.
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}


@dataclass(frozen=True)
class Url:
    """A file or folder elsewhere. It has what else `pathlib.Path` would say of its name.

    Examples
    --------
    >>> from softseg.cli.places import Url
    >>> photo = Url("s3://bucket/album/cat.jpg")
    >>> photo.name, photo.stem, photo.suffix, str(photo.parent / "layers.npz")
    ('cat.jpg', 'cat', '.jpg', 's3://bucket/album/layers.npz')
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self.text.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def stem(self) -> str:
        return self._path.stem

    @property
    def suffix(self) -> str:
        return self._path.suffix

    @property
    def parent(self) -> Url:
        return Url(self.text.rstrip("/").rpartition("/")[0])

    @property
    def _path(self) -> PurePosixPath:
        return PurePosixPath(self.text.partition("://")[2])

    def absolute(self) -> Url:
        """Return the same: a URL says all."""
        return self

    def open(self) -> tuple[Any, str]:
        """Return the file system that it is on, as fsspec has it, and the path there.

        Raises
        ------
        ImportError
            In one line, if a package is missing.
        ValueError
            In one line, if nothing opens such URLs.
        """
        scheme = self.text.partition("://")[0].lower()
        fsspec = require("fsspec", f"opening {self.text}")
        if scheme in _PACKAGES:
            require(_PACKAGES[scheme], f"opening {self.text}")
        try:
            return fsspec.core.url_to_fs(self.text)
        except ImportError as error:  # fsspec says which
            raise ImportError(f"opening {self.text} needs a package that is missing: {error}") from error
        except ValueError as error:
            raise ValueError(f"expected a URL that fsspec opens, got {self.text}: {error}") from error

    def is_file(self) -> bool:
        """Return whether there is a file."""
        files, path = self.open()
        return bool(files.isfile(path))

    def is_dir(self) -> bool:
        """Return whether there is a folder, or files whose names begin as in one."""
        files, path = self.open()
        return bool(files.isdir(path))

    def list(self) -> list[Url]:
        """Return the files in a folder, sorted; folders in it are left out."""
        files, path = self.open()
        found = files.ls(path, detail=True)
        return sorted((self / _last(entry["name"]) for entry in found if entry["type"] == "file"), key=str)

    def match(self) -> Iterator[Url]:
        """Yield the files that a pattern stands for, sorted; hidden ones only if it says so, as on a disk."""
        if not _WILD.search(self.text):
            return
        files, path = self.open()
        start = self.text.removesuffix(path.lstrip("/"))
        for name in sorted(files.glob(path)):
            if files.isfile(name) and (not _last(name).startswith(".") or self.name.startswith(".")):
                yield Url(start + name.lstrip("/"))


def as_place(text: str) -> Path | Url:
    """Return what a text names: a path, also for URLs of files on this machine, or a URL."""
    scheme = _URL.match(text)
    if scheme is None:
        return Path(text)
    if scheme[1].lower() in ("file", "local"):
        # The characters of file names that URLs have numbers for are left as they are by fsspec too.
        return Path(text[scheme.end() :])
    return Url(text.rstrip("/"))


def is_url(text: str) -> bool:
    """Return whether a text is the URL of something elsewhere.

    Examples
    --------
    >>> from softseg.cli.places import is_url
    >>> is_url("s3://bucket/cat.jpg"), is_url("C:/cat.jpg"), is_url("file:///cat.jpg")
    (True, False, False)
    """
    return isinstance(as_place(text), Url)


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]
