"""PNG, chunk by chunk: all of 16 bits, texts that Pillow would not open a photo with, and marks of color."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import PngImagePlugin

from softseg.photos.decoded import Decoded, Space
from softseg.photos.profiles import SRGB, Primaries, make_profile

# How a file begins.
MAGIC = b"\x89PNG\r\n\x1a\n"
# Chunks of text, and the keywords under which Pillow looks for what it needs of a photo: its orientation. All
# others may hold anything, such as how a picture was generated, or the name of a mark that Pillow then takes
# for the mark itself.
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
LONGEST_KEYWORD = 79  # PNG specification, section 11.3.3.2
NEEDED = (b"exif", b"Raw profile type exif", b"XML:com.adobe.xmp")
# The most bytes of a color profile. The largest that are known to the project have 4 MB. Chosen by the
# project.
MOST_OF_A_PROFILE = 1 << 24
# Where the passes of an interlaced picture begin and how far their pixels are apart, x, y, and again x, y
# (PNG specification, section 8.2); the one pass of any other.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
WHOLE = ((0, 0, 1, 1),)
# Channels by the type of color (PNG specification, section 11.2.1). Palettes have no 16 bits.
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
# What channels are by their number, and whether the last one is the opacity.
KINDS: dict[int, tuple[Space, bool]] = {
    1: ("gray", False),
    2: ("gray", True),
    3: ("rgb", False),
    4: ("rgb", True),
}
# PNG's exponent of sRGB, times 100000 (PNG specification, section 11.3.2.5), and how far another may be off,
# as a part of it: programs round 1/2.2 in many ways.
SRGB_GAMMA, GAMMA_SLACK = 0.45455, 0.03
# How far chromaticities may be off and still be those of sRGB: files round them to three digits, or less.
PRIMARIES_SLACK = 0.006


class Header(NamedTuple):
    """The fields of the chunk IHDR (PNG specification, section 11.2.1)."""

    width: int
    height: int
    depth: int
    color: int
    compression: int
    filter: int
    interlaced: int


def open_png(file: Any) -> PngImagePlugin.PngImageFile:
    """Open a PNG file as Pillow does, but whatever texts it has, and however large it is.

    Pillow opens no photo with a text, or a color profile, that is larger than its limits or damaged. Texts
    that no photo is read for, and such, are left out of what it is given; its limits stay as they are.

    Parameters
    ----------
    file : file
        Opened for reading bytes, at its start.

    Returns
    -------
    PIL.PngImagePlugin.PngImageFile
        Not decoded yet.
    """
    left_out: list[tuple[int, int]] = []
    profile, taken = None, 0
    for kind, at, length in _find_chunks(file):
        if kind in TEXTS:
            size = _measure_text(file, kind, at, length)
            if size is None or taken + size > PngImagePlugin.MAX_TEXT_MEMORY:
                left_out.append((at, length))
            else:
                taken += size
        elif kind == b"iCCP":
            profile = _unpack_profile(_read_chunk(file, at, length))
            left_out.append((at, length))
    image = PngImagePlugin.PngImageFile(_without(file, left_out) if left_out else file)
    if profile is not None:
        image.info["icc_profile"] = profile
    return image


def _find_chunks(file: Any) -> Iterator[tuple[bytes, int, int]]:
    """Yield the type of each chunk, where it begins, and how long its content is; go to the file's start."""
    file.seek(0, io.SEEK_END)
    at, end = len(MAGIC), file.tell()
    while at + 12 <= end:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if at + 12 + length > end:
            break
        yield kind, at, length
        at += 12 + length
    file.seek(0)


def _read_chunk(file: Any, at: int, length: int) -> bytes:
    """Return a chunk's content; nothing if its check sum is wrong."""
    file.seek(at + 4)
    content = file.read(4 + length)
    sound = zlib.crc32(content) == int.from_bytes(file.read(4), "big")
    return content[4:] if sound else b""


def _measure_text(file: Any, kind: bytes, at: int, length: int) -> int | None:
    """Return how long a text is; None if no photo is read for it, or Pillow would not take it."""
    file.seek(at + 8)
    if file.read(min(length, LONGEST_KEYWORD + 1)).partition(b"\0")[0] not in NEEDED:
        return None
    _, _, rest = _read_chunk(file, at, length).partition(b"\0")
    packed = None
    if kind == b"zTXt":
        packed = rest[1:] if rest[:1] == b"\0" else b""
    elif kind == b"iTXt" and rest[:1] == b"\1":
        packed = rest[2:].split(b"\0", 2)[-1]
    if packed is None:
        return len(rest) or None
    text = _unpack(packed, PngImagePlugin.MAX_TEXT_CHUNK)
    return None if text is None else len(text)


def _unpack_profile(content: bytes) -> bytes:
    """Return a color profile; what is none, and warned of later, if it is damaged or far too large."""
    _, _, rest = content.partition(b"\0")
    profile = _unpack(rest[1:], MOST_OF_A_PROFILE) if rest[:1] == b"\0" else None
    return profile or b"damaged"


