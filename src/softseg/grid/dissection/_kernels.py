"""Multifrontal elimination on a pixel grid, and the triangular sweeps through its fronts.

Fronts are tuples (pixels, starts, eliminated, children, places) as in `tree.Fronts`. A front's matrix has the
eliminated pixels E first, then B, those it passes on.
"""

from __future__ import annotations

import numpy as np

from softseg._numba import kernel

STRIP = 96  # rows of an update made at once, up to the diagonal: half of the products of a symmetric matrix


@kernel
def list_pixels(rectangles, kept, reach):
    """List the pixels of all fronts of a dissection (`tree.dissect`).

    Each front eliminates the pixels of its rectangle but those kept, and passes on the ring of pixels around
    its region and the kept ones inside.
    """
    height, width = kept.shape
    starts = np.zeros(len(rectangles) + 1, np.int64)
    eliminated = np.zeros(len(rectangles), np.int64)
    pixels = np.empty(0, np.int32)
    for writing in (False, True):
        end = 0
        for f in range(len(rectangles)):
            y0, y1, x0, x1, ey0, ey1, ex0, ex1, _ = rectangles[f]
            for y in range(ey0, ey1):
                for x in range(ex0, ex1):
                    if not kept[y, x]:
                        if writing:
                            pixels[end] = y * width + x
                        end += 1
            eliminated[f] = end - starts[f]
            for y in range(max(y0 - reach, 0), min(y1 + reach, height)):
                for x in range(max(x0 - reach, 0), min(x1 + reach, width)):
                    if kept[y, x] or not (y0 <= y < y1 and x0 <= x < x1):
                        if writing:
                            pixels[end] = y * width + x
                        end += 1
            starts[f + 1] = end
        if not writing:
            pixels = np.empty(end, np.int32)
    return pixels, starts, eliminated


@kernel
def find_places(n_pixels, pixels, starts, eliminated, children):
    """Return where in its parent's list each pixel is that a front passes on; -1 for all other pixels."""
    position = np.full(n_pixels, -1, np.int32)
    places = np.full(pixels.size, -1, np.int32)
    for f in range(eliminated.size):
        if children[f, 0] < 0:
            continue
        for p in range(starts[f], starts[f + 1]):
            position[pixels[p]] = p - starts[f]
        for child in children[f]:
            for p in range(starts[child] + eliminated[child], starts[child + 1]):
                places[p] = position[pixels[p]]
    return places


@kernel
def _assemble(pixels, e, indptr, indices, data, shift, position, corner, coupling):
    """Add the matrix's rows of the eliminated pixels; entries of pixels eliminated earlier are done with."""
    for p in range(e):
        corner[p, p] += shift
        for t in range(indptr[pixels[p]], indptr[pixels[p] + 1]):
            q = position[indices[t]]
            if q >= e:
                coupling[q - e, p] += data[t]
            elif q >= 0:
                corner[p, q] += data[t]


@kernel
def _extend_add(places, child, corner, coupling, update):
    """Add a child's update, whose pixels have these places in the front.

    Of both updates only the lower triangle counts.
    """
    size = corner.shape[0]
    for p in range(child.shape[0]):
        i = places[p]
        for q in range(p + 1):
            j = places[q]
            if i < size and j < size:
                corner[i, j] += child[p, q]
                if i != j:
                    corner[j, i] += child[p, q]
            elif i < size:
                coupling[j - size, i] += child[p, q]
            elif j < size:
                coupling[i - size, j] += child[p, q]
            else:
                update[max(i, j) - size, min(i, j) - size] += child[p, q]


