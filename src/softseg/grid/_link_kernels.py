"""Numba kernels that tell near pixels of a grid from far ones, and take a matrix apart accordingly."""

from __future__ import annotations

from softseg._numba import helper, kernel

# The distance along each axis, in pixels, up to which two pixels are near each other. The matting affinity
# links pixels of one 3x3 window (Levin et al. 2008), and so none that are farther apart.
LOCAL_RADIUS = 2


@helper
def is_near(rows_apart, columns_apart):
    """Say whether two pixels are near; the distances may have either sign."""
    return abs(rows_apart) <= LOCAL_RADIUS and abs(columns_apart) <= LOCAL_RADIUS


@kernel
def split(indptr, indices, data, width, near_indptr, near_indices, near_data, attraction, far):
    """Take a symmetric CSR matrix with sorted columns apart; see `softseg.grid.links.Links`.

    Written are the near links' own Laplacian as row pointers, column indices and data, then each pixel's
    attraction by far ones, and whether it has any. Attraction is the sum of the positive affinities, which
    are the negative entries.
    """
    end = 0
    for i in range(far.size):
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
            if is_near(j // width - y, j % width - x):
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
