"""Numba kernels on planes: for each layer one row of all N pixels, in row-major order.

Planes that a stencil is applied to are padded on both ends by its reach, so that no loop asks where the image
ends. Loops are flat and short, which is what the compiler vectorises. Sums are taken chunk by chunk and the
chunks added in order: the same bits on any number of cores.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from softseg._numba import kernel, parallel_kernel

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
def _accumulate(a, b, sums):
    for i in range(sums.size):
        sums[i] += a[i] * b[i]


@kernel
def _folded(sums):
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
            _accumulate(value, result, products)
        sums[chunk] = _folded(products)
    return _folded(sums)


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
    return _folded(sums)


@kernel
def _powers(base, exponent, shift, out):
    """Out = base ** exponent, for bases in [0.01, 100] and exponents in [-1.1, -1], to 1e-9 of it.

    As (1 / base) * exp(t), t = (exponent + 1) log(base): so small that its series needs no reduction.
    """
    bits = base.view(np.int64)
    mantissa_bits = out.view(np.int64)
    for i in range(base.size):
        # The exponent of 2 that leaves a mantissa between the square roots of 1/2 and 2.
        shift[i] = (bits[i] - 0x3FE6A09E667F3BCD) >> 52
        mantissa_bits[i] = bits[i] - (shift[i] << 52)
    for i in range(base.size):
        ratio = (out[i] - 1.0) / (out[i] + 1.0)
        s = ratio * ratio
        log = 2.0 * ratio * (1 + s * (1 / 3 + s * (1 / 5 + s * (1 / 7 + s * (1 / 9 + s / 11)))))
        t = (exponent[i] + 1.0) * (log + 0.6931471805599453 * shift[i])
        series = 1 + t / 6 * (1 + t / 7 * (1 + t / 8 * (1 + t / 9)))
        out[i] = (1 + t * (1 + t / 2 * (1 + t / 3 * (1 + t / 4 * (1 + t / 5 * series))))) / base[i]


@parallel_kernel
def reweight(alphas, pad, target, exponent, smallest, coupling, matrix_diagonal, diagonal, right):
    """Fill one reweighted system's diagonal and right-hand side, (K, N)."""
    layers, n = target.shape
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        base, shift = np.empty(stop - start), np.empty(stop - start, np.int64)
        to_one, to_zero = np.empty(stop - start), np.empty(stop - start)
        power, of_matrix = exponent[start:stop], matrix_diagonal[start:stop]
        for k in range(layers):
            alpha, goal = alphas[k, pad + start : pad + stop], target[k, start:stop]
            for i in range(base.size):
                base[i] = max(abs(1 - alpha[i]), smallest)
            _powers(base, power, shift, to_one)
            for i in range(base.size):
                base[i] = max(abs(alpha[i]), smallest)
            _powers(base, power, shift, to_zero)
            out, out_right = diagonal[k, start:stop], right[k, start:stop]
            for i in range(base.size):
                out[i] = to_one[i] + to_zero[i] + 1 + of_matrix[i]
            for i in range(base.size):
                out_right[i] = to_one[i] + goal[i] + coupling


