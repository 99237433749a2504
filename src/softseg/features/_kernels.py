"""Numba kernels of the features package: window means, local affine models, and smoothing up to edges."""

import numpy as np
from numba import prange

from softseg._numba import kernel, parallel_kernel


@kernel
def _average_window(plane, before, after, out):
    """Write the mean over each pixel's window, which reaches ``before`` pixels back and ``after`` ahead.

    The window is the same on both axes, and edges are replicated. The sums are running ones, so that the cost
    does not depend on the window. They are float64, so that float32 values are added and subtracted almost
    exactly and the sums do not drift along a line.
    """
    height, width = plane.shape
    size = before + 1 + after
    scale = 1.0 / (size * size)
    # columns[before + x] is the sum over the window's rows in column x. The margins replicate the outer
    # columns.
    columns = np.zeros(before + width + after)
    middle = columns[before : before + width]
    for dy in range(-before, after + 1):
        row = plane[min(max(dy, 0), height - 1)]
        for x in range(width):
            middle[x] += row[x]
    for y in range(height):
        if y > 0:
            entering = plane[min(y + after, height - 1)]
            leaving = plane[max(y - before - 1, 0)]
            for x in range(width):
                middle[x] += np.float64(entering[x]) - np.float64(leaving[x])
        columns[:before] = middle[0]
        columns[before + width :] = middle[width - 1]
        total = 0.0
        for i in range(size):
            total += columns[i]
        out[y, 0] = total * scale
        for x in range(1, width):
            total += columns[x + size - 1] - columns[x - 1]
            out[y, x] = total * scale


@parallel_kernel
def average_windows(planes, before, after):
    """Return the window means, float64, of each plane of (K, H, W)."""
    out = np.empty(planes.shape)
    for k in prange(planes.shape[0]):
        _average_window(planes[k], before, after, out[k])
    return out


@kernel
def _multiply(a, b, out):
    for i in range(out.size):
        out[i] = a[i] * b[i]


@kernel
def _subtract_product(a, b, out):
    for i in range(out.size):
        out[i] -= a[i] * b[i]


@kernel
def _dot(a_0, a_1, a_2, b_0, b_1, b_2, out):
    for i in range(out.size):
        out[i] = a_0[i] * b_0[i] + a_1[i] * b_1[i] + a_2[i] * b_2[i]


@kernel
def _fit_model(plane, guide, mean_guide, inverse, before, after, scratch, model):
    """Fit ``plane = a . guide + b`` in every window, then average the fits of the windows around each pixel.

    ``inverse`` (6, H, W) has the distinct entries 00, 01, 02, 11, 12, 22 of the inverse of the window's
    covariance plus epsilon Id. The three planes of a and the plane of b are written to ``model`` (4, H, W),
    and ``scratch`` has the same shape. The loops are short and flat because the compiler vectorizes those,
    and not one loop over all these arrays.
    """
    flat = plane.size
    means = mean_guide.reshape(3, flat)
    inv = inverse.reshape(6, flat)
    sums = model.reshape(4, flat)
    fit = scratch.reshape(4, flat)
    _average_window(plane, before, after, model[3])
    for c in range(3):
        _multiply(plane.reshape(flat), guide[c].reshape(flat), fit[c])
        _average_window(scratch[c], before, after, model[c])
        _subtract_product(means[c], sums[3], sums[c])  # now the covariance of guide channel c and plane
    _dot(inv[0], inv[1], inv[2], sums[0], sums[1], sums[2], fit[0])
    _dot(inv[1], inv[3], inv[4], sums[0], sums[1], sums[2], fit[1])
    _dot(inv[2], inv[4], inv[5], sums[0], sums[1], sums[2], fit[2])
    fit[3] = sums[3]
    for c in range(3):
        _subtract_product(fit[c], means[c], fit[3])
    for c in range(4):
        _average_window(scratch[c], after, before, model[c])


@parallel_kernel
def fit_affine_models(planes, guide, mean_guide, inverse, before, after):
    """Return the averaged local affine models (C, 4, H, W), float64, of every plane of (C, H, W)."""
    channels, height, width = planes.shape
    models = np.empty((channels, 4, height, width))
    for k in prange(channels):
        scratch = np.empty((4, height, width))
        _fit_model(planes[k], guide, mean_guide, inverse, before, after, scratch, models[k])
    return models


@parallel_kernel
def filter_planes(planes, guide, mean_guide, inverse, before, after, workspace):
    """Replace every plane of (C, H, W) by its guided filter.

    ``workspace`` (T, 2, 4, H, W) gives each of T threads room for one channel's model, because allocating
    memory for every channel would cost more than the arithmetic.
    """
    channels, height, width = planes.shape
    flat = height * width
    workers = workspace.shape[0]
    for worker in prange(workers):
        scratch, model = workspace[worker, 0], workspace[worker, 1]
        color, fit = guide.reshape(3, flat), model.reshape(4, flat)
        for k in range(worker, channels, workers):
            _fit_model(planes[k], guide, mean_guide, inverse, before, after, scratch, model)
            filtered = planes[k].reshape(flat)
            _dot(color[0], color[1], color[2], fit[0], fit[1], fit[2], filtered)
            for i in range(flat):
                filtered[i] += fit[3, i]


@parallel_kernel
def diffuse(planes, across, down, decays):
    """Smooth (C, H, W) in place by first-order recursions along rows and columns, forward and backward.

    ``across[y, x]`` in [0, 1] is how much passes between the pixels (y, x - 1) and (y, x), in both
    directions, and ``down[y, x]`` how much passes between (y - 1, x) and (y, x). Each of ``decays`` makes one
    round: it is the share of a weight that is left after one pixel. The recursion is
    ``value += weight * (other - value)``, so that the bits do not change where values are equal or nothing
    passes.
    """
    channels, height, width = planes.shape
    for decay in decays:
        for y in prange(height):
            for x in range(1, width):
                weight = decay * across[y, x]
                for c in range(channels):
                    planes[c, y, x] += weight * (planes[c, y, x - 1] - planes[c, y, x])
            for x in range(width - 2, -1, -1):
                weight = decay * across[y, x + 1]
                for c in range(channels):
                    planes[c, y, x] += weight * (planes[c, y, x + 1] - planes[c, y, x])
        for c in prange(channels):
            plane = planes[c]
            for y in range(1, height):
                for x in range(width):
                    plane[y, x] += decay * down[y, x] * (plane[y - 1, x] - plane[y, x])
            for y in range(height - 2, -1, -1):
                for x in range(width):
                    plane[y, x] += decay * down[y + 1, x] * (plane[y + 1, x] - plane[y, x])
