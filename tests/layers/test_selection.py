"""Soft selection, on small composites with known masks."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage.data import chelsea, retina, rocket
from skimage.draw import ellipse, polygon2mask
from skimage.segmentation import flood, random_walker
from skimage.transform import resize

import softseg
from softseg import Eigenpairs, Scene, SoftSegmentation
from softseg.layers import select, selection

SHAPE = (96, 128)


def composite(front: np.ndarray, behind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a photo seen through a soft ellipse before another, and the ellipse."""
    mask = np.zeros(SHAPE)
    mask[ellipse(50, 70, 30, 36)] = 1
    mask = ndimage.gaussian_filter(mask, 1)[..., None]
    photos = [resize(photo, SHAPE, anti_aliasing=True) for photo in (front, behind)]
    return mask * photos[0] + (1 - mask) * photos[1], mask[..., 0]


@pytest.fixture(
    scope="module",
    params=[
        (retina()[500:900, 300:1000], chelsea()),
        (chelsea()[20:260, 60:380], rocket()),
    ],
    ids=["retina", "cat"],
)
def known(request: pytest.FixtureRequest) -> tuple[SoftSegmentation, np.ndarray]:
    image, mask = composite(*request.param)
    return softseg.segment(image), mask


def error(selected: np.ndarray, mask: np.ndarray) -> float:
    return float(np.abs(selected - mask).mean())


class TestAgainstKnownMasks:
    def test_a_click_beats_flood_and_random_walker(self, known: tuple[SoftSegmentation, np.ndarray]) -> None:
        result, mask = known
        x, y = 70, 50
        selected = error(select(result, point=(x, y)), mask)
        distance = np.linalg.norm(result.image - result.image[y, x], axis=2)
        floods = (flood(distance, (y, x), tolerance=t) for t in np.linspace(0.01, 0.6, 40))
        labels = np.full(SHAPE, 2)  # the border is given to it as background
        labels[1:-1, 1:-1] = 0
        labels[y, x] = 1
        walked = random_walker(
            result.image, labels, mode="cg_j", channel_axis=-1, return_full_prob=True, tol=1e-6
        )
        # Measured: 0.14 and 0.41 of the best flood, 0.03 and 0.21 of the random walker.
        assert selected < 0.7 * min(error(flooded, mask) for flooded in floods)
        assert selected < 0.5 * error(walked[0], mask)

    def test_scribbles(self, known: tuple[SoftSegmentation, np.ndarray]) -> None:
        result, mask = known
        foreground = [(70, 50), (50, 45), (90, 55), (70, 30), (72, 70)]
        background = [(5, 5), (120, 5), (5, 90), (120, 90), (64, 5), (64, 92), (5, 50), (122, 50)]
        assert error(select(result, foreground=foreground, background=background), mask) < 0.05

    def test_an_outline_is_drawn_closer(self, known: tuple[SoftSegmentation, np.ndarray]) -> None:
        result, mask = known
        corners = [(26, 30), (50, 10), (90, 10), (114, 30), (116, 70), (90, 90), (50, 90), (26, 70)]
        outline = polygon2mask(SHAPE, np.array(corners)[:, ::-1])
        assert error(select(result, lasso=corners), mask) < 0.5 * error(outline, mask)

    def test_masks_are_soft_and_within_bounds(self, known: tuple[SoftSegmentation, np.ndarray]) -> None:
        selected = select(known[0], point=(70, 50))
        assert selected.shape == SHAPE
        assert selected.dtype == np.float32
        assert selected.min() == 0
        assert selected.max() == 1
        edge = (known[1] > 0.2) & (known[1] < 0.8)
        assert ((selected > 0.1) & (selected < 0.9))[edge].mean() > 0.3


