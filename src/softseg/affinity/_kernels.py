"""Numba kernels of the matting affinity: each pixel has a stencil of 25 points, and half of it is stored."""

from __future__ import annotations

import numpy as np

from softseg._numba import parallel_kernel
from softseg.grid._stencil_kernels import HALF_STENCIL


@parallel_kernel(lambda image, *_: len(image) - 2)
def fit_window_models(start, stop, image, epsilon, mean, inverse_cholesky):
    """Write each 3x3 window's mean color and the inverse Cholesky factor of its regularized covariance.

    The image is (H, W, 3). ``mean`` (H-2, W-2, 3) and ``inverse_cholesky`` (H-2, W-2, 6) are overwritten; the
    latter holds the lower triangle of each factor, row by row.
    """
    _, width, _ = image.shape
    ridge = epsilon / 9.0
    for y in range(start, stop):
        covariance = np.empty((3, 3))
        for x in range(width - 2):
            for a in range(3):
                total = 0.0
                for dy in range(3):
                    for dx in range(3):
                        total += image[y + dy, x + dx, a]
                mean[y, x, a] = total / 9.0
            for a in range(3):
                for b in range(a + 1):
                    total = 0.0
                    for dy in range(3):
                        for dx in range(3):
                            total += (image[y + dy, x + dx, a] - mean[y, x, a]) * (
                                image[y + dy, x + dx, b] - mean[y, x, b]
                            )
                    covariance[a, b] = total / 9.0
            # The covariance of a gray window has rank one and, regularized, a condition number of up to 1e8.
            # The Cholesky factorization stays accurate there, where the cofactor formula of the inverse loses
            # its digits to cancellation.
            l00 = np.sqrt(covariance[0, 0] + ridge)
            l10 = covariance[1, 0] / l00
            l20 = covariance[2, 0] / l00
            l11 = np.sqrt(max(covariance[1, 1] + ridge - l10 * l10, 1e-2 * ridge))
            l21 = (covariance[2, 1] - l20 * l10) / l11
            l22 = np.sqrt(max(covariance[2, 2] + ridge - l20 * l20 - l21 * l21, 1e-2 * ridge))
            inverse_cholesky[y, x, 0] = 1.0 / l00
            inverse_cholesky[y, x, 1] = -l10 / (l00 * l11)
            inverse_cholesky[y, x, 2] = 1.0 / l11
            inverse_cholesky[y, x, 3] = (l10 * l21 - l11 * l20) / (l00 * l11 * l22)
            inverse_cholesky[y, x, 4] = -l21 / (l11 * l22)
            inverse_cholesky[y, x, 5] = 1.0 / l22


@parallel_kernel(lambda image, *_: len(image))
def sum_half_stencil(start, stop, image, mean, inverse_cholesky, half):
    """Sum (1 + z_i . z_j) / 9 over the windows that hold pixel i and a later pixel j; z are whitened colors.

    ``half`` (H, W, 13) is overwritten. Each pixel collects the terms of all windows that hold it and writes
    to no other pixel, so that rows can run in any order on any core.
    """
    height, width, _ = image.shape
    for y in range(start, stop):
        for x in range(width):
            for k in range(HALF_STENCIL):
                half[y, x, k] = 0.0
            for wy in range(max(y - 2, 0), min(y, height - 3) + 1):
                for wx in range(max(x - 2, 0), min(x, width - 3) + 1):
                    m0, m1, m2 = mean[wy, wx, 0], mean[wy, wx, 1], mean[wy, wx, 2]
                    c0, c1, c2 = (
                        inverse_cholesky[wy, wx, 0],
                        inverse_cholesky[wy, wx, 1],
                        inverse_cholesky[wy, wx, 2],
                    )
                    c3, c4, c5 = (
                        inverse_cholesky[wy, wx, 3],
                        inverse_cholesky[wy, wx, 4],
                        inverse_cholesky[wy, wx, 5],
                    )
                    r, g, b = image[y, x, 0] - m0, image[y, x, 1] - m1, image[y, x, 2] - m2
                    z0, z1, z2 = c0 * r, c1 * r + c2 * g, c3 * r + c4 * g + c5 * b
                    for v in range(y, wy + 3):
                        for u in range(x if v == y else wx, wx + 3):
                            r, g, b = image[v, u, 0] - m0, image[v, u, 1] - m1, image[v, u, 2] - m2
                            dot = z0 * (c0 * r) + z1 * (c1 * r + c2 * g) + z2 * (c3 * r + c4 * g + c5 * b)
                            k = u - x if v == y else 5 * (v - y) + u - x
                            half[y, x, k] += (1.0 + dot) / 9.0


@parallel_kernel(lambda half, *_: len(half))
def expand_to_csr(start, stop, half, indptr, indices, data):
    """Write the half stencil as a full CSR matrix with sorted column indices, whose ``indptr`` is given."""
    height, width, _ = half.shape
    for y in range(start, stop):
        for x in range(width):
            n = indptr[y * width + x]
            for v in range(max(y - 2, 0), min(y + 3, height)):
                for u in range(max(x - 2, 0), min(x + 3, width)):
                    k = 5 * (v - y) + u - x
                    data[n] = half[y, x, k] if k >= 0 else half[v, u, -k]
                    indices[n] = v * width + u
                    n += 1