@parallel_kernel
def subtract(product, remainder):
    """Remainder -= product; returns remainder . remainder."""
    layers, n = remainder.shape
    sums = np.empty((n + CHUNK - 1) // CHUNK)
    for chunk in prange(sums.size):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        squares = np.zeros(stop - start)
        for k in range(layers):
            left, taken = remainder[k, start:stop], product[k, start:stop]
            for i in range(left.size):
                left[i] -= taken[i]
            _accumulate(left, left, squares)
        sums[chunk] = _folded(squares)
    return _folded(sums)


@parallel_kernel
def inner(a, b):
    """Return a . b."""
    layers, n = a.shape
    sums = np.empty((n + CHUNK - 1) // CHUNK)
    for chunk in prange(sums.size):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        products = np.zeros(stop - start)
        for k in range(layers):
            _accumulate(a[k, start:stop], b[k, start:stop], products)
        sums[chunk] = _folded(products)
    return _folded(sums)


@parallel_kernel
def solve_pixel_blocks(diagonal, coupling, right, out):
    """Solve (diag(d) + coupling * 1 1') x = r at each pixel (Sherman-Morrison); returns right . out."""
    layers, n = right.shape
    sums = np.empty((n + CHUNK - 1) // CHUNK)
    for chunk in prange(sums.size):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        trace, shared = np.zeros(stop - start), np.zeros(stop - start)
        for k in range(layers):
            d, r, x = diagonal[k, start:stop], right[k, start:stop], out[k, start:stop]
            for i in range(x.size):
                x[i] = 1 / d[i]
            for i in range(x.size):
                trace[i] += x[i]
                shared[i] += x[i] * r[i]
        for i in range(shared.size):
            shared[i] *= coupling / (1 + coupling * trace[i])
        products = np.zeros(stop - start)
        for k in range(layers):
            r, x = right[k, start:stop], out[k, start:stop]
            for i in range(x.size):
                x[i] *= r[i] - shared[i]
            _accumulate(r, x, products)
        sums[chunk] = _folded(products)
    return _folded(sums)


@parallel_kernel
def turn(direction, pad, step, factor):
    """Direction = step + factor * direction."""
    layers, n = step.shape
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        for k in range(layers):
            new, old = step[k, start:stop], direction[k, pad + start : pad + stop]
            for i in range(old.size):
                old[i] = new[i] + factor * old[i]


@parallel_kernel
def advance(alphas, direction, pad, remainder, product, length):
    """Go along the direction: alphas += length * direction, remainder likewise; returns its square norm."""
    layers, n = remainder.shape
    sums = np.empty((n + CHUNK - 1) // CHUNK)
    for chunk in prange(sums.size):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        squares = np.zeros(stop - start)
        for k in range(layers):
            alpha, along = alphas[k, pad + start : pad + stop], direction[k, pad + start : pad + stop]
            for i in range(alpha.size):
                alpha[i] += length * along[i]
            left, taken = remainder[k, start:stop], product[k, start:stop]
            for i in range(left.size):
                left[i] -= length * taken[i]
            _accumulate(left, left, squares)
        sums[chunk] = _folded(squares)
    return _folded(sums)


@parallel_kernel
def extrapolate(alphas, pad, before, change):
    """Move each value on by its last change times the rate at which changes shrink, held to [0, 1].

    Afterwards ``before`` is what alphas were and ``change`` their last change, both (K, N).
    """
    layers, n = before.shape
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        for k in range(layers):
            now, then = alphas[k, pad + start : pad + stop], before[k, start:stop]
            changed = change[k, start:stop]
            for i in range(then.size):
                step = now[i] - then[i]
                rate = step / changed[i] if changed[i] != 0.0 else 0.0
                then[i] = now[i]
                changed[i] = step
                now[i] += min(max(rate, 0.0), 1.0) * step


@parallel_kernel
def project_rows(rows, out):
    """Project each pixel's layers, a row of (N, K), onto the simplex."""
    n, layers = rows.shape
    for chunk in prange((n + CHUNK - 1) // CHUNK):
        descending = np.empty(layers)
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, n)):
            for k in range(layers):
                place = k
                while place > 0 and descending[place - 1] < rows[i, k]:
                    descending[place] = descending[place - 1]
                    place -= 1
                descending[place] = rows[i, k]
            # Shift all by what makes those that stay positive sum to one.
            total = 0.0
            shift = 0.0
            for k in range(layers):
                total += descending[k]
                if descending[k] + (1.0 - total) / (k + 1) > 0.0:
                    shift = (1.0 - total) / (k + 1)
            for k in range(layers):
                out[i, k] = max(rows[i, k] + shift, 0.0)
