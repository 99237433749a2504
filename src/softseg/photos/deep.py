"""Files of more than 8 bits whose levels Pillow would round: PNG, JPEG 2000, and PPM."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from softseg.photos.decoded import Decoded, Space
from softseg.photos.profiles import SRGB, Primaries, make_profile

# How files begin: PNG; JPEG 2000 in a box, and as a bare codestream; binary and plain PGM and PPM.
PNG = b"\x89PNG\r\n\x1a\n"
JPEG_2000 = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
NETPBM = re.compile(rb"P([2356])\s")
# Where a PNG has its bit depth (PNG specification, section 11.2.1), and chunks that come before the pixels.
DEPTH = 24
# JPEG 2000's marker of sizes, after that of the codestream's start (ITU-T T.800, A.5.1). 38 bytes after it
# begins is the number of components, in two, and then three for each: the depth less one is the first.
SIZES_MARKER = b"\xff\x4f\xff\x51"
COMPONENTS = 40
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


def decode_deep(file: Any, head: bytes) -> Decoded | None:
    """Read a file's levels if it has more than 8 bits and is of one of these formats.

    Parameters
    ----------
    file : file
        Opened for reading bytes. It is read from its start if it is such a file.
    head : bytes
        Its first bytes, at least 32.

    Returns
    -------
    Decoded or None
        Its levels, not yet upright and without the profile, which Pillow finds. None: it is not such a file.
    """
    if head.startswith(PNG):
        return _decode_png(_read_all(file)) if head[DEPTH : DEPTH + 1] == b"\x10" else None
    if head.startswith(JPEG_2000):
        return _decode_jpeg_2000(_read_all(file))
    if NETPBM.match(head):
        return _decode_netpbm(_read_all(file))
    return None


def _read_all(file: Any) -> bytes:
    file.seek(0)
    return file.read()


def _decode_png(data: bytes) -> Decoded:
    import imagecodecs

    levels = _with_channels(imagecodecs.png_decode(data))
    space, opacity = KINDS[levels.shape[2]]
    bits = dict(read_chunks(data)).get(b"sBIT")
    white = None
    if bits:
        colors = levels[:, :, : levels.shape[2] - opacity]
        white = _find_white(colors, max(bits[: len(bits) - opacity or 1]))
    return Decoded(levels, space, white, opacity=opacity)


def _find_white(levels: np.ndarray, bits: int) -> float:
    """Return the level that is white, where a file of 16 bits says that fewer bits matter.

    As specified (PNG, section 11.3.2.7), levels are stretched to 16 bits, and the bits that do not matter
    repeat others or are zero. But many programs store levels as they are.
    """
    most = 2**bits - 1
    if 0 < bits < 16 and levels.max() <= most and (levels & (2 ** (16 - bits) - 1)).any():
        return float(most)
    return 65535.0


def read_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    r"""Yield type and content of the chunks of a PNG that come before its pixels.

    Examples
    --------
    >>> from softseg.photos.deep import PNG, read_chunks
    >>> list(read_chunks(PNG + bytes([0, 0, 0, 2]) + b"sBIT" + bytes([5, 6]) + bytes(4)))
    [(b'sBIT', b'\x05\x06')]
    """
    at = len(PNG)
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"IDAT":
            return
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


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


def _decode_jpeg_2000(data: bytes) -> Decoded | None:
    start = data.find(SIZES_MARKER) + 2
    if start < 2:
        return None
    count = int.from_bytes(data[start + COMPONENTS - 2 : start + COMPONENTS], "big")
    depths = {(depth & 0x7F) + 1 for depth in data[start + COMPONENTS : start + COMPONENTS + 3 * count : 3]}
    if len(depths) != 1 or not 8 < max(depths) <= 16 or count not in KINDS:
        return None
    import imagecodecs

    levels = _with_channels(imagecodecs.jpeg2k_decode(data))
    if levels.dtype != np.uint16 or levels.shape[2] not in KINDS:
        return None
    space, opacity = KINDS[levels.shape[2]]
    return Decoded(levels, space, float(2 ** max(depths) - 1), opacity=opacity)


def _decode_netpbm(data: bytes) -> Decoded | None:
    """Read grays or colors whose largest level is above 255; Pillow reads all others."""
    kind = int(data[1:2])
    header = re.match(rb"P\d((?:\s|#[^\n]*\n)+\d+){3}", data)
    if header is None:
        return None
    width, height, most = (int(word) for word in re.sub(rb"#[^\n]*\n", b" ", header[0]).split()[1:])
    if not 255 < most < 65536:
        return None
    channels = 3 if kind in (3, 6) else 1
    count = width * height * channels
    if kind in (2, 3):
        words = re.sub(rb"#[^\n]*", b" ", data[header.end() :]).split()
        levels = np.array(words[:count], dtype=np.uint16)
    else:
        levels = np.frombuffer(data, dtype=">u2", offset=header.end() + 1)[:count].astype(np.uint16)
    if levels.size < count:
        raise ValueError("it is cut short")
    return Decoded(levels.reshape(height, width, channels), KINDS[channels][0], float(most))


def _with_channels(levels: np.ndarray) -> np.ndarray:
    return levels[..., None] if levels.ndim == 2 else levels
