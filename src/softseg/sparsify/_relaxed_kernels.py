"""Numba kernels of the relaxed stage, on planes: each layer is one row of all N pixels, in row-major order.

The layers that a stencil is applied to are padded on both ends by its reach, as in ``softseg.grid.stencil``.
Each sum over the pixels is taken chunk by chunk, and the chunks' sums are added in order, so that the sum has
the same bits on any number of cores.
"""

from __future__ import annotations

import numpy as np

from softseg._numba import helper, parallel_kernel, rows_of_last
from softseg.grid._stencil_kernels import CHUNK, accumulate, count_chunks, folded


def _count_chunks_of_last(*arguments):
    """Return the number of chunks of the last argument's pixels, as the parts of a kernel."""
    return count_chunks(arguments[-1].shape[1])


@helper
def _powers(base, exponent, shift, out):
    """Write base ** exponent to ``out``, for bases in [0.01, 100] and exponents in [-1.1, -1].

    The relative error is at most 1e-9. The power is computed as (1 / base) * exp(t) with
    t = (exponent + 1) log(base). This t is so small that the series of exp converges without a reduction of
    its argument.
    """
    bits = base.view(np.int64)
    mantissa_bits = out.view(np.int64)
    for i in range(base.size):
        # The base is a power of 2 times a mantissa between the square roots of 1/2 and 2. The constant holds
        # the bits of the square root of 1/2, as a float64.
        shift[i] = (bits[i] - 0x3FE6A09E667F3BCD) >> 52
        mantissa_bits[i] = bits[i] - (shift[i] << 52)
    for i in range(base.size):
        ratio = (out[i] - 1.0) / (out[i] + 1.0)
        s = ratio * ratio
        log = 2.0 * ratio * (1 + s * (1 / 3 + s * (1 / 5 + s * (1 / 7 + s * (1 / 9 + s / 11)))))
        t = (exponent[i] + 1.0) * (log + 0.6931471805599453 * shift[i])
        series = 1 + t / 6 * (1 + t / 7 * (1 + t / 8 * (1 + t / 9)))
        out[i] = (1 + t * (1 + t / 2 * (1 + t / 3 * (1 + t / 4 * (1 + t / 5 * series))))) / base[i]


@parallel_kernel(_count_chunks_of_last)
def reweight(
    first, last, alphas, pad, target, exponent, smallest, coupling, matrix_diagonal, diagonal, right
):
    """Fill in the diagonal and the right-hand side, (K, N) both, of one reweighted system.

    The weights are u = max(|1 - alpha|, smallest)^exponent and v = max(|alpha|, smallest)^exponent. The
    diagonal is u + v + 1 plus the Laplacian's diagonal, and the right-hand side is u + target + coupling
    (Aksoy et al. 2018, Section 3.5).
    """
    layers, n = target.shape
    for chunk in range(first, last):
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


def subtract(product, remainder):
    """Subtract ``product`` from ``remainder``, both (K, N); return the remainder's squared norm."""
    sums = np.empty(count_chunks(remainder.shape[1]))
    _subtract(product, remainder, sums)
    return folded(sums)


@parallel_kernel(rows_of_last)
def _subtract(first, last, product, remainder, sums):
    layers, n = remainder.shape
    for chunk in range(first, last):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        squares = np.zeros(stop - start)
        for k in range(layers):
            left, taken = remainder[k, start:stop], product[k, start:stop]
            for i in range(left.size):
                left[i] -= taken[i]
            accumulate(left, left, squares)
        sums[chunk] = folded(squares)


def inner(a, b):
    """Return the inner product of two arrays (K, N)."""
    sums = np.empty(count_chunks(a.shape[1]))
    _inner(a, b, sums)
    return folded(sums)


@parallel_kernel(rows_of_last)
def _inner(first, last, a, b, sums):
    layers, n = a.shape
    for chunk in range(first, last):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        products = np.zeros(stop - start)
        for k in range(layers):
            accumulate(a[k, start:stop], b[k, start:stop], products)
        sums[chunk] = folded(products)


def solve_pixel_blocks(diagonal, coupling, right, out):
    """Solve (diag(d) + coupling * 1 1') x = r at each pixel, by the Sherman-Morrison formula.

    The solutions are written to ``out``. The kernel returns the inner product of ``right`` and ``out``.
    """
    sums = np.empty(count_chunks(out.shape[1]))
    _solve_pixel_blocks(diagonal, coupling, right, out, sums)
    return folded(sums)


@parallel_kernel(rows_of_last)
def _solve_pixel_blocks(first, last, diagonal, coupling, right, out, sums):
    layers, n = right.shape
    for chunk in range(first, last):
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
            accumulate(r, x, products)
        sums[chunk] = folded(products)


@parallel_kernel(_count_chunks_of_last)
def turn(first, last, direction, pad, factor, step):
    """Replace ``direction`` by step + factor * direction."""
    layers, n = step.shape
    for chunk in range(first, last):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        for k in range(layers):
            new, old = step[k, start:stop], direction[k, pad + start : pad + stop]
            for i in range(old.size):
                old[i] = new[i] + factor * old[i]


def advance(alphas, direction, pad, remainder, product, length):
    """Add length * direction to ``alphas`` and subtract length * product from ``remainder``.

    The kernel returns the squared norm of the new remainder.
    """
    sums = np.empty(count_chunks(remainder.shape[1]))
    _advance(alphas, direction, pad, remainder, product, length, sums)
    return folded(sums)


@parallel_kernel(rows_of_last)
def _advance(first, last, alphas, direction, pad, remainder, product, length, sums):
    layers, n = remainder.shape
    for chunk in range(first, last):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        squares = np.zeros(stop - start)
        for k in range(layers):
            alpha, along = alphas[k, pad + start : pad + stop], direction[k, pad + start : pad + stop]
            for i in range(alpha.size):
                alpha[i] += length * along[i]
            left, taken = remainder[k, start:stop], product[k, start:stop]
            for i in range(left.size):
                left[i] -= length * taken[i]
            accumulate(left, left, squares)
        sums[chunk] = folded(squares)


@parallel_kernel(_count_chunks_of_last)
def extrapolate(first, last, alphas, pad, before, change):
    """Move each alpha further by its last change, times the ratio of its last two changes, held to [0, 1].

    The ratio is the rate at which the changes shrink. ``before`` (K, N) holds the alphas of the previous call
    and ``change`` (K, N) their change in it; the kernel replaces both by those of this call.
    """
    layers, n = before.shape
    for chunk in range(first, last):
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
