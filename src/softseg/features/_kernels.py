"""Numba kernels of the features package: window means, local affine models, and smoothing up to edges.

Those of the guided filter do one plane, and `softseg.features.filtering` calls one after the other. If one of
them called the others, the compiler would put copies of those into it, and take several times as long.
"""

from __future__ import annotations

import numpy as np

from softseg._numba import kernel, parallel_kernel

# Where the entries of a symmetric 3x3 matrix are among the distinct ones: 00, 01, 02, 11, 12, 22.
ENTRIES = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


@kernel
def average_window(plane, before, after, out):
    """Write the mean over each pixel's window, which reaches ``before`` pixels back and ``after`` ahead.

    The window is the same on both axes, and edges are replicated. The sums are running ones, so that the cost
    does not depend on the window. They are float64, so that values which were float32 are added and
    subtracted almost exactly and the sums do not drift along a line.
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
                middle[x] += entering[x] - leaving[x]
        for i in range(before):
            columns[i] = middle[0]
        for i in range(before + width, columns.size):
            columns[i] = middle[width - 1]
        total = 0.0
        for i in range(size):
            total += columns[i]
        out[y, 0] = total * scale
        for x in range(1, width):
            total += columns[x + size - 1] - columns[x - 1]
            out[y, x] = total * scale


@kernel
def fit_windows(means, mean_guide, inverse, fit):
    """Write each window's affine model ``a . guide + b`` of a plane: the planes of a, then that of b.

    ``means`` (4, H, W) are over the windows: of the products of the guide's three planes with the plane, and
    of the plane. The former become the covariances. ``inverse`` (6, H, W) has the distinct entries of the
    inverse of the guide's covariance plus epsilon Id. The loops are short ones along a row because the
    compiler vectorizes those, and not one loop over all these arrays.
    """
    planes, height, width = fit.shape
    colors = planes - 1  # three, which the compiler must not know, or it makes three copies of each loop
    for y in range(height):
        mean = means[3, y]
        for c in range(colors):
            covariance, of_guide = means[c, y], mean_guide[c, y]
            for x in range(width):
                covariance[x] -= of_guide[x] * mean[x]
        one, two, three = means[0, y], means[1, y], means[2, y]
        offset = fit[3, y]
        for x in range(width):
            offset[x] = mean[x]
        for c in range(colors):
            slope, of_guide = fit[c, y], mean_guide[c, y]
            first, second, third = (
                inverse[ENTRIES[c, 0], y],
                inverse[ENTRIES[c, 1], y],
                inverse[ENTRIES[c, 2], y],
            )
            for x in range(width):
                slope[x] = first[x] * one[x] + second[x] * two[x] + third[x] * three[x]
            for x in range(width):
                offset[x] -= slope[x] * of_guide[x]


@kernel
def evaluate_model(model, guide, out):
    """Write what an affine model (4, H, W) makes of the guide's colors, in single precision."""
    height, width = out.shape
    for y in range(height):
        row = out[y]
        red, green, blue = guide[0, y], guide[1, y], guide[2, y]
        one, two, three, offset = model[0, y], model[1, y], model[2, y], model[3, y]
        for x in range(width):
            row[x] = np.float32(red[x] * one[x] + green[x] * two[x] + blue[x] * three[x]) + offset[x]


def diffuse(planes: np.ndarray, across: np.ndarray, down: np.ndarray, decays: np.ndarray) -> None:
    """Smooth (C, H, W) in place by first-order recursions along rows and columns, forward and backward.

    ``across[y, x]`` in [0, 1] is how much passes between the pixels (y, x - 1) and (y, x), in both
    directions, and ``down[y, x]`` how much passes between (y - 1, x) and (y, x). Each of ``decays`` makes one
    round: it is the share of a weight that is left after one pixel. The recursion is
    ``value += weight * (other - value)``, so that the bits do not change where values are equal or nothing
    passes.
    """
    for decay in decays:
        _diffuse_along_rows(across, decay, planes)
        _diffuse_along_columns(down, decay, planes)


@parallel_kernel(lambda across, decay, planes: len(across))
def _diffuse_along_rows(start, stop, across, decay, planes):
    channels, _, width = planes.shape
    for y in range(start, stop):
        for x in range(1, width):
            weight = decay * across[y, x]
            for c in range(channels):
                planes[c, y, x] += weight * (planes[c, y, x - 1] - planes[c, y, x])
        for x in range(width - 2, -1, -1):
            weight = decay * across[y, x + 1]
            for c in range(channels):
                planes[c, y, x] += weight * (planes[c, y, x + 1] - planes[c, y, x])


@parallel_kernel(lambda down, decay, planes: len(planes))
def _diffuse_along_columns(start, stop, down, decay, planes):
    _, height, width = planes.shape
    for c in range(start, stop):
        plane = planes[c]
        for y in range(1, height):
            for x in range(width):
                plane[y, x] += decay * down[y, x] * (plane[y - 1, x] - plane[y, x])
        for y in range(height - 2, -1, -1):
            for x in range(width):
                plane[y, x] += decay * down[y + 1, x] * (plane[y + 1, x] - plane[y, x])