@pytest.fixture(scope="module")
def halves() -> SoftSegmentation:
    """Return a photo of two halves, whose eigenvectors tell quarters apart: (20, 40)."""
    y, x = np.mgrid[:20, :40]
    image = np.where(x < 20, 0.2, 0.8)[..., None] + 0.1 * np.stack([y / 20, x / 40, 0 * x], axis=2)
    quarters = np.stack(
        [(x < 20) & (y < 10), (x < 20) & (y >= 10), (x >= 20) & (y < 10), (x >= 20) & (y >= 10)]
    )
    vectors = (
        quarters.reshape(4, -1).T
        / np.sqrt(200)
        @ (np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]).T / 2)
    )
    features = np.stack([x < 20, x < 20, 0.4 * (y < 10)], axis=2).astype(float)
    scene = Scene(image, features, superpixels=(y // 2) * 20 + x // 2)
    pairs = Eigenpairs(np.array([-0.01, 0, 0.1, 0.2]), vectors, np.zeros(4), True)
    alphas = np.moveaxis(quarters, 0, 2).astype(np.float32)
    return SoftSegmentation(image, alphas, scene, None, pairs, alphas, {})


def quarter_means(mask: np.ndarray) -> list[list[float]]:
    return mask.reshape(2, 10, 2, 20).mean(axis=(1, 3)).round(2).tolist()


class TestEvidence:
    def test_a_mask_means_its_pixels(self, halves: SoftSegmentation) -> None:
        mask = np.zeros((20, 40), bool)
        mask[3, 5:9] = True
        points = [(x, 3) for x in range(5, 9)]
        np.testing.assert_array_equal(select(halves, foreground=mask), select(halves, foreground=points))

    def test_a_point_is_one_pixel_of_foreground(self, halves: SoftSegmentation) -> None:
        np.testing.assert_array_equal(select(halves, point=(7, 3)), select(halves, foreground=[(7, 3)]))

    def test_a_click_takes_what_is_alike(self, halves: SoftSegmentation) -> None:
        # The lower left quarter's features are only 0.4 away, and they share the smoothest eigenvectors.
        left, right = np.array(quarter_means(select(halves, point=(7, 3)))).T
        assert left.min() > 0.9
        assert right.max() < 0.1

    def test_background_cuts_it_off(self, halves: SoftSegmentation) -> None:
        selected = select(halves, point=(7, 3), background=[(7, 16)])
        np.testing.assert_allclose(quarter_means(selected), [[1, 0], [0, 0]], atol=0.05)

    def test_more_foreground_adds_to_it(self, halves: SoftSegmentation) -> None:
        selected = select(halves, foreground=[(7, 3), (30, 3)], background=[(7, 16), (30, 16)])
        np.testing.assert_allclose(quarter_means(selected), [[1, 1], [0, 0]], atol=0.05)

    def test_a_layer_mostly_outside_is_not_in_the_outline(self, halves: SoftSegmentation) -> None:
        # All of the upper left quarter, the upper tenth of the lower left one.
        selected = select(halves, lasso=[(-1, -1), (20, -1), (20, 11), (-1, 11)])
        np.testing.assert_allclose(quarter_means(selected), [[1, 0], [0, 0]], atol=0.1)

    def test_fits_a_dense_least_squares_problem(
        self, halves: SoftSegmentation, rng: np.random.Generator
    ) -> None:
        prepared = selection._prepare(halves)
        target, weights = rng.random(200), 4 * rng.random(200)
        # The areas are 4: the same problem as rows of a matrix, the energy as rows of their own.
        energy = np.diag(np.sqrt(selection.SMOOTHNESS * np.array([0, 0, 0.5, 1]) + 1e-6))
        rows = np.vstack([np.sqrt(weights)[:, None] * prepared.means, energy])
        right = np.concatenate([np.sqrt(weights) * target, np.zeros(4)])
        y = np.linalg.lstsq(rows, right, rcond=None)[0]
        np.testing.assert_allclose(
            selection._fit(prepared, target, weights).ravel(), halves.eigenpairs.vectors @ y, atol=1e-5
        )


def test_photos_above_working_size() -> None:
    image, mask = composite(retina()[500:900, 300:1000], chelsea())
    result = softseg.segment(image, working_pixels=48 * 64)
    assert result.scene.shape == (48, 64)
    around = [(26, 30), (50, 10), (90, 10), (114, 30), (116, 70), (90, 90), (50, 90), (26, 70)]
    for given, most in (
        ({"point": (70, 50)}, 0.08),
        ({"foreground": mask > 0.99, "background": mask < 0.01}, 0.08),
        ({"lasso": around}, 0.12),  # itself 0.23
    ):
        selected = select(result, **given)
        assert selected.shape == SHAPE
        assert selected.dtype == np.float32
        assert error(selected, mask) < most


def test_the_result_can_be_freed(halves: SoftSegmentation) -> None:
    copy = dataclasses.replace(halves)
    select(copy, point=(7, 3))
    assert copy in selection._PREPARED
    gone = weakref.ref(copy)
    del copy
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({}, ValueError, "exactly one of point, foreground and lasso"),
        ({"background": [(1, 2)]}, ValueError, "exactly one of point, foreground and lasso"),
        ({"point": (1, 2), "lasso": [(0, 0), (9, 0), (9, 9)]}, ValueError, "exactly one of"),
        ({"point": (1, 2), "foreground": [(1, 2)]}, ValueError, "exactly one of"),
        ({"lasso": [(0, 0), (9, 0), (9, 9)], "background": [(1, 2)]}, ValueError, "background: goes with"),
        ({"point": (40, 2)}, ValueError, r"point: expected pixels of a photo 40x20, got \(40, 2\)"),
        ({"point": (-1, 2)}, ValueError, r"point: .* got \(-1, 2\)"),
        ({"point": (np.nan, 2)}, ValueError, r"point: .* got \(nan, 2\)"),
        ({"point": (1, 2, 3)}, ValueError, r"point: expected two numbers \(x, y\)"),
        ({"point": 7}, ValueError, r"point: expected two numbers \(x, y\)"),
        ({"point": "ab"}, TypeError, "point: expected numbers"),
        ({"foreground": []}, ValueError, "foreground: expected"),
        ({"foreground": np.zeros((20, 40))}, ValueError, "foreground: expected at least one pixel"),
        ({"foreground": np.ones((20, 41))}, ValueError, r"foreground: expected pixels \(x, y\) of shape"),
        ({"point": (1, 2), "background": [(1, 20)]}, ValueError, "background: expected pixels of a photo"),
        ({"lasso": [(0, 0), (9, 0)]}, ValueError, "lasso: expected at least three corners"),
        ({"lasso": [(0, 0), (9, 0), (np.inf, 3)]}, ValueError, "lasso: expected finite"),
        ({"lasso": [(50, 30), (60, 30), (60, 40)]}, ValueError, "lasso: expected an outline about some"),
    ],
)
def test_errors(halves: SoftSegmentation, given: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        select(halves, **given)
    assert "\n" not in str(caught.value)
