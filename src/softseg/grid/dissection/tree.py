"""Nested dissection of a pixel grid: in which order, and in which fronts, its pixels are eliminated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, Int

from softseg.grid.dissection._kernels import find_places, list_pixels

# The largest number of pixels of a region that is eliminated at once. With smaller regions, BLAS would wait
# for the copying of small matrices. Chosen by the project's own tests.
LEAF = 150


def dissect(shape: tuple[int, int], reach: int) -> Int[np.ndarray, "fronts 9"]:
    """Cut a grid in half, the halves in half, and so on down to small leaves.

    Between two halves lies a separator that is as wide as the matrix reaches, so that no entry links the
    halves to each other. The separator is eliminated after both halves (George 1973).

    Parameters
    ----------
    shape : tuple of int
        Height and width of the grid, in pixels.
    reach : int
        The largest distance of two linked pixels along each axis, in pixels.

    Returns
    -------
    ndarray of int, shape (fronts, 9)
        A row for each front, children before parents: its region (y0, y1, x0, x1), the rectangle of the
        region that is eliminated in the front, likewise, and the row of its left child, or -1 for a leaf. The
        right child is in the row before the front's own.

    Examples
    --------
    Twenty rows of fifteen pixels are cut below the ninth row. The separator, rows 9 and 10, comes last.

    >>> from softseg.grid.dissection.tree import dissect
    >>> dissect((20, 15), reach=2)
    array([[ 0,  9,  0, 15,  0,  9,  0, 15, -1],
           [11, 20,  0, 15, 11, 20,  0, 15, -1],
           [ 0, 20,  0, 15,  9, 11,  0, 15,  0]])
    """
    fronts: list[tuple[int, ...]] = []

    def cut(y0: int, y1: int, x0: int, x1: int) -> int:
        height, width = y1 - y0, x1 - x0
        if height * width <= LEAF or max(height, width) < reach + 2:
            fronts.append((y0, y1, x0, x1, y0, y1, x0, x1, -1))
        elif height >= width:
            start = y0 + (height - reach) // 2
            left = cut(y0, start, x0, x1)
            cut(start + reach, y1, x0, x1)
            fronts.append((y0, y1, x0, x1, start, start + reach, x0, x1, left))
        else:
            start = x0 + (width - reach) // 2
            left = cut(y0, y1, x0, start)
            cut(y0, y1, start + reach, x1)
            fronts.append((y0, y1, x0, x1, y0, y1, start, start + reach, left))
        return len(fronts) - 1

    cut(0, shape[0], 0, shape[1])
    return np.array(fronts)


@final
@dataclass(frozen=True, eq=False)
class Fronts:
    """Which pixels each front eliminates, and which ones it passes on to the fronts that eliminate them.

    Attributes
    ----------
    pixels : ndarray of int, shape (total,)
        The lists of all fronts' pixels, one after the other. The list of front f is
        ``pixels[starts[f] : starts[f + 1]]``. The front eliminates the first ``eliminated[f]`` of these
        pixels and passes the others on.
    starts : ndarray of int, shape (fronts + 1,)
        See ``pixels``.
    eliminated : ndarray of int, shape (fronts,)
        See ``pixels``.
    children : ndarray of int, shape (fronts, 2)
        The two fronts that pass pixels on to each front, or -1 for none. Children come before their parents.
    places : ndarray of int, shape (total,)
        Where in its parent's list each pixel is that is passed on; -1 for the others.
    kept : ndarray of int, shape (kept,)
        The pixels that no front eliminates: all of them pass these on.
    """

    pixels: Int[np.ndarray, " total"]
    starts: Int[np.ndarray, " ends"]
    eliminated: Int[np.ndarray, " fronts"]
    children: Int[np.ndarray, "fronts 2"]
    places: Int[np.ndarray, " total"]
    kept: Int[np.ndarray, " kept"]

    @classmethod
    def of_grid(
        cls, shape: tuple[int, int], reach: int, kept: Bool[np.ndarray, "H W"] | None = None
    ) -> Fronts:
        """List the fronts of a grid's dissection.

        Parameters
        ----------
        shape : tuple of int
            Height and width of the grid, in pixels.
        reach : int
            The largest distance of two linked pixels along each axis, in pixels.
        kept : ndarray of bool, shape (H, W), optional
            The pixels that may be linked to each other at any distance.
        """
        rectangles = dissect(shape, reach)
        kept = np.zeros(shape, bool) if kept is None else kept
        starts, eliminated = np.empty(len(rectangles) + 1, np.int64), np.empty(len(rectangles), np.int64)
        list_pixels(rectangles, kept, reach, starts, eliminated, np.empty(0, np.int32))
        pixels = np.empty(starts[-1], np.int32)
        list_pixels(rectangles, kept, reach, starts, eliminated, pixels)
        left = rectangles[:, 8]
        children = np.column_stack([left, np.where(left >= 0, np.arange(len(left)) - 1, -1)])
        places = np.full(pixels.size, -1, np.int32)
        find_places(pixels, starts, eliminated, children, np.empty(kept.size, np.int32), places)
        return cls(pixels, starts, eliminated, children, places, np.flatnonzero(kept))

    def __len__(self) -> int:
        return len(self.eliminated)

    @property
    def around(self) -> Int[np.ndarray, " fronts"]:
        """The number of pixels that each front passes on."""
        return np.diff(self.starts) - self.eliminated

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """What the kernels take for the fronts."""
        return self.pixels, self.starts, self.eliminated, self.children, self.places


def generations(children: Int[np.ndarray, "fronts 2"], depth: int) -> list[list[tuple[int, int]]]:
    """Return the fronts in groups, each of which depends only on groups before it.

    Parameters
    ----------
    children : ndarray of int, shape (fronts, 2)
        As in `Fronts`.
    depth : int
        The number of cuts that lie between the root and the subtrees of the first group.

    Returns
    -------
    list of list of (int, int)
        Each group holds ranges (start, stop) of fronts, start .. stop - 1. The first group holds whole
        subtrees. The following ones hold single fronts, generation by generation up to the root.
    """
    root = len(children) - 1
    groups, current = [], [root]
    starts = {root: 0}  # the first front in the subtree of a front
    for _ in range(depth):
        parents = [f for f in current if children[f, 0] >= 0]
        groups.append([(f, f + 1) for f in parents])
        below = []
        for f in parents:
            left, right = map(int, children[f])
            starts[left], starts[right] = starts[f], left + 1
            below += [left, right]
        current = [f for f in current if children[f, 0] < 0] + below
    groups.append([(starts[f], f + 1) for f in current])
    return groups[::-1]
