"""Numba kernels on blocks of vectors: products with sparse matrices, and the Chebyshev step of a smoother."""

from __future__ import annotations

from numba import prange

from softseg._numba import parallel_kernel

# The number of rows that a core takes at a time: enough to hide the overhead of the parallel loop, and few
# enough to keep all cores busy until the end. Chosen by the project's own tests.
CHUNK_ROWS = 256


@parallel_kernel
def csr_times_block(indptr, indices, data, block, out):
    """Write the product of a CSR matrix A and a row-major block (n, m): ``out = A @ block``."""
    n, m = out.shape
    for chunk in prange((n + CHUNK_ROWS - 1) // CHUNK_ROWS):
        for i in range(chunk * CHUNK_ROWS, min((chunk + 1) * CHUNK_ROWS, n)):
            for c in range(m):
                out[i, c] = 0
            for t in range(indptr[i], indptr[i + 1]):
                a = data[t]
                j = indices[t]
                for c in range(m):
                    out[i, c] += a * block[j, c]


@parallel_kernel
def residual(indptr, indices, data, block, right, out):
    """Write what a block leaves of the right-hand side: ``out = right - A @ block``, for a CSR matrix A."""
    n, m = out.shape
    for chunk in prange((n + CHUNK_ROWS - 1) // CHUNK_ROWS):
        for i in range(chunk * CHUNK_ROWS, min((chunk + 1) * CHUNK_ROWS, n)):
            for c in range(m):
                out[i, c] = right[i, c]
            for t in range(indptr[i], indptr[i + 1]):
                a = data[t]
                j = indices[t]
                for c in range(m):
                    out[i, c] -= a * block[j, c]


@parallel_kernel
def chebyshev_step(residual, inverse_diagonal, momentum, step, direction, block):
    """Make one step of Chebyshev iteration, on all columns of a block (n, m) in place.

    ``direction = momentum * direction + step * D^-1 residual``, then ``block += direction``.
    """
    n, m = block.shape
    for chunk in prange((n + CHUNK_ROWS - 1) // CHUNK_ROWS):
        for i in range(chunk * CHUNK_ROWS, min((chunk + 1) * CHUNK_ROWS, n)):
            scale = step * inverse_diagonal[i]
            for c in range(m):
                d = momentum * direction[i, c] + scale * residual[i, c]
                direction[i, c] = d
                block[i, c] += d


@parallel_kernel
def take_columns(block, columns, out):
    """Write some columns of a block: ``out = block[:, columns]``."""
    n, m = out.shape
    for chunk in prange((n + CHUNK_ROWS - 1) // CHUNK_ROWS):
        for i in range(chunk * CHUNK_ROWS, min((chunk + 1) * CHUNK_ROWS, n)):
            for c in range(m):
                out[i, c] = block[i, columns[c]]
