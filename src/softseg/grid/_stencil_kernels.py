"""Numba kernels on planes: for each layer one row of all N pixels, in row-major order.

Planes that a stencil is applied to are padded on both ends by the distance that the stencil reaches, so that
no loop has to know where the image ends. Loops are flat and short, because the compiler vectorizes those.
Sums are taken chunk by chunk, and the chunks are added in order, which gives the same bits on any number of
cores.
"""

from __future__ import annotations

import numpy as np

from softseg._numba import helper, kernel, parallel_kernel, rows_of_last
from softseg.grid._link_kernels import is_near

# The number of entries of a half stencil: the pixel itself and the twelve near neighbors that come after it
# in row-major order. Their offsets (dy, dx) are (0, 0..2), (1, -2..2), (2, -2..2), and `find_entry` numbers
# them in this order. The twelve neighbors that come before the pixel are linked to it by the same numbers,
# which are stored at those pixels.
HALF_STENCIL = 13

CHUNK = 2048  # the number of pixels that a core takes at a time; chosen by the project's own tests
FAR_CHUNK = 64  # the number of pixels with far links that a core takes at a time; chosen likewise
LANES = 8  # the number of layers that are computed together, in one vector register; chosen likewise


@helper
def find_entry(dy, dx):
    """Return the number of a half stencil's entry for the neighbor ``dy`` rows down and ``dx`` columns on."""
    return dx if dy == 0 else 5 * dy + dx


@helper
def _count_rows_down(column, width):
    """Return how many rows down a place is, given as a column that may lie beyond the ends of its row.

    The answer is cut off at three rows up or down, which is far already.
    """
    rows = 0
    while column >= width and rows < 3:
        column -= width
        rows += 1
    while column < 0 and rows > -3:
        column += width
        rows -= 1
    return rows


