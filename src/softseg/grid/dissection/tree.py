"""Nested dissection of a pixel grid: in which order, and in which fronts, its pixels are eliminated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, Int

from softseg.grid.dissection._kernels import find_places, list_pixels

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


@final
@dataclass(frozen=True, eq=False)
class Fronts:
    """Which pixels each front eliminates, and which ones it passes on to the fronts that do.

    Children come before their parents: both are rows, -1 for none. A front's pixels are
    ``pixels[starts[f] : starts[f + 1]]``, the first ``eliminated[f]`` of them eliminated there. Pixels that
    are ``kept`` are eliminated nowhere: all fronts pass them on. ``places`` says where in its parent's list a
    pixel is that is passed on.
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
            Height and width.
        reach : int
            How many pixels apart two linked pixels are at most, along each axis.
        kept : ndarray of bool, shape (H, W), optional
            Pixels that may be linked any distance apart.
        """
        rectangles = dissect(shape, reach)
        kept = np.zeros(shape, bool) if kept is None else kept
        pixels, starts, eliminated = list_pixels(rectangles, kept, reach)
        left = rectangles[:, 8]
        children = np.column_stack([left, np.where(left >= 0, np.arange(len(left)) - 1, -1)])
        places = find_places(kept.size, pixels, starts, eliminated, children)
        return cls(pixels, starts, eliminated, children, places, np.flatnonzero(kept))

    def __len__(self) -> int:
        return len(self.eliminated)

    @property
    def around(self) -> Int[np.ndarray, " fronts"]:
        """How many pixels each front passes on."""
        return np.diff(self.starts) - self.eliminated


def generations(children: Int[np.ndarray, "fronts 2"], depth: int) -> list[list[tuple[int, int]]]:
    """Return the fronts in groups that depend only on earlier ones: subtrees, then single generations.

    Each group holds ranges (start, stop) of rows: first the subtrees ``depth`` cuts below the root, then
    the fronts above them, generation by generation.
    """
    root = len(children) - 1
    groups, current = [], [root]
    starts = {root: 0}  # the first row of a front's subtree
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
