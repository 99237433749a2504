"""The kernel that takes a Laplacian apart into links between near pixels and the others."""

from __future__ import annotations

import numpy as np

from softseg._numba import kernel


@kernel
def split_links(indptr, indices, data, width, radius):
    """Return the near links' own Laplacian in CSR, each pixel's attraction by far ones, and who has any.

    Near: at most ``radius`` apart along both axes. Attraction: the sum of the positive affinities, which
    are the negative entries.
    """
    n = indptr.size - 1
    near_indptr = np.zeros(n + 1, indptr.dtype)
    near_indices = np.empty(indices.size + n, indices.dtype)
    near_data = np.empty(indices.size + n)
    attraction = np.zeros(n)
    far = np.zeros(n, np.bool_)
    end = 0
    for i in range(n):
        y, x = i // width, i % width
        diagonal, total = -1, 0.0
        for t in range(indptr[i], indptr[i + 1]):
            j = indices[t]
            if j >= i and diagonal < 0:  # columns ascend: this is the diagonal's place
                diagonal = end
                near_indices[end] = i
                end += 1
            if j == i:
                continue
            if abs(j // width - y) <= radius and abs(j % width - x) <= radius:
                near_indices[end] = j
                near_data[end] = data[t]
                total += data[t]
                end += 1
            elif data[t] != 0:
                far[i] = True
                attraction[i] += max(-data[t], 0.0)
        if diagonal < 0:
            diagonal = end
            near_indices[end] = i
            end += 1
        near_data[diagonal] = -total
        near_indptr[i + 1] = end
    return near_data[:end].copy(), near_indices[:end].copy(), near_indptr, attraction, far
