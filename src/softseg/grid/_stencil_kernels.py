"""Numba kernels on planes: for each layer one row of all N pixels, in row-major order.

Planes that a stencil is applied to are padded on both ends by its reach, so that no loop asks where the image
ends. Loops are flat and short, which is what the compiler vectorises. Sums are taken chunk by chunk and the
chunks added in order: the same bits on any number of cores.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from softseg._numba import kernel, parallel_kernel

# The half stencil holds the 13 neighbors (dy, dx) that come at or after the pixel in row-major order:
# (0, 0..2), (1, -2..2), (2, -2..2). The other twelve are the same numbers seen from the other pixel.
HALF_STENCIL = 13

CHUNK = 2048  # pixels a core takes at a time
ROWS = 64  # of a matrix, likewise
GROUP = 8  # layers in a vector


@kernel
def _rows_down(column, width):
    """How many rows down a column is that runs on past the ends of its row; 3 stands for more."""
    rows = 0
    while column >= width and rows < 3:
        column -= width
        rows += 1
    while column < 0 and rows > -3:
        column += width
        rows -= 1
    return rows


@parallel_kernel
def split_by_distance(indptr, indices, data, width, pad, half, diagonal, is_far, far_entries):
    """Sort a symmetric CSR matrix's entries: near ones into the half stencil's planes, others flagged.

    ``far_entries`` (N,) counts those of each row.
    """
    for y in prange(diagonal.size // width):
        for x in range(width):
            i = y * width + x
            for t in range(indptr[i], indptr[i + 1]):
                ahead = indices[t] - i
                dy = _rows_down(x + ahead, width)
                dx = ahead - dy * width
                if ahead == 0:
                    diagonal[i] = data[t]
                elif abs(dy) > 2 or abs(dx) > 2:
                    is_far[t] = True
                    far_entries[i] += 1
                elif ahead > 0:
                    half[dx - 1 if dy == 0 else 5 * dy - 1 + dx, pad + i] = data[t]


@parallel_kernel
def negated_planes(stencil, pad, half):
    """Write the links of a half stencil (H, W, 13), its centre first, as planes of a Laplacian's entries."""
    height, width, _ = stencil.shape
    for y in prange(height):
        for k in range(half.shape[0]):
            for x in range(width):
                half[k, pad + y * width + x] = -stencil[y, x, k + 1]


@kernel
def _add_pair(ahead, values_ahead, back, values_back, out):
    for i in range(out.size):
        out[i] += ahead[i] * values_ahead[i] + back[i] * values_back[i]


@kernel
def _add_five(a, b, c, d, e, values, out):
    for i in range(out.size):
        out[i] += (
            a[i] * values[i]
            + b[i] * values[i + 1]
            + c[i] * values[i + 2]
            + d[i] * values[i + 3]
            + e[i] * values[i + 4]
        )


@kernel
def _add_links(half, width, values, start, stop, out):
    """Add the off-diagonal part times one padded plane, for the pixels start .. stop (in padded places).

    Plane k of the half stencil holds the links to the pixel at offset (0, 1), (0, 2), (1, -2) .. (1, 2),
    (2, -2) .. (2, 2). Links back are those same numbers, found at the other pixel.
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


@kernel
def accumulate(a, b, sums):
    for i in range(sums.size):
        sums[i] += a[i] * b[i]


@kernel
def folded(sums):
    """Return the sum of an array, which is used up: its second half is added to its first, and so on."""
    size = sums.size
    while size > 1:
        half = (size + 1) // 2
        for i in range(size - half):
            sums[i] += sums[half + i]
        size = half
    return sums[0]


@parallel_kernel
def stencil_product(half, width, pad, diagonal, coupling, values, out):
    """Out = (Id x L + coupling * 1 1' x Id + ...) values; returns values . out.

    values (K, pad + N + pad); ``diagonal`` (K, N) holds L's and whatever is added to it.
    """
    layers, n = out.shape
    sums = np.empty((n + CHUNK - 1) // CHUNK)
    for chunk in prange(sums.size):
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
    return folded(sums)


@parallel_kernel
def add_far_links(indptr, indices, data, nodes, pad, values, out):
    """Add a CSR matrix over the pixels ``nodes`` times values; returns what values . out grows by."""
    layers = out.shape[0]
    count = nodes.size
    # Layers by groups of a fixed size, which the compiler turns into single vectors.
    groups = (layers + GROUP - 1) // GROUP
    here = np.zeros((groups, count, GROUP))
    for k in range(layers):
        for i in range(count):
            here[k // GROUP, i, k % GROUP] = values[k, pad + nodes[i]]
    sums = np.zeros((count + ROWS - 1) // ROWS)
    for chunk in prange(sums.size):
        added = np.empty(GROUP)
        total = 0.0
        for i in range(chunk * ROWS, min((chunk + 1) * ROWS, count)):
            for group in range(groups):
                added[:] = 0.0
                for t in range(indptr[i], indptr[i + 1]):
                    j = indices[t]
                    for lane in range(GROUP):
                        added[lane] += data[t] * here[group, j, lane]
                for lane in range(min(GROUP, layers - group * GROUP)):
                    out[group * GROUP + lane, nodes[i]] += added[lane]
                    total += here[group, i, lane] * added[lane]
        sums[chunk] = total
    return folded(sums)
