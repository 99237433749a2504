"""Numba kernels on blocks of vectors: products with sparse matrices, and the Chebyshev step of a smoother."""

from __future__ import annotations

from softseg._numba import parallel_kernel, rows_of_last


@parallel_kernel(rows_of_last)
def csr_times_block(start, stop, indptr, indices, data, block, out):
    """Write the product of a CSR matrix A and a row-major block (n, m): ``out = A @ block``."""
    m = out.shape[1]
    for i in range(start, stop):
        for c in range(m):
            out[i, c] = 0
        for t in range(indptr[i], indptr[i + 1]):
            a = data[t]
            j = indices[t]
            for c in range(m):
                out[i, c] += a * block[j, c]


@parallel_kernel(rows_of_last)
def residual(start, stop, indptr, indices, data, block, right, out):
    """Write what a block leaves of the right-hand side: ``out = right - A @ block``, for a CSR matrix A."""
    m = out.shape[1]
    for i in range(start, stop):
        for c in range(m):
            out[i, c] = right[i, c]
        for t in range(indptr[i], indptr[i + 1]):
            a = data[t]
            j = indices[t]
            for c in range(m):
                out[i, c] -= a * block[j, c]


@parallel_kernel(rows_of_last)
def chebyshev_step(start, stop, residual, inverse_diagonal, momentum, step, direction, block):
    """Make one step of Chebyshev iteration, on all columns of a block (n, m) in place.

    ``direction = momentum * direction + step * D^-1 residual``, then ``block += direction``.
    """
    m = block.shape[1]
    for i in range(start, stop):
        scale = step * inverse_diagonal[i]
        for c in range(m):
            d = momentum * direction[i, c] + scale * residual[i, c]
            direction[i, c] = d
            block[i, c] += d


@parallel_kernel(rows_of_last)
def take_columns(start, stop, block, columns, out):
    """Write some columns of a block: ``out = block[:, columns]``."""
    m = out.shape[1]
    for i in range(start, stop):
        for c in range(m):
            out[i, c] = block[i, columns[c]]
