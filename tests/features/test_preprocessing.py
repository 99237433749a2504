"""The published preprocessing, held against a slow direct computation in float64."""

from __future__ import annotations

import numpy as np
import pytest
from tests.features.filter_reference import (
    BAD_ARRAYS,
    GOOD,
    IMAGE,
    assert_named_in_one_line,
    direct_guided_filter,
    photo,
)

from softseg.features import preprocess


def direct_preprocess(features, image, n_components=3):
    filtered = direct_guided_filter(np.clip(features, -5, 5), image)[0]
    pixels = filtered.reshape(-1, filtered.shape[2])
    _, _, axes = np.linalg.svd(pixels - pixels.mean(0), full_matrices=False)
    projected = (pixels - pixels.mean(0)) @ axes[:n_components].T
    projected = (projected - projected.min(0)) / np.ptp(projected, axis=0)
    return projected.reshape(*filtered.shape[:2], -1)


def up_to_sign(channels, reference):
    """Flip those channels of the reference (in [0, 1]) that run the other way."""
    correlation = ((channels - channels.mean((0, 1))) * (reference - reference.mean((0, 1)))).sum((0, 1))
    return np.where(correlation < 0, 1 - reference, reference)


@pytest.mark.parametrize(("channels", "shape"), [(5, (23, 31)), (40, (31, 23)), (3, (17, 29))])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_preprocess_equals_the_direct_computation(rng, channels, shape, scale):
    # Three broad patterns of falling strength under weak noise, so that the components are well apart.
    y, x = np.mgrid[: shape[0], : shape[1]]
    patterns = np.stack([np.sin(x / 4), 0.6 * np.cos(y / 5), 0.35 * np.sin((x + y) / 3)], -1)
    features = scale * (patterns @ rng.normal(size=(3, channels)) + rng.normal(0, 0.05, (*shape, channels)))
    assert (np.abs(features) > 5).any() == (scale == 4.0)  # with and without clipping
    image = photo(rng, *shape)
    result = preprocess(features, image)
    assert result.dtype == np.float32
    expected = up_to_sign(result, direct_preprocess(features, image))
    # float32 planes, error 5e-7, over component ranges of order one.
    np.testing.assert_allclose(result, expected, atol=2e-5)


def test_preprocessed_channels_fill_the_unit_interval(rng):
    result = preprocess(rng.normal(size=(30, 21, 12)), rng.random((30, 21, 3)), n_components=4)
    assert result.shape == (30, 21, 4)
    np.testing.assert_array_equal(result.min((0, 1)), 0)
    np.testing.assert_array_equal(result.max((0, 1)), 1)


def test_signs_survive_an_offset(rng):
    # An eigenvector's sign is arbitrary; fixed by its largest weight, it survives another computation of it.
    features, image = 0.3 * rng.normal(size=(30, 21, 3)) * [3, 2, 1], photo(rng, 30, 21)
    shifted = preprocess(features + [0.3, -0.2, 0.1], image)
    np.testing.assert_allclose(preprocess(features, image), shifted, atol=1e-4)  # float32 of other values


@pytest.mark.parametrize("seed", range(8))
def test_sign_follows_the_largest_weight(seed):
    # Rank one: the eigenvector is the weights up to sign. Several, as half of all signs are right by chance.
    weights = np.random.default_rng(seed).normal(size=4)
    ramp = np.linspace(-1, 1, 30)[:, None, None] * np.ones((1, 21, 1))
    first = preprocess(ramp * weights, np.full((30, 21, 3), 0.5))[..., 0]
    rises = weights[np.abs(weights).argmax()] > 0
    assert (first[-1, 0] > first[0, 0]) == rises


@pytest.mark.parametrize("channels", [1, 2])
def test_fewer_channels_are_filled_up_with_zeros(rng, channels):
    result = preprocess(rng.normal(size=(12, 17, channels)), rng.random((12, 17, 3)))
    assert result.shape == (12, 17, 3)
    assert (result[..., :channels].max((0, 1)) == 1).all()
    assert not result[..., channels:].any()


@pytest.mark.parametrize("offset", [0.0, 4.0])
def test_rank_one_features_give_one_component(rng, offset):
    pattern = np.linspace(0, 1, 30 * 21).reshape(30, 21, 1)
    result = preprocess(pattern * rng.normal(0, 0.2, 64) + offset, rng.random((30, 21, 3)))
    assert result[..., 0].max() == 1
    assert not result[..., 1:].any()


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3, 1e9])
def test_constant_features_become_zero(rng, value):
    assert not preprocess(np.full((30, 21, 7), value), rng.random((30, 21, 3))).any()


def test_constant_up_to_float32_rounding_becomes_zero(rng):
    features = np.float32(3) * (1 + rng.normal(0, 1e-7, (30, 21, 64)))
    assert not preprocess(features, rng.random((30, 21, 3))).any()


def test_weak_components_are_kept(rng):
    # Ten times above the stated limit of 1e-4 of the widest component.
    features = rng.normal(size=(30, 21, 2)) * [2.0, 2e-3]
    result = preprocess(features, np.full((30, 21, 3), 0.5))
    assert result[..., 1].max() == 1


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float16, np.float64])
def test_other_number_types(rng, dtype):
    features, image = rng.integers(0, 5, (12, 17, 4)), rng.random((12, 17, 3))
    expected = preprocess(features.astype(np.float32), image)
    np.testing.assert_array_equal(preprocess(features.astype(dtype), image), expected)


def test_layout_and_arguments_are_left_alone(rng):
    features, image = rng.normal(0, 9, (12, 17, 4)), rng.random((12, 17, 3))
    copies = features.copy(), image.copy()
    expected = preprocess(features, image)
    np.testing.assert_array_equal(preprocess(np.asfortranarray(features), np.asfortranarray(image)), expected)
    np.testing.assert_array_equal(preprocess(features, image), expected)
    np.testing.assert_array_equal(features, copies[0])
    np.testing.assert_array_equal(image, copies[1])


@pytest.mark.parametrize(("features", "image", "message"), BAD_ARRAYS)
def test_bad_arrays_are_named_in_one_line(features, image, message):
    assert_named_in_one_line(preprocess, features, image, message)


def test_bad_numbers():
    with pytest.raises(ValueError, match="n_components"):
        preprocess(GOOD, IMAGE, n_components=0)


@pytest.mark.parametrize(("offset", "scale"), [(100, 1), (0, 1000), (0, 1e300)])
def test_a_warning_if_clipping_leaves_little(rng, offset, scale):
    features = offset + scale * rng.normal(size=(6, 9, 4))
    with pytest.warns(UserWarning, match=r"features: 1?\d\d% of the values lie outside \[-5, 5\]") as caught:
        preprocess(features, IMAGE)
    assert "\n" not in str(caught[0].message)


def test_no_warning_for_a_constant_channel_far_away_or_for_some_large_values(rng):
    features = rng.normal(0, 9, (30, 21, 4))
    features[..., 3] = 1e6
    preprocess(features, rng.random((30, 21, 3)))
