"""Nested dissection: every pixel is eliminated once, and separators separate."""

from __future__ import annotations

import numpy as np
import pytest

from softseg.grid.dissection.tree import Fronts, dissect, generations

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

    @pytest.mark.parametrize("share", [0, 0.1, 1])
    def test_lists_hold_the_rectangles_and_what_is_left_around_and_inside(
        self, shape: tuple[int, int], reach: int, share: float, rng: np.random.Generator
    ) -> None:
        kept = rng.random(shape) < share
        fronts = Fronts.of_grid(shape, reach, kept)
        assert fronts.eliminated.sum() == np.count_nonzero(~kept)
        for f, (y0, y1, x0, x1, ey0, ey1, ex0, ex1, _) in enumerate(dissect(shape, reach)):
            eliminated, passed = np.zeros(shape, bool), np.zeros(shape, bool)
            eliminated[ey0:ey1, ex0:ex1] = True
            passed[max(y0 - reach, 0) : y1 + reach, max(x0 - reach, 0) : x1 + reach] = True
            passed[y0:y1, x0:x1] = kept[y0:y1, x0:x1]
            pixels = fronts.pixels[fronts.starts[f] : fronts.starts[f + 1]]
            e = fronts.eliminated[f]
            np.testing.assert_array_equal(pixels[:e], np.flatnonzero(eliminated & ~kept))
            np.testing.assert_array_equal(pixels[e:], np.flatnonzero(passed))
            assert fronts.around[f] == passed.sum()

    def test_places_lead_to_the_same_pixel_in_the_parent(
        self, shape: tuple[int, int], reach: int, rng: np.random.Generator
    ) -> None:
        fronts = Fronts.of_grid(shape, reach, rng.random(shape) < 0.1)
        for parent, children in enumerate(fronts.children):
            for child in children[children >= 0]:
                passed = slice(fronts.starts[child] + fronts.eliminated[child], fronts.starts[child + 1])
                listed = fronts.pixels[fronts.starts[parent] : fronts.starts[parent + 1]]
                np.testing.assert_array_equal(listed[fronts.places[passed]], fronts.pixels[passed])

    @pytest.mark.parametrize("depth", [0, 1, 3, 9])
    def test_generations_hold_every_front_after_its_children(
        self, shape: tuple[int, int], reach: int, depth: int
    ) -> None:
        children = Fronts.of_grid(shape, reach).children
        done: set[int] = set()
        for group in generations(children, depth):
            members = [f for span in group for f in range(*span)]
            for start, stop in group:
                for f in range(start, stop):
                    if children[f, 0] >= 0:
                        assert set(children[f].tolist()) <= done | set(range(start, f))
            assert not done & set(members)
            done |= set(members)
        assert done == set(range(len(children)))
