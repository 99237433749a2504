"""Numba kernels of the sparsification stages."""

from __future__ import annotations

import numpy as np
from numba import prange

from softseg._numba import parallel_kernel

ROWS = 1024  # pixels a core takes at a time


@parallel_kernel
def assign(points, means, labels):
    """labels[i] = the nearest of the means (k, C) to points[i] (N, C)."""
    n, channels = points.shape
    for chunk in prange((n + ROWS - 1) // ROWS):
        for i in range(chunk * ROWS, min((chunk + 1) * ROWS, n)):
            best = np.inf
            for k in range(means.shape[0]):
                distance = 0.0
                for c in range(channels):
                    difference = points[i, c] - means[k, c]
                    distance += difference * difference
                if distance < best:
                    best = distance
                    labels[i] = k


@parallel_kernel
def project_rows(rows, out):
    """Project each pixel's layers, a row of (N, K), onto the simplex."""
    n, layers = rows.shape
    for chunk in prange((n + ROWS - 1) // ROWS):
        descending = np.empty(layers)
        for i in range(chunk * ROWS, min((chunk + 1) * ROWS, n)):
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
