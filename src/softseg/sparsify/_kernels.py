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
def relaxed_product(indptr, indices, data, diagonal, coupling, alphas, out):
    """Out = (Id x L + coupling * 1 1' x Id + diag(diagonal)) alphas, for layers in columns (N, K)."""
    n, layers = alphas.shape
    for chunk in prange((n + ROWS - 1) // ROWS):
        for i in range(chunk * ROWS, min((chunk + 1) * ROWS, n)):
            total = 0.0
            for k in range(layers):
                total += alphas[i, k]
            for k in range(layers):
                out[i, k] = diagonal[i, k] * alphas[i, k] + coupling * total
            for t in range(indptr[i], indptr[i + 1]):
                weight = data[t]
                j = indices[t]
                for k in range(layers):
                    out[i, k] += weight * alphas[j, k]


@parallel_kernel
def solve_pixel_blocks(inverse_diagonal, coupling, right, out):
    """Solve (diag(d) + coupling * 1 1') x = r at each pixel by the Sherman-Morrison formula."""
    n, layers = right.shape
    for chunk in prange((n + ROWS - 1) // ROWS):
        for i in range(chunk * ROWS, min((chunk + 1) * ROWS, n)):
            trace = 0.0
            total = 0.0
            for k in range(layers):
                trace += inverse_diagonal[i, k]
                total += inverse_diagonal[i, k] * right[i, k]
            shared = coupling * total / (1.0 + coupling * trace)
            for k in range(layers):
                out[i, k] = inverse_diagonal[i, k] * (right[i, k] - shared)
