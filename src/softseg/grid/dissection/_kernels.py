"""Numba kernels of multifrontal elimination on a pixel grid, and of the sweeps through its fronts.

``fronts`` is the tuple (pixels, starts, eliminated, children, places) of arrays of `tree.Fronts`, and
``matrix`` the tuple (indptr, indices, data) of a CSR matrix. A front's own matrix has the eliminated pixels E
first, then the pixels B that it passes on.
"""

from __future__ import annotations

import numpy as np

from softseg._numba import helper, kernel

# The number of rows of an update that are computed at once, up to the diagonal. An update is symmetric, and
# this way only about half of it has to be computed. Chosen by the project's own tests.
STRIP = 96


@kernel
def list_pixels(rectangles, kept, reach, starts, eliminated, pixels):
    """List the pixels of all fronts of a dissection (`tree.dissect`), for `tree.Fronts`.

    Each front eliminates the pixels of its rectangle but those kept, and passes on the ring of pixels around
    its region and the kept ones inside. If there is no room for pixels, these are only counted.
    """
    height, width = kept.shape
    writing = pixels.size > 0
    end = 0
    for f in range(len(rectangles)):
        y0, y1, x0, x1, ey0, ey1, ex0, ex1, _ = rectangles[f]
        starts[f] = end
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
    starts[len(rectangles)] = end


@kernel
def find_places(pixels, starts, eliminated, children, position, places):
    """Write the place in its parent's list of each pixel that a front passes on.

    ``position`` is scratch space, an entry for each pixel of the image.
    """
    for f in range(eliminated.size):
        if children[f, 0] < 0:
            continue
        for p in range(starts[f], starts[f + 1]):
            position[pixels[p]] = p - starts[f]
        for side in range(2):
            child = children[f, side]
            for p in range(starts[child] + eliminated[child], starts[child + 1]):
                places[p] = position[pixels[p]]


@helper
def _assemble(pixels, e, matrix, shift, position, corner, coupling):
    """Add the matrix's rows of the eliminated pixels to a front's parts A_EE and A_BE.

    ``position`` is left as it was, -1 everywhere. Pixels without a position in the front have been eliminated
    earlier, and their entries are left out.
    """
    indptr, indices, data = matrix
    for p in range(pixels.size):
        position[pixels[p]] = p
    for p in range(e):
        corner[p, p] += shift
        for t in range(indptr[pixels[p]], indptr[pixels[p] + 1]):
            q = position[indices[t]]
            if q >= e:
                coupling[q - e, p] += data[t]
            elif q >= 0:
                corner[p, q] += data[t]
    for p in range(pixels.size):
        position[pixels[p]] = -1


@helper
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


