"""Numba kernel that evaluates interpolated affine color models."""

from __future__ import annotations

import numpy as np

from softseg._numba import helper, parallel_kernel


@helper
def _find_neighbors(position, size, small_size):
    """Return the two small pixels around a large pixel's center, and how far it lies between them, in [0, 1].

    This is for one axis, on which the large photo has ``size`` pixels and the small one ``small_size``.
    Beyond the outermost small pixels' centers, the position is that of the nearest center.
    """
    place = (position + 0.5) * small_size / size - 0.5
    place = min(max(place, 0.0), small_size - 1.0)
    first = min(int(place), max(small_size - 2, 0))
    return first, min(first + 1, small_size - 1), place - first


@parallel_kernel(lambda *arguments: len(arguments[-1]))
def evaluate_models(start, stop, models, image, top, left, out):
    """Evaluate models (h, w, K, 4), interpolated bilinearly, at the colors of a window of the large photo.

    The window begins at row ``top`` and column ``left`` of the photo (H, W, 3). The alphas are written to
    ``out`` (H', W', K), which is as large as the window.
    """
    small_height, small_width, layers, _ = models.shape
    photo_height, photo_width, _ = image.shape
    width = out.shape[1]
    first_column = _find_neighbors(left, photo_width, small_width)[0]
    columns = _find_neighbors(left + width - 1, photo_width, small_width)[1] + 1 - first_column
    for y in range(start, stop):
        above, below, down = _find_neighbors(top + y, photo_height, small_height)
        line = np.empty((columns, layers, 4))
        for x in range(columns):
            for k in range(layers):
                for c in range(4):
                    a, b = models[above, first_column + x, k, c], models[below, first_column + x, k, c]
                    line[x, k, c] = a + down * (b - a)
        for x in range(width):
            before, after, across = _find_neighbors(left + x, photo_width, small_width)
            before -= first_column
            after -= first_column
            color = image[top + y, left + x]
            r, g, b = color[0], color[1], color[2]
            for k in range(layers):
                one = line[before, k]
                two = line[after, k]
                at_one = one[0] * r + one[1] * g + one[2] * b + one[3]
                at_two = two[0] * r + two[1] * g + two[2] * b + two[3]
                out[y, x, k] = at_one + across * (at_two - at_one)
