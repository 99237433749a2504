"""The order of layers on scenes where it is known, colors that any eye can tell apart, and the repr."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from skimage.color import rgb2lab

from softseg.layers import back_to_front
from softseg.layers.arrangement import PALETTE, distinct_colors
from softseg.result import SoftSegmentation
from softseg.testing import with_alphas

Make = Callable[[int, int, int], SoftSegmentation]

# What a color becomes, in linear RGB, for eyes without one kind of cone (Machado, Oliveira, Fernandes 2009).
EYES = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("eye", EYES)
def test_colors_can_be_told_apart_by_any_eye(eye: str) -> None:
    linear = np.where(
        PALETTE / 255 <= 0.04045, PALETTE / 255 / 12.92, ((PALETTE / 255 + 0.055) / 1.055) ** 2.4
    )
    seen = np.clip(linear @ np.asarray(EYES[eye]).T, 0, 1)
    srgb = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(srgb[None])[0]
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 1e9 * np.eye(len(lab))
    # In CIELAB a just noticeable difference is about 2.3; mixed and apart on the page it takes several.
    assert distance[:5, :5].min() > 24
    assert distance.min() > 18


def test_colors_repeat_after_the_last_one() -> None:
    np.testing.assert_array_equal(distinct_colors(3), PALETTE[:3])
    np.testing.assert_array_equal(distinct_colors(23), np.concatenate([PALETTE, PALETTE, PALETTE[:3]]))


def layered(make_segmentation: Make, owner: np.ndarray) -> SoftSegmentation:
    """Return hard layers: whose pixel is whose."""
    result = make_segmentation(*owner.shape, owner.max() + 1)
    return with_alphas(result, np.eye(owner.max() + 1)[owner])


class TestBackToFront:
    @pytest.mark.parametrize("indices", list(permutations(range(4))))
    def test_a_portrait(self, make_segmentation: Make, indices: tuple[int, ...]) -> None:
        """A wall, a person who stands on the lower border, a bag in hand, and a brooch within."""
        wall, person, bag, brooch = indices
        owner = np.full((40, 60), wall)
        owner[8:, 12:50] = person
        owner[28:38, 40:55] = bag
        owner[15:18, 30:33] = brooch
        assert (owner == person).sum() > (owner == wall).sum() * 0.8
        assert layered(make_segmentation, owner).order == (wall, person, bag, brooch)

    def test_a_frame_is_behind_a_larger_object(self, make_segmentation: Make) -> None:
        owner = np.zeros((40, 60), int)
        owner[4:-4, 6:-6] = 1
        assert (owner == 1).mean() > 0.6
        assert layered(make_segmentation, owner).order == (0, 1)

    def test_equal_layers_keep_their_order(self, make_segmentation: Make) -> None:
        result = with_alphas(make_segmentation(6, 8, 4), np.full((6, 8, 4), 0.25))
        assert result.order == (0, 1, 2, 3)

    @pytest.mark.parametrize("size", [(3, 3), (3, 9), (9, 3)])
    def test_every_layer_once_and_plain_integers(
        self, make_segmentation: Make, size: tuple[int, int]
    ) -> None:
        order = back_to_front(make_segmentation(*size, 7))
        assert sorted(order) == list(range(7))
        assert {type(k) for k in order} == {int}

    def test_every_border_pixel_counts_once(self, make_segmentation: Make) -> None:
        # Both have half of the area; of the 18 border pixels the first has 10, and two of the corners more.
        owner = np.ones((5, 6), int)
        owner[0, :] = owner[1:3, 0] = owner[1:3, 5] = 0
        owner[1, 1:5] = owner[2, 1] = 0
        assert (owner == 0).sum() == 15
        assert layered(make_segmentation, owner).order == (0, 1)
        assert layered(make_segmentation, 1 - owner).order == (1, 0)


class TestDescription:
    def test_says_each_layers_index_area_and_color(self, make_segmentation: Make) -> None:
        owner = np.zeros((10, 20), int)
        owner[2:6, 5:10] = 1
        owner[7, 12] = 3
        colors = np.array([[255, 204, 0], [0, 0, 255], [9, 9, 9], [1, 2, 3]]) / 255
        result = layered(make_segmentation, owner).recolored(
            np.broadcast_to(colors.astype(np.float32), (10, 20, 4, 3))
        )
        assert repr(result).splitlines() == [
            "<SoftSegmentation: 4 layers of 20x10 pixels, from back to front",
            "  [0]  89.5%  #ffcc00",
            "  [1]  10.0%  #0000ff",
            "  [3]   0.5%  #010203",
            "  [2]   0.0%>",
        ]

    def test_soft_layers(self, make_segmentation: Make) -> None:
        result = with_alphas(make_segmentation(6, 8, 2), np.broadcast_to([0.75, 0.25], (6, 8, 2)))
        gray = result.recolored(np.full((6, 8, 2, 3), 0.2, np.float32))
        assert "  [0]  75.0%  #333333\n  [1]  25.0%  #333333>" in repr(gray)

    def test_one_layer(self, make_segmentation: Make) -> None:
        assert repr(make_segmentation(6, 8, 1)).startswith("<SoftSegmentation: 1 layer of 8x6 pixels,")

    def test_does_not_compute_the_colors(self, make_segmentation: Make) -> None:
        result = replace(make_segmentation(6, 8, 3), given_colors=None)
        repr(result)
        assert "colors" not in vars(result)