@helper
def _subtract(values, out):
    """Subtract an array from the upper left of another one."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[i, j] -= values[i, j]


@helper
def _store(values, out):
    """Write an array row by row."""
    rows, columns = values.shape
    for i in range(rows):
        for j in range(columns):
            out[i * columns + j] = values[i, j]


@kernel
def eliminate(fronts, start, stop, left, right, matrix, shift, position, offsets, inverses, couplings):
    """Eliminate the pixels E of the fronts start .. stop - 1, and return the last one's update.

    The update is what the elimination adds to the matrix of the pixels B, ``-A_BE A_EE^-1 A_EB`` plus the
    children's updates. Only its lower triangle is computed. The fronts are a subtree in post-order, or a
    single front whose children have the updates ``left`` and ``right``, which a subtree ignores. The fronts'
    A_EE^-1 and A_BE A_EE^-1 are stored in ``inverses`` and ``couplings``. ``position`` is scratch space with
    an entry -1 for each pixel of the image, and is left like that.
    """
    lists, starts, eliminated, children, places = fronts
    precision = left.dtype
    waiting = [left, right]  # updates of fronts whose parents are still to come
    for f in range(start, stop):
        pixels, e = lists[starts[f] : starts[f + 1]], eliminated[f]
        b = pixels.size - e
        corner, coupling = np.zeros((e, e), precision), np.zeros((b, e), precision)
        update = np.zeros((b, b), precision)
        _assemble(pixels, e, matrix, shift, position, corner, coupling)
        if children[f, 0] >= 0:
            # The right child is the front before this one, and so its update comes last.
            right = waiting.pop()
            left = waiting.pop()
            for side in range(2):
                child = children[f, side]
                _extend_add(
                    places[starts[child] + eliminated[child] : starts[child + 1]],
                    left if side == 0 else right,
                    corner,
                    coupling,
                    update,
                )
        if e > 0:
            np.linalg.cholesky(corner)  # raises LinAlgError unless positive definite
            inverse = np.linalg.inv(corner)
            _store(inverse, inverses[offsets[f, 0] : offsets[f + 1, 0]])
            if b > 0:
                solved = np.empty((b, e), precision)
                np.dot(coupling, inverse, solved)
                _store(solved, couplings[offsets[f, 1] : offsets[f + 1, 1]])
                for top in range(0, b, STRIP):
                    bottom = min(top + STRIP, b)
                    product = np.empty((bottom - top, bottom), precision)
                    np.dot(solved[top:bottom], coupling[:bottom].T, product)
                    _subtract(product, update[top:bottom])
        waiting.append(update)
    return waiting.pop()


@kernel
def sweep_up(fronts, start, stop, left, right, offsets, inverses, couplings, block):
    """Eliminate the fronts start .. stop - 1 from right-hand sides, in place; return what the last passes on.

    The fronts are as in `eliminate`. They write only to the pixels that they eliminate, so that several
    subtrees can be visited at the same time.
    """
    lists, starts, eliminated, children, places = fronts
    waiting = [left, right]  # what fronts have passed on to parents that are still to come
    for f in range(start, stop):
        pixels, e = lists[starts[f] : starts[f + 1]], eliminated[f]
        front = np.zeros((pixels.size, block.shape[1]), block.dtype)
        _gather(block, pixels[:e], front)
        if children[f, 0] >= 0:
            right = waiting.pop()
            left = waiting.pop()
            for side in range(2):
                child = children[f, side]
                _scatter_add(
                    left if side == 0 else right,
                    places[starts[child] + eliminated[child] : starts[child + 1]],
                    front,
                )
        if e > 0:
            own = front[:e]
            coupling = couplings[offsets[f, 1] : offsets[f + 1, 1]].reshape((pixels.size - e, e))
            change = np.empty((pixels.size - e, block.shape[1]), block.dtype)
            _subtract(np.dot(coupling, own, change), front[e:])
            inverse = inverses[offsets[f, 0] : offsets[f + 1, 0]].reshape((e, e))
            solved = np.empty((e, block.shape[1]), block.dtype)
            _scatter(np.dot(inverse, own, solved), pixels, block)
        waiting.append(front[e:])
    return waiting.pop()


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
            _gather(block, pixels[e:], known)
            coupling = couplings[offsets[f, 1] : offsets[f + 1, 1]].reshape((b, e))
            change = np.empty((e, block.shape[1]), block.dtype)
            np.dot(coupling.T, known, change)
            for p in range(e):
                for c in range(block.shape[1]):
                    block[pixels[p], c] -= change[p, c]


@helper
def _gather(block, pixels, out):
    """Write the rows of some pixels."""
    for p in range(pixels.size):
        for c in range(block.shape[1]):
            out[p, c] = block[pixels[p], c]


@helper
def _scatter(values, pixels, block):
    """Write values to the rows of the first of these pixels."""
    for p in range(values.shape[0]):
        for c in range(block.shape[1]):
            block[pixels[p], c] = values[p, c]


@helper
def _scatter_add(values, places, front):
    """Add values to rows of a front."""
    for p in range(values.shape[0]):
        for c in range(values.shape[1]):
            front[places[p], c] += values[p, c]
