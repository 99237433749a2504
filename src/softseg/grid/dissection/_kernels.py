"""Numba kernels of multifrontal elimination on a pixel grid, and of the sweeps through its fronts.

``fronts`` is the tuple (pixels, starts, eliminated, children, places) of arrays of `tree.Fronts`, and
``matrix`` the tuple (indptr, indices, data) of a CSR matrix. A front's own matrix has the eliminated pixels E
first, then the pixels B that it passes on.
"""

from __future__ import annotations

import numpy as np

from softseg._numba import kernel

# The number of rows of an update that are computed at once, up to the diagonal. An update is symmetric, and
# this way only about half of it has to be computed. Chosen by the project's own tests.
STRIP = 96


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
    """Return the place in its parent's list of each pixel that a front passes on; -1 for other pixels."""
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
    """Add the matrix's rows of the eliminated pixels to a front's parts A_EE and A_BE.

    Pixels without a position in the front have been eliminated earlier, and their entries are left out.
    """
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

    Only the lower triangles of both updates are read and written.
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
    """Eliminate the pixels E of front f, given its children's updates, and return its own update.

    The update is what the elimination adds to the matrix of the pixels B, ``-A_BE A_EE^-1 A_EB`` plus the
    children's. Only its lower triangle is computed. The front's A_EE^-1 and A_BE A_EE^-1 are stored in
    ``inverses`` and ``couplings``. ``position`` is scratch space with an entry -1 for each pixel of the
    image, and is left like that.
    """
    lists, starts, eliminated, children, places = fronts
    indptr, indices, data = matrix
    pixels, e = lists[starts[f] : starts[f + 1]], eliminated[f]
    b = pixels.size - e
    for p in range(pixels.size):
        position[pixels[p]] = p
    precision = left.dtype
    corner, coupling = np.zeros((e, e), precision), np.zeros((b, e), precision)
    update = np.zeros((b, b), precision)
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
def _take_children(children, f, waiting, none):
    """Take what the two children of front f have passed on from a list that holds it in post-order.

    The right child is the front before f, so that its part comes last. Leaves get ``none`` twice.
    """
    if children[f, 0] < 0:
        return none, none
    right = waiting.pop()
    return waiting.pop(), right


@kernel
def eliminate_subtree(fronts, start, stop, none, matrix, shift, offsets, inverses, couplings):
    """Eliminate the fronts start .. stop - 1, a subtree in post-order; return the last one's update.

    ``none`` (0, 0) stands for the update of a child that there is none of, in the precision of the fronts.
    """
    position = np.full(matrix[0].size - 1, -1, np.int32)
    waiting = [none]  # updates of finished fronts whose parents are still to come
    for f in range(start, stop):
        left, right = _take_children(fronts[3], f, waiting, none)
        waiting.append(
            eliminate(fronts, f, left, right, matrix, shift, position, offsets, inverses, couplings)
        )
    return waiting[1]


@kernel
def sweep_up(fronts, f, left, right, offsets, inverses, couplings, block):
    """Eliminate front f from right-hand sides, in place; return what it passes on.

    Fronts write only to the pixels that they eliminate, so that several can be visited at the same time.
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
    """Sweep up the fronts start .. stop - 1, a subtree in post-order; return what the last one passes on."""
    none = np.zeros((0, block.shape[1]), block.dtype)
    waiting = [none]  # what finished fronts have passed on to parents that are still to come
    for f in range(start, stop):
        left, right = _take_children(fronts[3], f, waiting, none)
        waiting.append(sweep_up(fronts, f, left, right, offsets, inverses, couplings, block))
    return waiting[1]


@kernel
def sweep_down(fronts, start, stop, offsets, couplings, block):
    """Solve for the pixels of the fronts start .. stop - 1, in place, the last front first.

    The solutions at the pixels that the last front passes on are known.
    """
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
