"""Numba kernels of the layers' colors: links between pixels, and sweeps over one level of the pyramid.

Arrays are rows of planes, (H, ..., W), so that loops run along a row, which is what the compiler vectorizes.
"""

from __future__ import annotations

import numpy as np

from softseg._numba import helper, parallel_kernel

# By how much colors may miss the image and still count as adding up to it, the image's range being 1: what
# single precision leaves of an exact sum.
NEARLY = 1e-6

# Rows that a core takes at a time. Half the sizes of a pyramid have fewer: there, waking another core would
# take longer than a sweep does. Chosen by the project.
ROWS = 16


@parallel_kernel(lambda alphas, *_: len(alphas))
def link_pixels(start, stop, alphas, least, across, down):
    """Weigh the links of neighbors: ``least`` plus half the sum of their alphas' differences.

    Alphas are (H, K, W); ``across[y, x]`` (H, W + 1) links (y, x) with the pixel before it, ``down[y, x]``
    (H + 1, W) with the one above. Links over the border stay as they are, zero.
    """
    _, layers, width = alphas.shape
    half = np.float32(0.5)
    for y in range(start, stop):
        across[y, 1:width] = least
        for k in range(layers):
            _add_difference(half, alphas[y, k, 1:], alphas[y, k, : width - 1], across[y, 1:width])
        if y > 0:
            down[y] = least
            for k in range(layers):
                _add_difference(half, alphas[y, k], alphas[y - 1, k], down[y])


@helper
def _add_difference(factor, one, other, out):
    for x in range(out.size):
        out[x] += factor * abs(one[x] - other[x])


@parallel_kernel(lambda colors, *_: -(-len(colors) // ROWS))
def sweep(start, stop, colors, image, alphas, across, down, board_color, over):
    """Solve the equations of every second pixel (as on a chessboard) and go ``over`` times the way there.

    Colors are (H, K, C, W), the image is (H, C, W), alphas are (H, K, W). The solution is the mean of the
    neighbors, each by its link, moved to the nearest colors in [0, 1] that add up to the image: all layers of
    a link weigh the same, so that what is a weighted projection in general is a plain one here.

    Whole rows are computed, since that is fast, but only pixels of one color of the board move, and they
    depend on those of the other color alone: any order of rows gives the same bits.
    """
    height, layers, channels, width = colors.shape
    for y in range(start * ROWS, min(stop * ROWS, height)):
        first = (y + board_color) % 2
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        shares = _compute_shares(down[y], down[y + 1], across[y])
        way = np.zeros(width, np.float32)
        way[first::2] = over
        squares = np.zeros(width, np.float32)
        for k in range(layers):
            alpha = alphas[y, k]
            for x in range(width):
                squares[x] += alpha[x] * alpha[x]
        solved = np.empty((layers, width), np.float32)
        for c in range(channels):
            for k in range(layers):
                _average(shares, colors[above, k, c], colors[y, k, c], colors[below, k, c], solved[k])
            _add_up(solved, alphas[y], image[y, c], squares, first)
            for k in range(layers):
                _move(colors[y, k, c], solved[k], way)


@helper
def _compute_shares(up, down, across):
    """Return each neighbor's share in the mean, (4, W): above, below, before, after."""
    width = up.size
    shares = np.empty((4, width), np.float32)
    for x in range(width):
        total = up[x] + down[x] + across[x] + across[x + 1]
        shares[0, x] = up[x] / total
        shares[1, x] = down[x] / total
        shares[2, x] = across[x] / total
        shares[3, x] = across[x + 1] / total
    return shares


@helper
def _average(shares, above, row, below, out):
    """Write the mean of each pixel's neighbors in three rows (W,) of one layer and channel."""
    width = out.size
    up, down, before, after = shares[0], shares[1], shares[2, 1:], shares[3]
    for x in range(width):
        out[x] = up[x] * above[x] + down[x] * below[x]
    for x in range(width - 1):
        out[x + 1] += before[x] * row[x]
    for x in range(width - 1):
        out[x] += after[x] * row[x + 1]


@helper
def _add_up(points, alphas, target, squares, first):
    """Move a row of points (K, W) to the nearest in [0, 1] with the target (W,) as their sum by alphas.

    ``squares`` are the alphas' sums of squares. All pixels at once where no color leaves [0, 1]; the others
    one by one, of which only every second, from ``first`` on, is needed.
    """
    zero, one = np.float32(0), np.float32(1)
    missing = np.empty(target.size, np.float32)
    _find_missing(points, alphas, target, missing)
    for x in range(target.size):
        missing[x] /= squares[x]
    for k in range(points.shape[0]):
        point, alpha = points[k], alphas[k]
        for x in range(target.size):
            point[x] = min(max(point[x] + missing[x] * alpha[x], zero), one)
    _find_missing(points, alphas, target, missing)
    for x in range(first, target.size, 2):
        if abs(missing[x]) > NEARLY:
            _project(points[:, x], alphas[:, x], target[x])


@helper
def _find_missing(points, alphas, target, missing):
    """Write what the sum of points (K, W) by alphas lacks to the target, (W,)."""
    for x in range(target.size):
        missing[x] = target[x]
    for k in range(points.shape[0]):
        point, alpha = points[k], alphas[k]
        for x in range(target.size):
            missing[x] -= alpha[x] * point[x]


@helper
def _project(point, alphas, target):
    """Move a point of the box [0, 1]^K to the nearest one there with ``alphas . point = target``.

    The nearest is clip(point + t * alphas), where the sum of alphas * clip(...) grows with t: concavely above
    t = 0, convexly below. Newton's method from t = 0 therefore never goes too far; every step saturates
    another layer or is the last.
    """
    for _ in range(point.size + 1):
        missing = np.float64(target)
        for k in range(point.size):
            missing -= alphas[k] * point[k]
        if abs(missing) <= NEARLY:
            break
        slope = 0.0
        for k in range(point.size):
            if (point[k] < 1) if missing > 0 else (point[k] > 0):
                slope += alphas[k] * alphas[k]
        if slope == 0:  # alphas do not sum to one: the target is as near as it gets
            break
        step = missing / slope
        for k in range(point.size):
            point[k] = min(max(point[k] + step * alphas[k], 0.0), 1.0)


@helper
def _move(point, solved, way):
    """Go ``way`` times the way from a point to the solved one, as far as [0, 1] reaches."""
    zero, one = np.float32(0), np.float32(1)
    for x in range(point.size):
        point[x] = min(max(point[x] + way[x] * (solved[x] - point[x]), zero), one)
