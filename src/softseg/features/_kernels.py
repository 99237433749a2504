"""Compiled loops of the features package: window means, local affine models, edge-stopped smoothing."""

import numpy as np
from numba import prange

from softseg._numba import kernel, parallel_kernel


@kernel
def _window_mean(plane, before, after, out):
    """Mean over the window of each pixel: ``before`` pixels back to ``after`` ahead on both axes.

    Running sums, so the cost does not depend on the window. They are float64: then adding and taking away
    float32 values is all but exact and nothing drifts along a line. Edges are replicated.
    """
    height, width = plane.shape
    size = before + 1 + after
    scale = 1.0 / (size * size)
    # columns[before + x] is the sum over the window's rows at x; the margins replicate the outer columns.
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
def window_means(planes, before, after):
    """Return the window mean of each plane of (K, H, W), float64."""
    out = np.empty(planes.shape)
    for k in prange(planes.shape[0]):
        _window_mean(planes[k], before, after, out[k])
    return out


@kernel
def _product(a, b, out):
    for i in range(out.size):
        out[i] = a[i] * b[i]


@kernel
def _subtract_product(a, b, out):
    for i in range(out.size):
        out[i] -= a[i] * b[i]


@kernel
def _inner(a_0, a_1, a_2, b_0, b_1, b_2, out):
    for i in range(out.size):
        out[i] = a_0[i] * b_0[i] + a_1[i] * b_1[i] + a_2[i] * b_2[i]


@kernel
def _affine_model(plane, guide, mean_guide, inverse, before, after, scratch, model):
    """Fit ``plane = a . guide + b`` in every window, then average the fits of the windows around each pixel.

    ``inverse``: the six distinct entries (00, 01, 02, 11, 12, 22) of (window covariance + epsilon Id)^-1.
    ``model`` (4, H, W) receives a and b; ``scratch`` has the same shape. The loops are short and flat because
    the compiler vectorises them so, and gives up on one loop over all these arrays.
    """
    flat = plane.size
    means = mean_guide.reshape(3, flat)
    inv = inverse.reshape(6, flat)
    sums = model.reshape(4, flat)
    fit = scratch.reshape(4, flat)
    _window_mean(plane, before, after, model[3])
    for c in range(3):
        _product(plane.reshape(flat), guide[c].reshape(flat), fit[c])
        _window_mean(scratch[c], before, after, model[c])
        _subtract_product(means[c], sums[3], sums[c])  # now the covariance of guide channel c and plane
    _inner(inv[0], inv[1], inv[2], sums[0], sums[1], sums[2], fit[0])
    _inner(inv[1], inv[3], inv[4], sums[0], sums[1], sums[2], fit[1])
    _inner(inv[2], inv[4], inv[5], sums[0], sums[1], sums[2], fit[2])
    fit[3] = sums[3]
    for c in range(3):
        _subtract_product(fit[c], means[c], fit[3])
    for c in range(4):
        _window_mean(scratch[c], after, before, model[c])


@parallel_kernel
def affine_models(planes, guide, mean_guide, inverse, before, after):
    """Return the averaged local affine models (C, 4, H, W), float64, of every plane of (C, H, W)."""
    channels, height, width = planes.shape
    models = np.empty((channels, 4, height, width))
    for k in prange(channels):
        scratch = np.empty((4, height, width))
        _affine_model(planes[k], guide, mean_guide, inverse, before, after, scratch, models[k])
    return models


@parallel_kernel
def guided_filter_planes(planes, guide, mean_guide, inverse, before, after, workspace):
    """Replace every plane of (C, H, W) by its guided filter.

    ``workspace`` (T, 2, 4, H, W): room for T threads to hold one channel's model each. Fresh memory for every
    channel would cost more than the arithmetic.
    """
    channels, height, width = planes.shape
    flat = height * width
    workers = workspace.shape[0]
    for worker in prange(workers):
        scratch, model = workspace[worker, 0], workspace[worker, 1]
        colour, fit = guide.reshape(3, flat), model.reshape(4, flat)
        for k in range(worker, channels, workers):
            _affine_model(planes[k], guide, mean_guide, inverse, before, after, scratch, model)
            filtered = planes[k].reshape(flat)
            _inner(colour[0], colour[1], colour[2], fit[0], fit[1], fit[2], filtered)
            for i in range(flat):
                filtered[i] += fit[3, i]


@parallel_kernel
def diffuse(planes, across, down, decays):
    """Smooth (C, H, W) in place by first-order recursions along rows and columns, to and fro.

    ``across[y, x]`` in [0, 1] is the passage from pixel (y, x - 1) to (y, x) and back, ``down[y, x]`` that
    between (y - 1, x) and (y, x). One round for each of ``decays``, the weight kept per pixel travelled.
    Written as ``value += weight * (other - value)``: equal values stay the same bits, and so does everything
    behind a passage of 0.
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
