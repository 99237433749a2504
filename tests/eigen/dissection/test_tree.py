"""Nested dissection: every pixel is eliminated once, and separators separate."""

from __future__ import annotations

import numpy as np
import pytest

from softseg.eigen.dissection.tree import dissect, front_sizes, generations

SHAPES = [(31, 42), (40, 33), (1, 40), (50, 3), (2, 3), (1, 1), (64, 64)]


@pytest.mark.parametrize("reach", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
class TestDissect:
    def test_every_pixel_is_eliminated_once(self, shape: tuple[int, int], reach: int) -> None:
        times = np.zeros(shape, int)
        for _, _, _, _, y0, y1, x0, x1, _ in dissect(shape, reach):
            times[y0:y1, x0:x1] += 1
        np.testing.assert_array_equal(times, 1)

    def test_children_come_first_and_are_further_apart_than_the_reach(
        self, shape: tuple[int, int], reach: int
    ) -> None:
        fronts = dissect(shape, reach)
        for f, front in enumerate(fronts):
            if front[8] >= 0:
                left, right = fronts[front[8]], fronts[f - 1]
                assert front[8] < f - 1
                assert max(right[0] - left[1], right[2] - left[3]) >= reach
                for child in (left, right):
                    assert (child[[0, 2]] >= front[[0, 2]]).all()
                    assert (child[[1, 3]] <= front[[1, 3]]).all()

    def test_sizes_are_those_of_the_rectangles_and_rings(self, shape: tuple[int, int], reach: int) -> None:
        fronts = dissect(shape, reach)
        eliminated, around = front_sizes(fronts, shape, reach)
        assert eliminated.sum() == shape[0] * shape[1]
        for front, expected in zip(fronts, around, strict=True):
            ring = np.zeros(shape, int)
            y0, y1, x0, x1 = front[:4]
            ring[max(y0 - reach, 0) : y1 + reach, max(x0 - reach, 0) : x1 + reach] = 1
            ring[y0:y1, x0:x1] = 0
            assert ring.sum() == expected

    @pytest.mark.parametrize("depth", [0, 1, 3, 9])
    def test_generations_hold_every_front_after_its_children(
        self, shape: tuple[int, int], reach: int, depth: int
    ) -> None:
        fronts = dissect(shape, reach)
        done: set[int] = set()
        for group in generations(fronts, depth):
            members = [f for span in group for f in range(*span)]
            for start, stop in group:
                for f in range(start, stop):
                    if fronts[f, 8] >= 0:
                        assert {int(fronts[f, 8]), f - 1} <= done | set(range(start, f))
            assert not done & set(members)
            done |= set(members)
        assert done == set(range(len(fronts)))
