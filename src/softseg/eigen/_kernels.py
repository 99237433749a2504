"""Sparse matrix times block of vectors, and the Chebyshev step of a smoother, on all columns at once."""

from __future__ import annotations

from numba import prange

from softseg._numba import parallel_kernel

ROWS = 256  # rows a core takes at a time: enough to hide the loop's overhead, few enough to balance it


@parallel_kernel
def csr_times_block(indptr, indices, data, block, out):
    """Out = A @ block for CSR A and row-major block (n, m)."""
    n, m = out.shape
    for chunk in prange((n + ROWS - 1) // ROWS):
        for i in range(chunk * ROWS, min((chunk + 1) * ROWS, n)):
            for c in range(m):
                out[i, c] = 0
            for t in range(indptr[i], indptr[i + 1]):
                a = data[t]
                j = indices[t]
                for c in range(m):
                    out[i, c] += a * block[j, c]


@parallel_kernel
def residual(indptr, indices, data, block, right, out):
    """Out = right - A @ block."""
    n, m = out.shape
    for chunk in prange((n + ROWS - 1) // ROWS):
        for i in range(chunk * ROWS, min((chunk + 1) * ROWS, n)):
            for c in range(m):
                out[i, c] = right[i, c]
            for t in range(indptr[i], indptr[i + 1]):
                a = data[t]
                j = indices[t]
                for c in range(m):
                    out[i, c] -= a * block[j, c]


@parallel_kernel
def chebyshev_step(residual, inverse_diagonal, momentum, step, direction, block):
    """Direction = momentum * direction + step * D^-1 residual;  block += direction."""
    n, m = block.shape
    for chunk in prange((n + ROWS - 1) // ROWS):
        for i in range(chunk * ROWS, min((chunk + 1) * ROWS, n)):
            scale = step * inverse_diagonal[i]
            for c in range(m):
                d = momentum * direction[i, c] + scale * residual[i, c]
                direction[i, c] = d
                block[i, c] += d


@parallel_kernel
def take_columns(block, columns, out):
    """Out = block[:, columns]."""
    n, m = out.shape
    for chunk in prange((n + ROWS - 1) // ROWS):
        for i in range(chunk * ROWS, min((chunk + 1) * ROWS, n)):
            for c in range(m):
                out[i, c] = block[i, columns[c]]
