"""Outlines of masks: polygons along the edges of pixels, which enclose exactly the mask's pixels.

The boundary of a mask runs along grid lines and turns at corners. On each grid line, corners in order are the
ends of the boundary's pieces: the first and the second, the third and the fourth, ... So two sorts link all
corners to closed loops. Loops around holes are joined to the loop above them by a cut of no width, because a
list of polygons, as COCO has it, stands for their union.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int

# A corner of a polygon: x to the right and y down, in pixels, from the photo's top left corner.
Corner = tuple[int, int]


def outlines(mask: Bool[np.ndarray, "H W"]) -> list[list[Corner]]:
    """Return the polygons of a mask: one for each part, parts that touch at a corner only being two.

    Parameters
    ----------
    mask : array of bool, shape (H, W)
        The mask.

    Returns
    -------
    list of list of (int, int)
        Each polygon's corners (x, y) in order, from 0 to W and 0 to H: the pixel in the top left corner has
        the corners (0, 0), (1, 0), (1, 1), (0, 1). A polygon with holes runs to each hole and back.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.formats.outlines import outlines
    >>> outlines(np.array([[False, True, True]]))
    [[(1, 0), (3, 0), (3, 1), (1, 1)]]
    """
    corners, along, across = _find_corners(mask)
    following = _link(corners, along, across)
    loops = _find_loops(following)
    places = corners.tolist()
    # The highest corner of each loop, of equally high ones the leftmost.
    tops = np.array([min(loop, key=places.__getitem__) for loop in loops], dtype=np.int64)
    is_hole = _lies_in_mask_above(mask, corners[tops])
    polygons = _Polygons(places, following)
    polygons.join(mask.shape, tops[is_hole])
    return [polygons.walk(top) for top in tops[~is_hole].tolist()]


def _find_corners(
    mask: Bool[np.ndarray, "H W"],
) -> tuple[Int[np.ndarray, "n 2"], Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Return where the boundary turns, as (y, x), and which of two corners in one place comes first.

    Where two pixels touch at a corner, the boundary turns twice: to the left of and to the right of it. The
    second array orders the two along the row, the third along the column, such that each belongs to one pixel
    of the mask.
    """
    padded = np.pad(mask, 1)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    once = np.argwhere(a ^ b ^ c ^ d)
    falling, rising = np.argwhere(a & d & ~b & ~c), np.argwhere(b & c & ~a & ~d)
    corners = np.concatenate([once, falling, falling, rising, rising])
    none, one, two = (np.zeros(len(part), dtype=np.int64) for part in (once, falling, rising))
    along = np.concatenate([none, one, one + 1, two, two + 1])
    across = np.concatenate([none, one, one + 1, two + 1, two])
    return corners, along, across


def _link(
    corners: Int[np.ndarray, "n 2"], along: Int[np.ndarray, " n"], across: Int[np.ndarray, " n"]
) -> list[int]:
    """Return which corner follows each: first along its row, then along its column, and so on."""
    rows = np.lexsort((along, corners[:, 1], corners[:, 0])).reshape(-1, 2)
    columns = np.lexsort((across, corners[:, 0], corners[:, 1])).reshape(-1, 2)
    beside, below = np.empty(len(corners), dtype=np.int64), np.empty(len(corners), dtype=np.int64)
    beside[rows], beside[rows[:, ::-1]] = rows[:, ::-1], rows
    below[columns], below[columns[:, ::-1]] = columns[:, ::-1], columns
    beside_, below_ = beside.tolist(), below.tolist()
    following = [-1] * len(corners)
    for first in rows[:, 0].tolist():
        corner = first
        while following[corner] < 0:
            following[corner] = beside_[corner]
            corner = following[corner]
            following[corner] = below_[corner]
            corner = following[corner]
    return following


def _find_loops(following: list[int]) -> list[list[int]]:
    seen, loops = [False] * len(following), []
    for first in range(len(following)):
        loop, corner = [], first
        while not seen[corner]:
            seen[corner] = True
            loop.append(corner)
            corner = following[corner]
        if loop:
            loops.append(loop)
    return loops


def _lies_in_mask_above(
    mask: Bool[np.ndarray, "H W"], tops: Int[np.ndarray, "m 2"]
) -> Bool[np.ndarray, " m"]:
    """Return which loops are around holes: the pixel above their top edge is in the mask."""
    return np.pad(mask, ((1, 0), (0, 0)))[tops[:, 0], tops[:, 1]]


class _Polygons:
    """Corners with the one that follows each; holes are joined to what lies above them.

    Parameters
    ----------
    corners : list of [int, int]
        As (y, x).
    following : list of int
        The index of the corner that follows each.
    """

    def __init__(self, corners: list[list[int]], following: list[int]) -> None:
        self._corners = corners
        self._following = following

    def join(self, shape: tuple[int, int], holes: Int[np.ndarray, " m"]) -> None:
        """Cut from each hole's top straight up to the loop above, and make the two loops one."""
        edges = self._draw_edges(shape)
        rows = np.arange(len(edges), dtype=np.int32)[:, None]
        above = np.maximum.accumulate(np.where(edges >= 0, rows, -1), axis=0)
        before = {corner: k for k, corner in enumerate(self._following)}
        # What holes are joined to each piece of the boundary along a row, by where.
        joined: dict[int, list[tuple[int, int, int]]] = {}
        for hole in holes.tolist():
            y, x = self._corners[hole]
            row = int(above[y - 1, x])
            joined.setdefault(int(edges[row, x]), []).append((x, row, hole))
        for start, cuts in joined.items():
            end = self._following[start]
            forward = self._corners[start][1] < self._corners[end][1]
            for x, row, hole in sorted(cuts, reverse=not forward):
                start = self._splice(start, [row, x], hole, before[hole])

    def walk(self, first: int) -> list[Corner]:
        """Return the corners (x, y) of a loop in order."""
        polygon: list[Corner] = []
        corner = first
        while not polygon or corner != first:
            y, x = self._corners[corner]
            polygon.append((x, y))
            corner = self._following[corner]
        return polygon

    def _draw_edges(self, shape: tuple[int, int]) -> Int[np.ndarray, "h w"]:
        """Return for each pixel's top edge the corner from which the boundary runs along it; -1 for none."""
        edges = np.full((shape[0] + 1, shape[1]), -1, dtype=np.int32)
        for start, end in enumerate(self._following):
            (y, x), (y_end, x_end) = self._corners[start], self._corners[end]
            if y == y_end:
                edges[y, min(x, x_end) : max(x, x_end)] = start
        return edges

    def _splice(self, start: int, place: list[int], hole: int, last: int) -> int:
        """Let a loop run from ``place``, after ``start``, around a hole and back; return where it goes on."""
        end = self._following[start]
        down, back, up = len(self._corners), len(self._corners) + 1, len(self._corners) + 2
        self._corners += [place, self._corners[hole], place]
        self._following += [hole, up, end]
        self._following[start] = down
        self._following[last] = back
        return up
