"""Small files of all kinds, made in memory."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(levels: np.ndarray, *chunks: tuple[bytes, bytes]) -> io.BytesIO:
    """Return a PNG file with more chunks before its pixels."""
    data = imagecodecs.png_encode(np.ascontiguousarray(levels))
    at = data.index(b"IDAT") - 4
    return io.BytesIO(data[:at] + b"".join(chunk(*one) for one in chunks) + data[at:])


def tiff(levels: np.ndarray, **options: Any) -> io.BytesIO:
    """Return a TIFF file as tifffile writes it."""
    file = io.BytesIO()
    tifffile.imwrite(file, levels, **options)
    return file


def saved(image: Image.Image, kind: str, **options: Any) -> io.BytesIO:
    """Return a file as Pillow writes it."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file


def cmyk_profile() -> bytes:
    """Return a profile of CMYK (ICC.1:2001, lut8Type) in which ink is gray, and black ink is half as strong.

    CMYK (c, m, y, k) is L* = 100 - 25 (c + m + y) / 1 - 25 k with inks from 0 to 1, at least 0.
    """
    corners = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    lightness = 100 - 25 * corners.sum(axis=1)
    table = np.stack([lightness * 2.55, np.full(16, 128), np.full(16, 128)], axis=1).round().astype(np.uint8)
    identity = np.arange(256, dtype=np.uint8).tobytes()
    matrix = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + 4 * identity + table.tobytes() + 3 * identity
    lut += bytes(-len(lut) % 4)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *(int(65536 * v) for v in (0.9642, 1.0, 0.8249)))
    entries, content = b"", b""
    start = 128 + 4 + 12 * 2
    for name, data in ((b"A2B0", lut), (b"wtpt", white)):
        entries += name + struct.pack(">2I", start + len(content), len(data))
        content += data
    header = struct.pack(">I4sI4s4s4s", 0, b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    body = header + struct.pack(">I", 2) + entries + content
    return struct.pack(">I", len(body)) + body[4:]
