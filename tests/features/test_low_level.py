"""Colour and texture: the contract of every extractor, exact on flat colours, and what the channels mean."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from skimage.color import rgb2lab

from softseg.features import LowLevelFeatures, preprocess
from softseg.features.low_level import _compute_decays, _compute_passage
from softseg.testing import ExtractorCase

Y, X = np.mgrid[:40, :57]
BOUNDARIES = {
    "half": X < 30,
    "disk": (X - 25) ** 2 + (Y - 18) ** 2 < 13**2,
    "one pixel": (X == 25) & (Y == 18),
    "stripes": ((X + 2 * Y) // 5) % 2 == 0,
    "checkerboard": (X + Y) % 2 == 0,
    "noise": np.random.default_rng(7).random(X.shape) < 0.3,
}
COLOURS = {
    "far": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "hues": ((0.8, 0.1, 0.1), (0.1, 0.2, 0.8)),
    "one grey level apart": ((128 / 255,) * 3, (129 / 255,) * 3),
}


class TestLowLevelFeatures(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return LowLevelFeatures()


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("colours", COLOURS)
def test_two_colours_give_exactly_two_values(boundary, colours):
    inside, (a, b) = BOUNDARIES[boundary], COLOURS[colours]
    image = np.where(inside[..., None], a, b)
    features = LowLevelFeatures().extract(image)
    # Not a tolerance for the method, which is exact, but for the conversion to CIELAB.
    np.testing.assert_allclose(
        features[inside], np.broadcast_to(features[inside][0], (inside.sum(), 6)), atol=1e-6
    )
    np.testing.assert_allclose(
        features[~inside], np.broadcast_to(features[~inside][0], ((~inside).sum(), 6)), atol=1e-6
    )
    expected = (rgb2lab(np.array(a)) - rgb2lab(np.array(b))) / [40, 20, 20]
    np.testing.assert_allclose(features[inside][0, :3] - features[~inside][0, :3], expected, atol=1e-5)
    assert np.abs(features[..., 3:]).max() < 1e-6  # flat colours have no texture


@pytest.mark.parametrize("boundary", ["half", "disk", "one pixel", "stripes", "checkerboard"])
def test_two_colours_stay_two_and_one_dimensional_after_preprocessing(boundary):
    inside, (a, b) = BOUNDARIES[boundary], COLOURS["hues"]
    image = np.where(inside[..., None], a, b)
    features = preprocess(LowLevelFeatures().extract(image), image)
    first = features[..., 0]
    # Where a share p of a window has the other colour, at squared distance 1 or so, the guided filter shrinks
    # the step by v / (v + 0.01), v = p (1 - p): it stays a step, with a soft foot near the boundary.
    assert min(np.ptp(first[inside]), np.ptp(first[~inside])) < 0.1
    assert abs(np.median(first[inside]) - np.median(first[~inside])) > 0.9
    assert not features[..., 1:].any()


def test_texture_tells_equal_mean_colours_apart(rng):
    image = np.full((60, 90, 3), 0.5)
    image[:, 45:] += rng.uniform(-0.1, 0.1, (60, 45, 1))
    image[:10] = (0.9, 0.8, 0.1)  # something else in the photo: its colour spread is not the texture's
    features = LowLevelFeatures().extract(image)
    plain, textured = features[15:, 5:40], features[15:, 50:85]
    assert textured[..., 3].min() > plain[..., 3].max()
    assert textured[..., 3].mean() > plain[..., 3].mean() + 0.2
    # The grain is gone from the colours: 0.1 in grey is about 10 in lightness, 0.25 in features.
    assert textured[..., 0].std() < 0.05


def test_smoothing_joins_a_noisy_region_and_keeps_its_edge(rng):
    noise = rng.normal(0, 0.02, (50, 70, 3))
    image = np.clip(np.where(np.arange(70)[:, None] < 35, (0.7, 0.3, 0.3), (0.3, 0.4, 0.7)) + noise, 0, 1)
    features = LowLevelFeatures().extract(image)[..., :3]
    raw = rgb2lab(image) / [40, 20, 20]
    left, right = features[:, :35], features[:, 35:]
    assert left.std(axis=(0, 1)).max() < 0.2 * raw[:, :35].std(axis=(0, 1)).min()
    np.testing.assert_allclose(  # right up to the edge: 5 % of the step
        features[:, 35].mean(0) - features[:, 34].mean(0),
        right.mean((0, 1)) - left.mean((0, 1)),
        atol=0.05 * np.abs(right.mean((0, 1)) - left.mean((0, 1))).max(),
    )


def test_turning_the_photo_nearly_turns_the_features(rng):
    # Rows are smoothed before columns, so not exactly; with rows and columns mixed up, not at all.
    y, x = np.mgrid[:40, :64] / 64
    image = np.clip(np.stack([x, y, (x > 0.5) * 0.6], -1) + rng.normal(0, 0.02, (40, 64, 3)), 0, 1)
    features = LowLevelFeatures().extract(image)
    turned = LowLevelFeatures().extract(np.ascontiguousarray(np.rot90(image)))
    assert np.abs(np.rot90(features) - turned).mean() < 0.03 * features.std()


def test_fits_the_clip_of_preprocessing():
    corners = np.array(np.meshgrid([0.0, 1.0], [0.0, 1.0], [0.0, 1.0])).reshape(3, -1).T
    image = np.repeat(np.repeat(corners.reshape(2, 4, 3), 9, axis=0), 9, axis=1)
    beyond = np.abs(LowLevelFeatures().extract(image)) > 5
    # Pure blue's b is -108 CIELAB units, 5.4 in features: the one corner of the colour cube that is clipped.
    assert set(np.flatnonzero(beyond.any((0, 1)))) <= {2}
    assert beyond.any(axis=2).mean() <= 1 / 8


def test_passage_is_one_without_a_difference_and_zero_from_the_barrier_on():
    difference = np.array([0.0, 5.0, 10.0, 11.0]).reshape(1, 1, 4) * np.array([0.6, 0.8, 0.0])[:, None, None]
    np.testing.assert_allclose(_compute_passage(difference, 10.0, 2), [[1, 0.25, 0, 0]])
    assert _compute_passage(np.zeros((3, 1, 1)), 0.0, 2) == 1


def test_decays_spread_an_impulse_by_sigma():
    # Smoothing the indicator of one pixel on an open row: the response's variance is sigma^2.
    from softseg.features._kernels import diffuse

    row = np.zeros((1, 1, 801))
    row[0, 0, 400] = 1
    diffuse(row, np.ones((1, 801)), np.zeros((1, 801)), _compute_decays(20.0))
    x = np.arange(801) - 400
    assert row.sum() == pytest.approx(1, abs=1e-3)
    # exp(-sqrt(2) / s) has variance s^2 up to 1 / (6 s) or so of itself: s is as small as 4 in the last pass.
    assert np.sqrt((row[0, 0] * x**2).sum()) == pytest.approx(20, rel=0.05)


def test_needs_no_torch():
    code = (
        "import sys, numpy as np; from softseg.features import extract; "
        "extract(np.zeros((3, 4, 3)), 'low-level'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
