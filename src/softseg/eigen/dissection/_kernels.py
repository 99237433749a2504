"""Multifrontal elimination on a pixel grid, and the triangular sweeps through its fronts.

A front is a row of the table that `tree.dissect` makes: the region (y0, y1, x0, x1), the rectangle of it that
is eliminated here (y0, y1, x0, x1), and the row of the left child, -1 for a leaf. The right child is the row
before. Its matrix has the eliminated pixels E first, then B, the ring of pixels around the region.
"""

from __future__ import annotations

import numpy as np

from softseg._numba import kernel


@kernel
def front_pixels(front, height, width, reach):
    """Return the pixels of a front: the eliminated ones, then the ring around its region, each by rows."""
    y0, y1, x0, x1 = front[0], front[1], front[2], front[3]
    top, bottom = max(y0 - reach, 0), min(y1 + reach, height)
    before, after = max(x0 - reach, 0), min(x1 + reach, width)
    e = (front[5] - front[4]) * (front[7] - front[6])
    b = (bottom - top) * (after - before) - (y1 - y0) * (x1 - x0)
    pixels = np.empty(e + b, np.int64)
    p = 0
    for y in range(front[4], front[5]):
        for x in range(front[6], front[7]):
            pixels[p] = y * width + x
            p += 1
    for y in range(top, bottom):
        for x in range(before, after):
            if not (y0 <= y < y1 and x0 <= x < x1):
                pixels[p] = y * width + x
                p += 1
    return pixels, e


@kernel
def _assemble(pixels, e, indptr, indices, data, shift, position, corner, coupling):
    """Add the matrix's rows of the eliminated pixels; entries of pixels eliminated earlier are done with."""
    for p in range(e):
        corner[p, p] += shift
        for t in range(indptr[pixels[p]], indptr[pixels[p] + 1]):
            q = position[indices[t]]
            if q >= e:
                coupling[p, q - e] += data[t]
            elif q >= 0:
                corner[p, q] += data[t]


@kernel
def _extend_add(pixels, e, child, position, corner, coupling, update):
    """Add a child's update, whose ring are pixels[e:], to the front that `position` describes."""
    size = corner.shape[0]
    for p in range(child.shape[0]):
        i = position[pixels[e + p]]
        for q in range(child.shape[0]):
            j = position[pixels[e + q]]
            if i < size and j < size:
                corner[i, j] += child[p, q]
            elif i < size:
                coupling[i, j - size] += child[p, q]
            elif j >= size:
                update[i - size, j - size] += child[p, q]


@kernel
def eliminate(fronts, f, left, right, grid, matrix, shift, position, offsets, inverses, couplings):
    """Eliminate front f given its children's updates. Return its own, the Schur complement's change.

    Keeps A_EE^-1 and A_EE^-1 A_EB. ``position`` is scratch of -1, one for each pixel, and left so.
    """
    height, width, reach = grid
    indptr, indices, data = matrix
    pixels, e = front_pixels(fronts[f], height, width, reach)
    b = pixels.size - e
    for p in range(pixels.size):
        position[pixels[p]] = p
    corner, coupling, update = np.zeros((e, e)), np.zeros((e, b)), np.zeros((b, b))
    _assemble(pixels, e, indptr, indices, data, shift, position, corner, coupling)
    if fronts[f, 8] >= 0:
        ring, own = front_pixels(fronts[fronts[f, 8]], height, width, reach)
        _extend_add(ring, own, left, position, corner, coupling, update)
        ring, own = front_pixels(fronts[f - 1], height, width, reach)
        _extend_add(ring, own, right, position, corner, coupling, update)
    for p in range(pixels.size):
        position[pixels[p]] = -1
    np.linalg.cholesky(corner)  # raises LinAlgError unless positive definite
    inverse = np.linalg.inv(corner)
    inverses[offsets[f, 0] : offsets[f + 1, 0]] = inverse.ravel()
    if b > 0:
        solved = np.dot(inverse, coupling)
        couplings[offsets[f, 1] : offsets[f + 1, 1]] = solved.ravel()
        update -= np.dot(coupling.T, solved)
    return update


@kernel
def eliminate_subtree(fronts, start, stop, grid, matrix, shift, offsets, inverses, couplings):
    """Eliminate fronts start .. stop - 1, a subtree in post-order, and return the last one's update."""
    position = np.full(matrix[0].size - 1, -1, np.int32)
    none = np.zeros((0, 0))
    waiting = [none]  # updates of finished fronts whose parents are still to come
    for f in range(start, stop):
        left, right = none, none
        if fronts[f, 8] >= 0:
            right = waiting.pop()
            left = waiting.pop()
        waiting.append(
            eliminate(fronts, f, left, right, grid, matrix, shift, position, offsets, inverses, couplings)
        )
    return waiting[1]


@kernel
def solve_columns(fronts, grid, offsets, inverses, couplings, first, last, right, block):
    """Solve for columns first .. last - 1 of the right-hand sides (N, m), into those of ``block``."""
    height, width, reach = grid
    columns = last - first
    for i in range(block.shape[0]):
        for c in range(first, last):
            block[i, c] = right[i, c]
    for f in range(fronts.shape[0]):
        pixels, e = front_pixels(fronts[f], height, width, reach)
        b = pixels.size - e
        own = _gather(block, pixels[:e], first, columns)
        if b > 0:
            coupling = couplings[offsets[f, 1] : offsets[f + 1, 1]].reshape(e, b)
            passed = np.dot(coupling.T, own)
            for p in range(b):
                for c in range(columns):
                    block[pixels[e + p], first + c] -= passed[p, c]
        own = np.dot(inverses[offsets[f, 0] : offsets[f + 1, 0]].reshape(e, e), own)
        _scatter(own, block, pixels[:e], first)
    for f in range(fronts.shape[0] - 1, -1, -1):
        pixels, e = front_pixels(fronts[f], height, width, reach)
        b = pixels.size - e
        if b > 0:
            coupling = couplings[offsets[f, 1] : offsets[f + 1, 1]].reshape(e, b)
            known = np.dot(coupling, _gather(block, pixels[e:], first, columns))
            for p in range(e):
                for c in range(columns):
                    block[pixels[p], first + c] -= known[p, c]


@kernel
def _gather(block, pixels, first, columns):
    out = np.empty((pixels.size, columns), block.dtype)
    for p in range(pixels.size):
        for c in range(columns):
            out[p, c] = block[pixels[p], first + c]
    return out


@kernel
def _scatter(values, block, pixels, first):
    for p in range(pixels.size):
        for c in range(values.shape[1]):
            block[pixels[p], first + c] = values[p, c]