@parallel_kernel(lambda indptr, indices, data, width, pad, half, diagonal, *_: diagonal.size // width)
def split_by_distance(start, stop, indptr, indices, data, width, pad, half, diagonal, is_far, far_entries):
    """Sort the entries of a symmetric CSR matrix by the distance of the pixels that they link.

    Entries between near pixels are written to the planes of a half stencil. The others are flagged in
    ``is_far`` (entries,), and ``far_entries`` (N,) counts them for each row.
    """
    for y in range(start, stop):
        for x in range(width):
            i = y * width + x
            for t in range(indptr[i], indptr[i + 1]):
                ahead = indices[t] - i
                dy = _count_rows_down(x + ahead, width)
                dx = ahead - dy * width
                if ahead == 0:
                    diagonal[i] = data[t]
                elif not is_near(dy, dx):
                    is_far[t] = True
                    far_entries[i] += 1
                elif ahead > 0:
                    half[find_entry(dy, dx) - 1, pad + i] = data[t]


@parallel_kernel(lambda stencil, pad, half: len(stencil))
def negate_planes(start, stop, stencil, pad, half):
    """Write the affinities of a half stencil (H, W, 13), but for its center, as planes of a Laplacian."""
    width = stencil.shape[1]
    for y in range(start, stop):
        for k in range(half.shape[0]):
            for x in range(width):
                half[k, pad + y * width + x] = -stencil[y, x, k + 1]


@helper
def _add_pair(ahead, values_ahead, back, values_back, out):
    for i in range(out.size):
        out[i] += ahead[i] * values_ahead[i] + back[i] * values_back[i]


@helper
def _add_five(a, b, c, d, e, values, out):
    for i in range(out.size):
        out[i] += (
            a[i] * values[i]
            + b[i] * values[i + 1]
            + c[i] * values[i + 2]
            + d[i] * values[i + 3]
            + e[i] * values[i + 4]
        )


@helper
def _add_links(half, width, values, start, stop, out):
    """Add the off-diagonal part of a matrix times one padded plane.

    ``start`` and ``stop`` are the first pixel and the one after the last, as places in the padded plane.
    Plane k of the half stencil holds the links to the pixel at offset (0, 1), (0, 2), (1, -2) .. (1, 2),
    (2, -2) .. (2, 2). Links back are the same numbers, found at the other pixel.
    """
    for step in (1, 2):
        _add_pair(
            half[step - 1, start:stop],
            values[start + step : stop + step],
            half[step - 1, start - step : stop - step],
            values[start - step : stop - step],
            out,
        )
    for down in (1, 2):
        row = half[5 * down - 3 : 5 * down + 2]
        below, above = down * width, -down * width
        _add_five(
            row[0, start:stop],
            row[1, start:stop],
            row[2, start:stop],
            row[3, start:stop],
            row[4, start:stop],
            values[start + below - 2 : stop + below + 2],
            out,
        )
        _add_five(
            row[4, start + above - 2 : stop + above - 2],
            row[3, start + above - 1 : stop + above - 1],
            row[2, start + above : stop + above],
            row[1, start + above + 1 : stop + above + 1],
            row[0, start + above + 2 : stop + above + 2],
            values[start + above - 2 : stop + above + 2],
            out,
        )


@helper
def accumulate(a, b, sums):
    """Add the products of corresponding entries: ``sums += a * b``."""
    for i in range(sums.size):
        sums[i] += a[i] * b[i]


@kernel
def folded(sums):
    """Return the sum of an array, which is overwritten: its second half is added to its first, and so on."""
    size = sums.size
    while size > 1:
        half = (size + 1) // 2
        for i in range(size - half):
            sums[i] += sums[half + i]
        size = half
    return sums[0]


def count_chunks(n):
    """Return the number of chunks of n pixels."""
    return -(-n // CHUNK)


def multiply_stencil(half, width, pad, diagonal, coupling, values, out):
    """Write ``out = (Id x L + coupling * 1 1' x Id + ...) values``, and return the inner product of both.

    ``values`` is (K, pad + N + pad). ``diagonal`` (K, N) holds that of L plus whatever else is added to it.
    """
    sums = np.empty(count_chunks(out.shape[1]))
    _multiply_stencil(half, width, pad, diagonal, coupling, values, out, sums)
    return folded(sums)


@parallel_kernel(rows_of_last)
def _multiply_stencil(first, last, half, width, pad, diagonal, coupling, values, out, sums):
    layers, n = out.shape
    for chunk in range(first, last):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        total = np.zeros(stop - start)
        for k in range(layers):
            value = values[k, pad + start : pad + stop]
            for i in range(total.size):
                total[i] += value[i]
        products = np.zeros(stop - start)
        for k in range(layers):
            result = out[k, start:stop]
            own = diagonal[k, start:stop]
            value = values[k, pad + start : pad + stop]
            for i in range(total.size):
                result[i] = own[i] * value[i] + coupling * total[i]
            _add_links(half, width, values[k], pad + start, pad + stop, result)
            accumulate(value, result, products)
        sums[chunk] = folded(products)


def add_far_links(indptr, indices, data, nodes, pad, values, out):
    """Add a CSR matrix over the pixels ``nodes`` times values; return the increase of values . out."""
    layers, count = len(out), nodes.size
    # Layers are taken in groups of a fixed size, each of which the compiler turns into one vector.
    here = np.zeros((-(-layers // LANES), count, LANES))
    for k in range(layers):
        here[k // LANES, :, k % LANES] = values[k, pad + nodes]
    sums = np.zeros(-(-count // FAR_CHUNK))
    _add_far_links(indptr, indices, data, nodes, here, out, sums)
    return folded(sums)


@parallel_kernel(rows_of_last)
def _add_far_links(first, last, indptr, indices, data, nodes, here, out, sums):
    layers, groups = out.shape[0], here.shape[0]
    added = np.empty(LANES)
    for chunk in range(first, last):
        total = 0.0
        for i in range(chunk * FAR_CHUNK, min((chunk + 1) * FAR_CHUNK, nodes.size)):
            for group in range(groups):
                added[:] = 0.0
                for t in range(indptr[i], indptr[i + 1]):
                    j = indices[t]
                    for lane in range(LANES):
                        added[lane] += data[t] * here[group, j, lane]
                for lane in range(min(LANES, layers - group * LANES)):
                    out[group * LANES + lane, nodes[i]] += added[lane]
                    total += here[group, i, lane] * added[lane]
        sums[chunk] = total
