"""Files of more than 8 bits whose levels Pillow would round: PNG, JPEG 2000, and PPM."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from softseg.photos.decoded import Decoded
from softseg.photos.png import KINDS, MAGIC, decode_png, with_channels

# How files begin: JPEG 2000 in a box, and as a bare codestream; binary and plain PGM and PPM.
JPEG_2000 = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
NETPBM = re.compile(rb"P([2356])\s")
# JPEG 2000's marker of sizes, after that of the codestream's start (ITU-T T.800, A.5.1). 38 bytes after it
# begins is the number of components, in two, and then three for each: the depth less one is the first.
SIZES_MARKER = b"\xff\x4f\xff\x51"
COMPONENTS = 40


def decode_deep(file: Any, head: bytes) -> Decoded | None:
    """Read a file's levels if it has more than 8 bits and is of one of these formats.

    Parameters
    ----------
    file : file
        Opened for reading bytes. It is read from its start if it is such a file.
    head : bytes
        Its first bytes, at least 16.

    Returns
    -------
    Decoded or None
        Its levels, not yet upright and without the profile, which Pillow finds. None: it is not such a file.
    """
    if head.startswith(MAGIC):
        return decode_png(file)
    if head.startswith(JPEG_2000):
        return _decode_jpeg_2000(_read_all(file))
    if NETPBM.match(head):
        return _decode_netpbm(_read_all(file))
    return None


def _read_all(file: Any) -> bytes:
    file.seek(0)
    return file.read()


def _decode_jpeg_2000(data: bytes) -> Decoded | None:
    start = data.find(SIZES_MARKER) + 2
    if start < 2:
        return None
    count = int.from_bytes(data[start + COMPONENTS - 2 : start + COMPONENTS], "big")
    depths = {(depth & 0x7F) + 1 for depth in data[start + COMPONENTS : start + COMPONENTS + 3 * count : 3]}
    if len(depths) != 1 or not 8 < max(depths) <= 16 or count not in KINDS:
        return None
    import imagecodecs

    levels = with_channels(imagecodecs.jpeg2k_decode(data))
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
