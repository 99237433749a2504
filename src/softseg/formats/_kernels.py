"""Numba kernels of files: the rounding to 8 bits, with colors that make up for it, and packed alphas.

Pixels are rows of an array, (N, K), and independent of each other.
"""

from __future__ import annotations

import numpy as np

from softseg._numba import helper, parallel_kernel, rows_of_last

# The least number that a sum of squares is divided by, which is above zero: the sum of none.
TINY = np.finfo(np.float32).tiny


@parallel_kernel(rows_of_last)
def round_to_sum(start, stop, alphas, opaque, opacities):
    """Round alphas (N, K) to steps that sum to ``opaque`` in each row.

    The steps that are missing after rounding down go to the largest remainders, of equal ones to the first.
    """
    layers = alphas.shape[1]
    lost = np.empty(layers)
    for i in range(start, stop):
        total = 0.0
        for k in range(layers):
            total += alphas[i, k]
        missing = opaque
        for k in range(layers):
            exact = opaque * (alphas[i, k] / total)
            step = int(np.floor(exact))
            lost[k] = exact - step
            opacities[i, k] = step
            missing -= step
        for _ in range(missing):
            most = 0
            for k in range(1, layers):
                if lost[k] > lost[most]:
                    most = k
            opacities[i, most] += 1
            lost[most] = -1.0


@parallel_kernel(rows_of_last)
def meet_image(start, stop, image, shares, close, colors):
    """Change colors (N, K, C) in place until they add up to the image (N, C), or are as near as they get.

    A pixel is left alone once no channel misses the image by more than ``close``. Shares are (N, K).
    """
    _, layers, channels = colors.shape
    zero, one = np.float32(0), np.float32(1)
    missing = np.empty(channels, np.float32)
    for i in range(start, stop):
        for _ in range(layers):
            most = zero
            for c in range(channels):
                left = image[i, c]
                for k in range(layers):
                    left -= shares[i, k] * colors[i, k, c]
                missing[c] = left
                most = max(most, abs(left))
            if most <= close:
                break
            for c in range(channels):
                length = zero
                for k in range(layers):
                    if (colors[i, k, c] < one) if missing[c] > zero else (colors[i, k, c] > zero):
                        length += shares[i, k] * shares[i, k]
                step = missing[c] / max(length, TINY)
                for k in range(layers):
                    if (colors[i, k, c] < one) if missing[c] > zero else (colors[i, k, c] > zero):
                        colors[i, k, c] = min(max(colors[i, k, c] + step * shares[i, k], zero), one)


@parallel_kernel(lambda alphas, *_: len(alphas))
def pack_alphas(start, stop, alphas, whole, largest, planes):
    """Round alphas (H, W, K) to steps that sum to ``whole``, and note them in bytes that are often zero.

    What is noted of a pixel is which layer is the ``largest`` (H, W); how far each of the others is from
    their median, 0 for the largest; and last how far the median is from that of the pixel before it. The low
    and high bytes of these K + 1 numbers go to the ``planes`` (2, K + 1, H, W).
    """
    _, width, layers = alphas.shape
    steps, order = np.empty(layers, np.int64), np.empty(layers, np.int64)
    for y in range(start, stop):
        before = 0
        for x in range(width):
            _round_to_nearest(alphas[y, x], whole, steps)
            top = _find_largest(steps)
            median = _find_median(steps, top, order)
            largest[y, x] = top
            for k in range(layers):
                _take_apart(0 if k == top else steps[k] - median, planes[:, k, y, x])
            _take_apart(median - before, planes[:, layers, y, x])
            before = median


@parallel_kernel(lambda whole, largest, *_: len(largest))
def unpack_alphas(start, stop, whole, largest, planes, alphas):
    """Put alphas (H, W, K) together of what `pack_alphas` made of them."""
    _, width, layers = alphas.shape
    for y in range(start, stop):
        median = 0
        for x in range(width):
            median += _put_together(planes[:, layers, y, x])
            left, top = whole, largest[y, x]
            for k in range(layers):
                if k != top:
                    step = median + _put_together(planes[:, k, y, x])
                    alphas[y, x, k] = np.float32(step) / np.float32(whole)
                    left -= step
            alphas[y, x, top] = np.float32(left) / np.float32(whole)


@helper
def _round_to_nearest(alphas, whole, steps):
    """Round each alpha (K,) to the nearest step but the largest one, which gets what is left."""
    top = _find_largest(alphas)
    left = whole
    for k in range(steps.size):
        steps[k] = int(np.rint(whole * alphas[k]))
        if k != top:
            left -= steps[k]
    steps[top] = left
    while steps[top] < 0:  # hundreds of layers whose roundings add up
        steps[_find_largest(steps)] -= 1
        steps[top] += 1


@helper
def _find_largest(values):
    """Return the index of the largest value, of equal ones the first."""
    top = 0
    for k in range(1, values.size):
        if values[k] > values[top]:
            top = k
    return top


@helper
def _find_median(steps, top, order):
    """Return the lower median of all but the largest; 0 of none. What is in ``order`` is overwritten."""
    count = 0
    for k in range(steps.size):
        if k != top:
            place = count
            while place > 0 and order[place - 1] > steps[k]:
                order[place] = order[place - 1]
                place -= 1
            order[place] = steps[k]
            count += 1
    return order[(count - 1) // 2] if count else 0


@helper
def _take_apart(number, parts):
    """Note a number's low and high byte, folded: 2 n, or -2 n - 1 of one below zero."""
    folded = 2 * number if number >= 0 else -2 * number - 1
    parts[0] = folded & 255
    parts[1] = folded >> 8


@helper
def _put_together(parts):
    """Return the number of these bytes."""
    folded = np.int64(parts[0]) | np.int64(parts[1]) << 8
    return folded >> 1 if folded & 1 == 0 else -(folded >> 1) - 1
