"""Numba kernel that evaluates interpolated affine color models."""

from __future__ import annotations

import numpy as np
from numba import prange

from softseg._numba import kernel, parallel_kernel


@kernel
def _find_neighbors(position, size, small_size):
    """Return the two small pixels around a large pixel's center, and how far it lies between them, in [0, 1].

    This is for one axis, on which the large photo has ``size`` pixels and the small one ``small_size``.
    Beyond the outermost small pixels' centers, the position is that of the nearest center.
    """
    place = (position + 0.5) * small_size / size - 0.5
    place = min(max(place, 0.0), small_size - 1.0)
    first = min(int(place), max(small_size - 2, 0))
    return first, min(first + 1, small_size - 1), place - first


@parallel_kernel
def evaluate_models(models, image, top, left, shape, out):
    """Evaluate models (h, w, K, 4), interpolated bilinearly, at the colors of a window of the large photo.

    The window (H', W', 3) begins at row ``top`` and column ``left`` of a photo whose size is ``shape``. The
    alphas are written to ``out`` (H', W', K).
    """
    small_height, small_width, layers, _ = models.shape
    height, width, _ = image.shape
    first_column = _find_neighbors(left, shape[1], small_width)[0]
    columns = _find_neighbors(left + width - 1, shape[1], small_width)[1] + 1 - first_column
    for y in prange(height):
        above, below, down = _find_neighbors(top + y, shape[0], small_height)
        line = np.empty((columns, layers, 4))
        for x in range(columns):
            for k in range(layers):
                for c in range(4):
                    a, b = models[above, first_column + x, k, c], models[below, first_column + x, k, c]
                    line[x, k, c] = a + down * (b - a)
        for x in range(width):
            before, after, across = _find_neighbors(left + x, shape[1], small_width)
            before -= first_column
            after -= first_column
            r, g, b = image[y, x, 0], image[y, x, 1], image[y, x, 2]
            for k in range(layers):
                one = line[before, k]
                two = line[after, k]
                at_one = one[0] * r + one[1] * g + one[2] * b + one[3]
                at_two = two[0] * r + two[1] * g + two[2] * b + two[3]
                out[y, x, k] = at_one + across * (at_two - at_one)
