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
