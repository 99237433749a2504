"""Eigenvectors in few bytes: rounded to whole steps, as differences along rows, byte by byte."""

from __future__ import annotations

import zlib

import numpy as np
from jaxtyping import Float, UInt8

# The level of zlib's compression: the default level takes four times as long to save a tenth.
FASTEST = 1
# The finest and the coarsest step: the root mean square of an eigenvector has 2**8 of the one and 2**1 of the
# other. The finest rounds an eigenvector by 0.1 % of its length, where the eigensolver is off by 0.3 % in the
# median (measured: docs/formats.md). float16 would be off by 0.02 %, and take twice the bytes.
FINEST, COARSEST = 8, 1
# How many eigenvectors, at most, are compressed to see what all of them will take. Chosen by the project's
# own tests.
SAMPLED_VECTORS = 10


def packed(vectors: Float[np.ndarray, "N k"], room: int) -> tuple[UInt8[np.ndarray, "planes k N"], float]:
    """Round eigenvectors so far that they fit into about as many bytes once they are compressed.

    They are rounded to multiples of one step, and not to numbers of so many digits: an eigenvector is one
    direction, in which the errors of all pixels count alike, and most pixels are near zero. Neighboring
    pixels are alike, so that their differences are small numbers; zlib sees the low and the high bytes of
    them apart.

    Parameters
    ----------
    vectors : ndarray, shape (N, k)
        The eigenvectors, each of length 1.
    room : int
        How many bytes there are. The step is 2^-8 / sqrt(N), or larger by as many factors sqrt(2) as it
        takes, up to 2^-1 / sqrt(N).

    Returns
    -------
    planes : ndarray of uint8, shape (planes, k, N)
        The bytes, lowest first, of the differences d along the pixels, folded to 2 d or -2 d - 1.
    step : float
        What the differences are multiples of.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.formats.packing import packed, unpacked
    >>> planes, step = packed(np.full((4, 1), 0.5), room=1000)
    >>> planes.tolist(), step
    ([[[0, 0, 0, 0]], [[2, 0, 0, 0]]], 0.001953125)
    >>> unpacked(planes, step)[:, 0]
    array([0.5, 0.5, 0.5, 0.5])
    """
    count = vectors.shape[1]
    stride = -(-count // SAMPLED_VECTORS)
    sample = vectors[:, stride // 2 :: stride]
    for bits in np.arange(FINEST, COARSEST - 0.5, -0.5):
        step = float(1 / (2**bits * np.sqrt(len(vectors))))
        taken = len(zlib.compress(_make_planes(sample, step).tobytes(), FASTEST))
        if taken * count <= room * sample.shape[1]:
            break
    return _make_planes(vectors, step), step


def unpacked(planes: UInt8[np.ndarray, "planes k N"], step: float) -> Float[np.ndarray, "N k"]:
    """Return the rounded eigenvectors that `packed` made bytes of.

    Parameters
    ----------
    planes : ndarray of uint8, shape (planes, k, N)
        The bytes, lowest first.
    step : float
        What the differences are multiples of.

    Returns
    -------
    ndarray of float64, shape (N, k)
        The eigenvectors, in multiples of the step.
    """
    folded = np.zeros(planes.shape[1:], dtype=np.uint32)
    for place, plane in enumerate(planes):
        folded |= plane.astype(np.uint32) << np.uint32(8 * place)
    differences = (folded >> 1).view(np.int32) ^ -(folded & 1).view(np.int32)
    return np.multiply(np.cumsum(differences, axis=1, dtype=np.int32).T, step, order="C")


def _make_planes(vectors: Float[np.ndarray, "N k"], step: float) -> UInt8[np.ndarray, "planes k N"]:
    counts = np.ascontiguousarray(np.rint(vectors / step).astype(np.int32).T)
    differences = np.diff(counts, axis=1, prepend=np.int32(0))
    folded = ((differences << 1) ^ (differences >> 31)).view(np.uint32)
    bytes_needed = max(-(-int(folded.max()).bit_length() // 8), 1)
    return np.stack([(folded >> 8 * place).astype(np.uint8) for place in range(bytes_needed)])