def _unpack(packed: bytes, most: int) -> bytes | None:
    """Return what was compressed with zlib; None if it is damaged, or longer than so many bytes."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(packed, most)
    except zlib.error:
        return None
    return None if stream.unconsumed_tail else content


def _without(file: Any, chunks: list[tuple[int, int]]) -> io.BytesIO:
    """Return a file in memory that lacks some chunks, given by their places and the lengths of contents."""
    rest, place = io.BytesIO(), 0
    for at, length in chunks:
        file.seek(place)
        rest.write(file.read(at - place))
        place = at + 12 + length
    file.seek(place)
    rest.write(file.read())
    rest.seek(0)
    return rest


def decode_png(file: Any) -> Decoded | None:
    """Read all 16 bits of a PNG's levels.

    Parameters
    ----------
    file : file
        Opened for reading bytes.

    Returns
    -------
    Decoded or None
        Its levels, not yet upright and without the profile. None: it has fewer bits.

    Raises
    ------
    ValueError, zlib.error
        If it is damaged.
    """
    header, marks, packed = None, {}, []
    for kind, at, length in _find_chunks(file):
        if kind in (b"IHDR", b"IDAT", b"tRNS", b"sBIT"):
            content = _read_chunk(file, at, length)
            if kind == b"IHDR":
                header = Header(*struct.unpack(">IIBBBBB", content))
                if header.depth != 16:
                    return None
            elif kind == b"IDAT":
                packed.append(content)
            else:
                marks[kind] = content
    if header is None:
        return None
    levels = _decode_passes(header, b"".join(packed), marks.get(b"tRNS"))
    space, opacity = KINDS[levels.shape[2]]
    white = None
    if bits := marks.get(b"sBIT"):
        colors = levels[:, :, : levels.shape[2] - opacity]
        white = _find_white(colors, max(bits[: len(bits) - opacity or 1]))
    return Decoded(levels, space, white, opacity=opacity)


def _decode_passes(header: Header, packed: bytes, transparent: bytes | None) -> np.ndarray:
    """Return the levels, (H, W, C); each pass is decoded as a picture of its own.

    libpng, through imagecodecs, prints what it thinks of interlaced pictures and of all chunks that it does
    not need, on standard error. It is given none of them.
    """
    import imagecodecs

    passes = []
    for x, y, across, down in ADAM7 if header.interlaced else WHOLE:
        width, height = -(-(header.width - x) // across), -(-(header.height - y) // down)
        if width > 0 and height > 0:
            passes.append((slice(y, None, down), slice(x, None, across), width, height))
    if not passes:
        raise ValueError("it has no pixels")
    pixel = 2 * CHANNELS[header.color]
    sizes = [height * (1 + width * pixel) for _, _, width, height in passes]
    content = zlib.decompressobj().decompress(packed, sum(sizes))
    if len(content) < sum(sizes):
        raise ValueError("it is cut short")
    levels, at = None, 0
    for (rows, columns, width, height), size in zip(passes, sizes, strict=True):
        small = header._replace(width=width, height=height, interlaced=0)
        found = imagecodecs.png_decode(_assemble(small, content[at : at + size], transparent))
        found = with_channels(found)
        if not header.interlaced:
            return found
        if levels is None:
            levels = np.empty((header.height, header.width, found.shape[2]), dtype=np.uint16)
        levels[rows, columns] = found
        at += size
    assert levels is not None
    return levels


def _assemble(header: Header, content: bytes, transparent: bytes | None) -> bytes:
    """Return a PNG of filtered rows, which are stored as they are."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *header))]
    if transparent is not None:
        chunks.append((b"tRNS", transparent))
    chunks += [(b"IDAT", zlib.compress(content, 0)), (b"IEND", b"")]
    parts = [MAGIC]
    for kind, data in chunks:
        check = zlib.crc32(data, zlib.crc32(kind))
        parts += [struct.pack(">I", len(data)), kind, data, struct.pack(">I", check)]
    return b"".join(parts)


def with_channels(levels: np.ndarray) -> np.ndarray:
    """Return levels as (H, W, C), also if there is one channel."""
    return levels[..., None] if levels.ndim == 2 else levels


def _find_white(levels: np.ndarray, bits: int) -> float:
    """Return the level that is white, where a file of 16 bits says that fewer bits matter.

    As specified (PNG, section 11.3.2.7), levels are stretched to 16 bits, and the bits that do not matter
    repeat others or are zero. But many programs store levels as they are.
    """
    most = 2**bits - 1
    if 0 < bits < 16 and levels.max() <= most and (levels & (2 ** (16 - bits) - 1)).any():
        return float(most)
    return 65535.0


def profile_of_png(info: dict[Any, Any]) -> bytes | None:
    """Return a profile for what a PNG without one says of its colors, as Pillow found it.

    A file that says sRGB, or something near, needs none. One that has no exponent says nothing of use.
    """
    gamma = info.get("gamma")
    if "srgb" in info or not isinstance(gamma, float) or not 0.1 <= gamma <= 10:
        return None
    primaries = SRGB
    chromaticity = info.get("chromaticity")
    if isinstance(chromaticity, tuple) and len(chromaticity) == 8 and all(map(_is_plain, chromaticity)):
        pairs = [(float(chromaticity[i]), float(chromaticity[i + 1])) for i in range(0, 8, 2)]
        primaries = Primaries(*pairs)
    off = float(np.abs(np.subtract(primaries, SRGB)).max())
    usual = abs(gamma / SRGB_GAMMA - 1) <= GAMMA_SLACK
    if usual and off <= PRIMARIES_SLACK:
        return None
    return make_profile(SRGB if off <= PRIMARIES_SLACK else primaries, None if usual else 1 / gamma)


def _is_plain(value: object) -> bool:
    return isinstance(value, float | int) and 0 <= value <= 1
