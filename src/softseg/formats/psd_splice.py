"""Layers put on top of a given Photoshop file, all of whose bytes stay as they are.

A Photoshop file is a header, a table of colors, resources, layers and the flattened picture ("Adobe Photoshop
File Formats Specification"). Of the layers, all records come first, then the pixels of all. So new layers are
two insertions, and a few lengths and the count are written anew.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from softseg._paths import clear_errors, show_path

if TYPE_CHECKING:
    from psd_tools.psd.header import FileHeader

# The numbers that files are made of; all have their high byte first.
LENGTH, COUNT = struct.Struct(">I"), struct.Struct(">h")
# The header, and what is at its start: the signature, and the version, which is 2 for large documents.
HEADER, MAGIC, PLAIN = 26, b"8BPS", 1
# The parts of a layer's record: its place in the picture with the number of channels, each channel's id and
# length, and the blend mode and flags before the length of all else.
PLACE, CHANNEL, BLEND = struct.Struct(">4iH"), struct.Struct(">hI"), 12
# The largest file that Photoshop opens as a plain one, in bytes.
LARGEST = 2**31 - 1


class _Damaged(Exception):
    """Something in a file points beyond its end."""


@final
@dataclass(frozen=True)
class Spliceable:
    """A Photoshop file, cut where layers can be put in.

    Attributes
    ----------
    start : bytes
        The header, the table of colors and the resources.
    count : int
        The number of layers, below 0 if the flattened picture has transparency.
    records, pixels : bytes
        The layers' records, and their channels.
    rest : bytes
        What else is said of the layers, such as the global mask and linked files.
    picture : bytes
        The flattened picture.

    Examples
    --------
    >>> from softseg.formats.psd_splice import read_spliceable
    >>> given, added = read_spliceable("given.psd"), read_spliceable("added.psd")  # doctest: +SKIP
    >>> with open("out.psd", "wb") as file:  # doctest: +SKIP
    ...     file.writelines(given.with_layers(added).parts())
    """

    start: bytes
    count: int
    records: bytes
    pixels: bytes
    rest: bytes
    picture: bytes

    @property
    def header(self) -> FileHeader:
        """What psd-tools reads of the header."""
        from psd_tools.psd.header import FileHeader

        return FileHeader.read(io.BytesIO(self.start))

    @property
    def profile(self) -> bytes | None:
        """The color profile; None if there is none."""
        from psd_tools.constants import Resource
        from psd_tools.psd.color_mode_data import ColorModeData
        from psd_tools.psd.image_resources import ImageResources

        stream = io.BytesIO(self.start[HEADER:])
        ColorModeData.read(stream)
        return ImageResources.read(stream).get_data(Resource.ICC_PROFILE)

    def with_layers(self, other: Spliceable) -> Spliceable:
        """Return this file with the other's layers on top of its own; all else is as it was."""
        sign = -1 if self.count < 0 else 1
        return replace(
            self,
            count=sign * (abs(self.count) + abs(other.count)),
            records=self.records + other.records,
            pixels=self.pixels + other.pixels,
        )

    def parts(self) -> list[bytes]:
        """Return the parts that the file is made of, one after the other.

        Raises
        ------
        ValueError
            If it would be larger than 2 GB, which is the most that such a file may have.
        """
        # The length of the layers is even; four is what Photoshop rounds it to.
        padding = bytes(-(COUNT.size + len(self.records) + len(self.pixels)) % 4)
        length = COUNT.size + len(self.records) + len(self.pixels) + len(padding)
        parts = [
            self.start,
            LENGTH.pack(min(LENGTH.size + length + len(self.rest), LARGEST)),
            LENGTH.pack(min(length, LARGEST)),
            COUNT.pack(self.count),
            *(self.records, self.pixels, padding, self.rest, self.picture),
        ]
        total = sum(map(len, parts))
        if total > LARGEST:
            raise ValueError(f"base: expected a file of at most 2 GB with the new layers, got {total} bytes")
        return parts


def read_spliceable(path: str | os.PathLike[str]) -> Spliceable:
    """Read a Photoshop file, which is called the base in messages.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is no Photoshop file, a large document (PSB), or ends too early.
    """
    with clear_errors("base", path, "read"), open(path, "rb") as file:
        return cut(file.read(), show_path(path))


def cut(content: bytes, name: str) -> Spliceable:
    """Read a Photoshop file from its bytes, which errors call ``name``; see `read_spliceable`."""
    if content[: len(MAGIC)] != MAGIC:
        raise ValueError(f"base: expected a Photoshop file, got another kind: {name}")
    if content[len(MAGIC) : len(MAGIC) + 2] != struct.pack(">H", PLAIN):
        raise ValueError(f"base: expected a Photoshop file, got a large document (PSB): {name}")
    try:
        return _cut_whole(memoryview(content))  # whose parts are no copies
    except (struct.error, _Damaged):
        raise ValueError(f"base: expected a whole Photoshop file, got a damaged one: {name}") from None


def _cut_whole(content: memoryview) -> Spliceable:
    """Cut a file up; raise `_Damaged` or `struct.error` if something points beyond its end."""
    colors = _skip_block(content, HEADER)
    section = _skip_block(content, colors)
    picture = _skip_block(content, section)
    layers, end = section + LENGTH.size, section + LENGTH.size
    if picture > layers:
        end = _skip_block(content[:picture], layers)
    count, records, pixels = 0, content[:0], content[:0]
    if end - layers > LENGTH.size:
        (count,) = COUNT.unpack_from(content, layers + LENGTH.size)
        first = layers + LENGTH.size + COUNT.size
        channels, size = first, 0
        for _ in range(abs(count)):
            channels, added = _skip_record(content[:end], channels)
            size += added
        if channels + size > end:
            raise _Damaged
        records, pixels = content[first:channels], content[channels : channels + size]
    if len(content) < picture + 2:
        raise _Damaged
    parts = (records, pixels, content[end:picture], content[picture:])
    return Spliceable(bytes(content[:section]), count, *map(bytes, parts))


def _skip_block(content: memoryview, start: int) -> int:
    """Return where a block ends that begins with its length."""
    (length,) = LENGTH.unpack_from(content, start)
    end: int = start + LENGTH.size + length
    if end > len(content):
        raise _Damaged
    return end


def _skip_record(content: memoryview, start: int) -> tuple[int, int]:
    """Return where a layer's record ends, and how many bytes its channels have."""
    *_, count = PLACE.unpack_from(content, start)
    place, size = start + PLACE.size, 0
    for _ in range(count):
        _, length = CHANNEL.unpack_from(content, place)
        place, size = place + CHANNEL.size, size + length
    return _skip_block(content, place + BLEND), size
