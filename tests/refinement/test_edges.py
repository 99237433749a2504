"""Where the edge of an object is found beside the edge of a mask."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from softseg.refinement import Edge, find_edge, signed_distance
from softseg.refinement.edges import has_filled_gaps


def disk(radius: float, softness: float = 0.5) -> np.ndarray:
    """Return the alpha of a disk in a picture of 60 x 70 pixels."""
    y, x = np.mgrid[:60, :70]
    return np.clip((radius - np.hypot(y - 30, x - 34)) / (2 * softness) + 0.5, 0, 1)


class TestSignedDistance:
    def test_lies_between_pixels(self) -> None:
        distance = signed_distance(np.array([[False, False, True, True]] * 3))
        assert distance[0].tolist() == [-1.5, -0.5, 0.5, 1.5]

    def test_a_picture_has_no_edge_at_its_border(self) -> None:
        distance = signed_distance(np.tile(np.arange(40) < 30, (20, 1)))
        assert distance[0, 0] == 29.5


class TestFindEdge:
    @pytest.mark.parametrize("off", [-8, -3, 0, 3, 8])
    def test_says_how_far_a_mask_is_off(self, off: int) -> None:
        edge = find_edge(disk(18), signed_distance(disk(18 + off) > 0.5), reach=12.0)
        # Positions are known to half a pixel, and the disk's edge is a pixel wide.
        assert edge.shift == pytest.approx(off, abs=1.0)
        assert edge.spread.max() < 1.5

    def test_is_spread_where_the_object_is_soft(self) -> None:
        mask = disk(18) > 0.5
        hard, soft = (find_edge(disk(18, s), signed_distance(mask), reach=12.0) for s in (0.5, 6))
        assert soft.spread.mean() > hard.spread.mean() + 1.5

    def test_is_spread_only_where_the_object_is_soft(self) -> None:
        columns = np.arange(400)
        sharp = np.tile(np.clip(columns - 199.5, 0, 1), (300, 1))
        alpha = np.where(np.arange(300)[:, None] < 150, sharp, ndimage.gaussian_filter1d(sharp, 6, axis=1))
        edge = find_edge(alpha, signed_distance(sharp > 0.5), reach=14.0)
        assert edge.spread[250, 200] > 3 * edge.spread[50, 200]

    def test_a_matte_that_rises_nowhere_leaves_all_open(self) -> None:
        mask = disk(18) > 0.5
        edge = find_edge(np.full(mask.shape, 0.5), signed_distance(mask), reach=12.0)
        assert edge.shift == 0
        assert (edge.spread == 12).all()

    def test_is_enlarged_with_the_picture(self) -> None:
        edge = Edge(-2.0, np.array([[1.0, 3.0], [1.0, 3.0]]), gaps=8.0).enlarged(2.0, (4, 5))
        assert edge.shift == -4
        assert edge.gaps == 16
        assert edge.spread.shape == (4, 5)
        assert set(edge.spread.ravel()) == {2.0, 6.0}


class TestHasFilledGaps:
    def gaps(self, alpha: np.ndarray, mask: np.ndarray) -> bool:
        distance = signed_distance(mask)
        return has_filled_gaps(alpha, distance, distance > 3, reach=14.0)

    def test_if_background_lies_deep_in_a_mask_that_is_too_large(self) -> None:
        alpha = disk(18)
        alpha[::3, :34] = 0
        assert self.gaps(alpha, disk(22) > 0.5)

    def test_not_if_the_mask_is_too_small(self) -> None:
        alpha = disk(26)
        alpha[::3, :34] = 0
        assert not self.gaps(alpha, disk(18) > 0.5)

    def test_not_if_there_is_no_background_deep_in_it(self) -> None:
        assert not self.gaps(disk(18), disk(21) > 0.5)

    def test_not_if_the_matte_rises_nowhere(self) -> None:
        assert not self.gaps(np.full((60, 70), 0.3), disk(18) > 0.5)
