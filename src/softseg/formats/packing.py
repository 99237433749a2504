"""Eigenvectors, alphas and photos in few bytes: rounded to whole steps, as differences, byte by byte."""

from __future__ import annotations

import zlib

import numpy as np
from jaxtyping import Float, Float32, UInt, UInt8

from softseg._threads import row_blocks
from softseg.formats._kernels import pack_alphas, unpack_alphas
from softseg.images import eight_bits
from softseg.layers.colors import piece_rows

# The level of zlib's compression: the default level takes four times as long to save a tenth.
FASTEST = 1
# The finest and the coarsest step: the root mean square of an eigenvector has 2**8 of the one and 2**1 of the
# other. The finest rounds an eigenvector by 0.1 % of its length, where the eigensolver is off by 0.3 % in the
# median (measured: docs/reference/formats.md). float16 would be off by 0.02 %, and take twice the bytes.
FINEST, COARSEST = 8, 1
# How many eigenvectors, at most, are compressed to see what all of them will take. Chosen by the project's
# own tests.
SAMPLED_VECTORS = 10
# Pixels whose values in all eigenvectors fit into a cache, where rows become columns. Chosen by the project.
CACHED_PIXELS = 1024
# What stands for an alpha of 1: the most that 16 bits hold.
WHOLE = 2**16 - 1


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
    counts = np.empty(planes.shape[1:], dtype=np.int32)
    for number, row in enumerate(counts):
        folded = sum(plane[number].astype(np.uint32) << np.uint32(8 * i) for i, plane in enumerate(planes))
        np.cumsum((folded >> 1).view(np.int32) ^ -(folded & 1).view(np.int32), dtype=np.int32, out=row)
    vectors = np.empty(counts.shape[::-1])
    for pixels in row_blocks(len(vectors), CACHED_PIXELS):
        np.multiply(counts[:, pixels].T, step, out=vectors[pixels])
    return vectors


def _make_planes(vectors: Float[np.ndarray, "N k"], step: float) -> UInt8[np.ndarray, "planes k N"]:
    numbers = np.empty(vectors.shape[::-1], dtype=np.int32)
    for pixels in row_blocks(len(vectors), CACHED_PIXELS):
        numbers[:, pixels] = np.rint(vectors[pixels] / step).T
    for row in numbers:
        differences = np.diff(row, prepend=np.int32(0))
        row[:] = (differences << 1) ^ (differences >> 31)
    folded = numbers.view(np.uint32)
    bytes_needed = max(-(-int(folded.max()).bit_length() // 8), 1)
    planes = np.empty((bytes_needed, *folded.shape), dtype=np.uint8)
    for place, number in np.ndindex(planes.shape[:2]):
        planes[place, number] = folded[number] >> np.uint32(8 * place) & np.uint32(255)
    return planes


def packed_alphas(
    alphas: Float[np.ndarray, "H W K"],
) -> tuple[UInt8[np.ndarray, "2 K1 H W"], UInt[np.ndarray, "H W"]]:
    """Round alphas to 16 bits so that each pixel's sum to one, in a form that zlib makes small.

    Every alpha is rounded to the nearest of 65535 steps, but the largest of a pixel: that is what the others
    leave of one. Photos of many pixels have noise in all layers, of which most are alike: so each is noted by
    its difference from the others' median, which is mostly zero.

    Parameters
    ----------
    alphas : ndarray, shape (H, W, K)
        The layers' opacities, in [0, 1], summing to 1.

    Returns
    -------
    planes : ndarray of uint8, shape (2, K + 1, H, W)
        The low and the high bytes of each layer's difference from the median, which is 0 for the largest
        layer; and last those of the median's difference from that of the pixel before it in the row.
        Differences d are folded to 2 d or -2 d - 1. The median is that of all layers but the largest, of two
        in the middle the lower one, and 0 if there is none.
    largest : ndarray of uint8, shape (H, W)
        Which layer is the largest, of equal ones the first; uint16 if there are more than 256.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.formats.packing import packed_alphas, unpacked_alphas
    >>> planes, largest = packed_alphas(np.array([[[0.9, 0.01, 0.09], [0.9, 0.01, 0.09]]]))
    >>> (planes[0] + 256 * planes[1].astype(int))[:, 0].tolist(), largest.tolist()
    ([[0, 0], [0, 0], [10486, 10486], [1310, 0]], [[0, 0]])
    >>> unpacked_alphas(planes, largest)[0, 0].round(4)
    array([0.9 , 0.01, 0.09], dtype=float32)
    """
    height, width, count = alphas.shape
    planes = np.empty((2, count + 1, height, width), dtype=np.uint8)
    largest = np.empty((height, width), dtype=np.min_scalar_type(count - 1))
    pack_alphas(np.ascontiguousarray(alphas), WHOLE, largest, planes)
    return planes, largest


def unpacked_alphas(
    planes: UInt8[np.ndarray, "2 K1 H W"], largest: UInt[np.ndarray, "H W"]
) -> Float32[np.ndarray, "H W K"]:
    """Return the rounded alphas that `packed_alphas` made bytes of.

    Parameters
    ----------
    planes : ndarray of uint8, shape (2, K + 1, H, W)
        The low and the high bytes.
    largest : ndarray of uint8 or uint16, shape (H, W)
        Which layer is the largest.

    Returns
    -------
    ndarray of float32, shape (H, W, K)
        In [0, 1], summing to 1 up to the rounding of float32.
    """
    alphas = np.empty((*largest.shape, planes.shape[1] - 1), dtype=np.float32)
    unpack_alphas(WHOLE, largest, planes, alphas)
    return alphas


def shortened(image: Float[np.ndarray, "H W 3"]) -> np.ndarray:
    """Return an image in the shortest type that is exact: 8 bits for photos, 32 for shrunk ones.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        In [0, 1].

    Returns
    -------
    ndarray of uint8 or float32, shape (H, W, 3)
        `softseg.images.as_image` makes the image of it; the image itself if it is neither.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.formats.packing import shortened
    >>> shortened(np.full((3, 3, 3), 51 / 255)).dtype, shortened(np.full((3, 3, 3), 0.125)).dtype
    (dtype('uint8'), dtype('float32'))
    """
    short = np.empty(image.shape, dtype=np.uint8)
    for rows in piece_rows(*image.shape[:2]):
        short[rows] = eight_bits(image[rows])
        if not np.array_equal(short[rows] / 255, image[rows]):
            break
    else:
        return short
    single = image.astype(np.float32)
    return single if np.array_equal(single, image) else image


def packed_photo(photo: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """Return a photo's differences along its rows, modulo 256: noisy as they are, most are small.

    Parameters
    ----------
    photo : ndarray of uint8, shape (H, W, 3)
        The photo.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.formats.packing import packed_photo, unpacked_photo
    >>> differences = packed_photo(np.array([[[7, 7, 7], [9, 7, 6]]], dtype=np.uint8))
    >>> differences.tolist()
    [[[7, 7, 7], [2, 0, 255]]]
    >>> unpacked_photo(differences).tolist()
    [[[7, 7, 7], [9, 7, 6]]]
    """
    return np.diff(photo, axis=1, prepend=np.uint8(0))


def unpacked_photo(differences: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """Return the photo that `packed_photo` made differences of."""
    return np.cumsum(differences, axis=1, dtype=np.uint8)
