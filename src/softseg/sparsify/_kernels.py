"""Numba kernels of clustering and of the projection onto the simplex."""

from __future__ import annotations

import numpy as np

from softseg._numba import parallel_kernel

# Pixels that a core takes at a time, so that few pixels are left to one core. The results do not depend on
# this number. Chosen by the project.
PIXELS_PER_CHUNK = 1024


def _count_chunks(rows, *_):
    """Return the number of chunks of the first argument's rows."""
    return -(-len(rows) // PIXELS_PER_CHUNK)


@parallel_kernel(_count_chunks)
def assign(first, last, points, means, labels):
    """Set labels[i] to the number of the mean, of (k, C), that is nearest to points[i], of (N, C)."""
    n, channels = points.shape
    for chunk in range(first, last):
        for i in range(chunk * PIXELS_PER_CHUNK, min((chunk + 1) * PIXELS_PER_CHUNK, n)):
            best = np.inf
            for k in range(means.shape[0]):
                distance = 0.0
                for c in range(channels):
                    difference = points[i, c] - means[k, c]
                    distance += difference * difference
                if distance < best:
                    best = distance
                    labels[i] = k


@parallel_kernel(_count_chunks)
def project_rows(first, last, rows, out):
    """Project each pixel's layers, a row of (N, K), onto the simplex."""
    n, layers = rows.shape
    for chunk in range(first, last):
        descending = np.empty(layers)
        for i in range(chunk * PIXELS_PER_CHUNK, min((chunk + 1) * PIXELS_PER_CHUNK, n)):
            for k in range(layers):
                place = k
                while place > 0 and descending[place - 1] < rows[i, k]:
                    descending[place] = descending[place - 1]
                    place -= 1
                descending[place] = rows[i, k]
            # The projection adds one number to all layers and sets those that fall below zero to zero. The
            # number is such that the layers that stay positive sum to one.
            total = 0.0
            shift = 0.0
            for k in range(layers):
                total += descending[k]
                if descending[k] + (1.0 - total) / (k + 1) > 0.0:
                    shift = (1.0 - total) / (k + 1)
            for k in range(layers):
                out[i, k] = max(rows[i, k] + shift, 0.0)
