"""Nested dissection of a pixel grid: in which order, and in which fronts, its pixels are eliminated."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

LEAF = 150  # most pixels of a region that is eliminated at once: smaller ones make BLAS wait for copying


def dissect(shape: tuple[int, int], reach: int) -> Int[np.ndarray, "fronts 9"]:
    """Cut a grid in half, the halves in half, and so on down to small leaves.

    Between two halves lies a separator as wide as the matrix reaches, so that nothing links them but the
    separator, and it is eliminated after them (George 1973).

    Parameters
    ----------
    shape : tuple of int
        Height and width.
    reach : int
        How many pixels apart two linked pixels are at most, along each axis.

    Returns
    -------
    ndarray of int, shape (fronts, 9)
        Children before parents: each region (y0, y1, x0, x1), the rectangle of it that is eliminated there,
        and the row of the left child; -1 for a leaf. The right child is the row before.
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


def front_sizes(
    fronts: Int[np.ndarray, "fronts 9"], shape: tuple[int, int], reach: int
) -> tuple[Int[np.ndarray, " fronts"], Int[np.ndarray, " fronts"]]:
    """Return how many pixels each front eliminates, and how many lie around its region."""
    y0, y1, x0, x1, ey0, ey1, ex0, ex1, _ = fronts.T
    around = (np.minimum(y1 + reach, shape[0]) - np.maximum(y0 - reach, 0)) * (
        np.minimum(x1 + reach, shape[1]) - np.maximum(x0 - reach, 0)
    )
    return (ey1 - ey0) * (ex1 - ex0), around - (y1 - y0) * (x1 - x0)


def generations(fronts: Int[np.ndarray, "fronts 9"], depth: int) -> list[list[tuple[int, int]]]:
    """Return the fronts in groups that depend only on earlier ones: subtrees, then single generations.

    Each group holds ranges (start, stop) of rows: first the subtrees ``depth`` cuts below the root, then
    the fronts above them, generation by generation.
    """
    root = len(fronts) - 1
    groups, current = [], [root]
    starts = {root: 0}  # the first row of a front's subtree
    for _ in range(depth):
        parents = [f for f in current if fronts[f, 8] >= 0]
        groups.append([(f, f + 1) for f in parents])
        below = []
        for f in parents:
            left, right = int(fronts[f, 8]), f - 1
            starts[left], starts[right] = starts[f], left + 1
            below += [left, right]
        current = [f for f in current if fronts[f, 8] < 0] + below
    groups.append([(starts[f], f + 1) for f in current])
    return groups[::-1]