@kernel
def eliminate(fronts, f, left, right, matrix, shift, position, offsets, inverses, couplings):
    """Eliminate front f given its children's updates. Return its own, the Schur complement's change.

    Keeps A_EE^-1 and A_BE A_EE^-1. Of the update only the lower triangle is made. ``position`` is scratch of
    -1, one for each pixel, and left so.
    """
    lists, starts, eliminated, children, places = fronts
    indptr, indices, data = matrix
    pixels, e = lists[starts[f] : starts[f + 1]], eliminated[f]
    b = pixels.size - e
    for p in range(pixels.size):
        position[pixels[p]] = p
    corner, coupling, update = np.zeros((e, e)), np.zeros((b, e)), np.zeros((b, b))
    _assemble(pixels, e, indptr, indices, data, shift, position, corner, coupling)
    for p in range(pixels.size):
        position[pixels[p]] = -1
    if children[f, 0] >= 0:
        for child, change in ((children[f, 0], left), (children[f, 1], right)):
            _extend_add(
                places[starts[child] + eliminated[child] : starts[child + 1]],
                change,
                corner,
                coupling,
                update,
            )
    if e > 0:
        np.linalg.cholesky(corner)  # raises LinAlgError unless positive definite
        inverse = np.linalg.inv(corner)
        inverses[offsets[f, 0] : offsets[f + 1, 0]] = inverse.ravel()
        if b > 0:
            solved = np.dot(coupling, inverse)
            couplings[offsets[f, 1] : offsets[f + 1, 1]] = solved.ravel()
            for start in range(0, b, STRIP):
                stop = min(start + STRIP, b)
                update[start:stop, :stop] -= np.dot(solved[start:stop], coupling[:stop].T)
    return update


@kernel
def eliminate_subtree(fronts, start, stop, matrix, shift, offsets, inverses, couplings):
    """Eliminate fronts start .. stop - 1, a subtree in post-order, and return the last one's update."""
    position = np.full(matrix[0].size - 1, -1, np.int32)
    none = np.zeros((0, 0))
    waiting = [none]  # updates of finished fronts whose parents are still to come
    for f in range(start, stop):
        left, right = none, none
        if fronts[3][f, 0] >= 0:
            right = waiting.pop()
            left = waiting.pop()
        waiting.append(
            eliminate(fronts, f, left, right, matrix, shift, position, offsets, inverses, couplings)
        )
    return waiting[1]


@kernel
def sweep_up(fronts, f, left, right, offsets, inverses, couplings, block):
    """Eliminate front f from right-hand sides, in place. Return what it passes on.

    Fronts write to none but their own pixels, so that subtrees can be swept through at the same time.
    """
    lists, starts, eliminated, children, places = fronts
    pixels, e = lists[starts[f] : starts[f + 1]], eliminated[f]
    front = np.zeros((pixels.size, block.shape[1]), block.dtype)
    for p in range(e):
        for c in range(block.shape[1]):
            front[p, c] = block[pixels[p], c]
    if children[f, 0] >= 0:
        for child, passed in ((children[f, 0], left), (children[f, 1], right)):
            first = starts[child] + eliminated[child]
            for p in range(passed.shape[0]):
                for c in range(block.shape[1]):
                    front[places[first + p], c] += passed[p, c]
    if e > 0:
        own = front[:e]
        front[e:] -= np.dot(couplings[offsets[f, 1] : offsets[f + 1, 1]].reshape(pixels.size - e, e), own)
        _write(np.dot(inverses[offsets[f, 0] : offsets[f + 1, 0]].reshape(e, e), own), block, pixels)
    return front[e:]


@kernel
def sweep_up_subtree(fronts, start, stop, offsets, inverses, couplings, block):
    """Sweep through fronts start .. stop - 1, a subtree in post-order, and return what the last passes on."""
    none = np.zeros((0, block.shape[1]), block.dtype)
    waiting = [none]  # what finished fronts pass on to parents still to come
    for f in range(start, stop):
        left, right = none, none
        if fronts[3][f, 0] >= 0:
            right = waiting.pop()
            left = waiting.pop()
        waiting.append(sweep_up(fronts, f, left, right, offsets, inverses, couplings, block))
    return waiting[1]


@kernel
def sweep_down(fronts, start, stop, offsets, couplings, block):
    """Put in what later fronts' solutions contribute to fronts start .. stop - 1, in place, root first."""
    lists, starts, eliminated, _, _ = fronts
    for f in range(stop - 1, start - 1, -1):
        pixels, e = lists[starts[f] : starts[f + 1]], eliminated[f]
        b = pixels.size - e
        if e > 0 and b > 0:
            known = np.empty((b, block.shape[1]), block.dtype)
            for p in range(b):
                for c in range(block.shape[1]):
                    known[p, c] = block[pixels[e + p], c]
            coupling = couplings[offsets[f, 1] : offsets[f + 1, 1]].reshape(b, e)
            change = np.dot(coupling.T, known)
            for p in range(e):
                for c in range(block.shape[1]):
                    block[pixels[p], c] -= change[p, c]


@kernel
def _write(values, block, pixels):
    for p in range(values.shape[0]):
        for c in range(block.shape[1]):
            block[pixels[p], c] = values[p, c]
