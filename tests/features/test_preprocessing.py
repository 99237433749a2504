"""The published preprocessing, held against a slow direct computation in float64."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from softseg.features import affine_coefficients, guided_filter, preprocess


def direct_guided_filter(features, guide, size=10, epsilon=0.01):
    """He, Sun, Tang eq. 19-21, one window after another; returns the filtered channels and mean a and b."""
    height, width, channels = features.shape
    before, after = (size - 1) // 2, size // 2

    def window(y, x, back, ahead):
        rows = np.clip(np.arange(y - back, y + ahead + 1), 0, height - 1)
        columns = np.clip(np.arange(x - back, x + ahead + 1), 0, width - 1)
        return np.ix_(rows, columns)

    a, b = np.empty((height, width, channels, 3)), np.empty((height, width, channels))
    for y in range(height):
        for x in range(width):
            here = window(y, x, before, after)
            colours, values = guide[here].reshape(-1, 3), features[here].reshape(-1, channels)
            mean_colour, mean_value = colours.mean(0), values.mean(0)
            covariance = (colours - mean_colour).T @ (colours - mean_colour) / size**2
            cross = (colours - mean_colour).T @ (values - mean_value) / size**2
            a[y, x] = np.linalg.solve(covariance + epsilon * np.eye(3), cross).T
            b[y, x] = mean_value - a[y, x] @ mean_colour
    mean_a, mean_b = np.empty_like(a), np.empty_like(b)
    for y in range(height):
        for x in range(width):
            containing = window(y, x, after, before)  # the windows that contain the pixel: the mirrored reach
            mean_a[y, x] = a[containing].mean((0, 1))
            mean_b[y, x] = b[containing].mean((0, 1))
    return np.einsum("hwci,hwi->hwc", mean_a, guide) + mean_b, mean_a, mean_b


def direct_preprocess(features, image, n_components=3):
    filtered = direct_guided_filter(np.clip(features, -5, 5), image)[0]
    pixels = filtered.reshape(-1, filtered.shape[2])
    _, _, axes = np.linalg.svd(pixels - pixels.mean(0), full_matrices=False)
    projected = (pixels - pixels.mean(0)) @ axes[:n_components].T
    projected = (projected - projected.min(0)) / np.ptp(projected, axis=0)
    return projected.reshape(*filtered.shape[:2], -1)


def photo(rng, height, width):
    """Return a photo with flat parts, an edge, texture and pure black."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([x / width, y / height, (x > y) * 0.7], -1) + rng.normal(0, 0.03, (height, width, 3))
    image[: height // 3, : width // 3] = 0
    return np.clip(image, 0, 1)


def up_to_sign(channels, reference):
    """Flip those channels of the reference (in [0, 1]) that run the other way."""
    correlation = ((channels - channels.mean((0, 1))) * (reference - reference.mean((0, 1)))).sum((0, 1))
    return np.where(correlation < 0, 1 - reference, reference)


SHAPES = [(23, 31), (31, 23), (10, 10), (3, 3), (4, 40), (1, 6)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [10, 3, 1])
def test_guided_filter_equals_the_direct_computation(rng, shape, size):
    guide, features = photo(rng, *shape), rng.normal(0, 2, (*shape, 5))
    expected, _, _ = direct_guided_filter(features, guide, size)
    # float32 features and results of size up to 8: 8 * 2^-24 each, hardly amplified at epsilon 0.01.
    np.testing.assert_allclose(guided_filter(features, guide, size=size), expected, atol=5e-6)


@pytest.mark.parametrize("epsilon", [1e-6, 0.01, 1.0])
def test_coefficients_equal_the_direct_computation(rng, epsilon):
    guide, values = photo(rng, 23, 31), rng.random((23, 31, 2))
    _, expected_a, expected_b = direct_guided_filter(values, guide, 10, epsilon)
    a, b = affine_coefficients(values, guide, epsilon=epsilon)
    # float64, with covariances as differences of means: 1e-16 / epsilon.
    np.testing.assert_allclose(a, expected_a, atol=1e-8)
    np.testing.assert_allclose(b, expected_b, atol=1e-8)


@pytest.mark.parametrize("size", [10, 5])
def test_coefficients_applied_are_the_filter(rng, size):
    guide, values = photo(rng, 19, 26), rng.random((19, 26, 4))
    a, b = affine_coefficients(values, guide, size=size)
    applied = np.einsum("hwci,hwi->hwc", a, guide) + b
    np.testing.assert_allclose(guided_filter(values, guide, size=size), applied, atol=1e-6)  # float32 values


def test_grey_guide(rng):
    # Three equal channels: the covariance has rank one and only epsilon makes it invertible.
    guide = np.repeat(photo(rng, 23, 31)[..., :1], 3, axis=2)
    features = rng.normal(size=(23, 31, 2))
    expected, _, _ = direct_guided_filter(features, guide)
    np.testing.assert_allclose(guided_filter(features, guide), expected, atol=5e-6)


@pytest.mark.parametrize("size", [9, 10])
def test_the_filter_does_not_move_things(rng, size):
    # Away from the edges, mirroring the photo mirrors the result, even for windows without a centre.
    guide, features = photo(rng, 40, 50), rng.normal(size=(40, 50, 1))
    filtered = guided_filter(features, guide, size=size)
    mirrored = guided_filter(features[::-1, ::-1], guide[::-1, ::-1], size=size)[::-1, ::-1]
    np.testing.assert_allclose(mirrored[10:-10, 10:-10], filtered[10:-10, 10:-10], atol=5e-6)


def test_a_flat_guide_averages_over_the_neighbourhood():
    features = np.zeros((41, 41, 1))
    features[20, 20] = 100.0
    filtered = guided_filter(features, np.full((41, 41, 3), 0.3), size=10)[..., 0]
    triangle = np.maximum(10 - np.abs(np.arange(41) - 20), 0) / 100
    np.testing.assert_allclose(filtered, 100 * np.outer(triangle, triangle), atol=1e-5)


def test_no_drift_along_a_line(rng):
    # The running sums start over in each call, so a far part of a long image must equal that part alone.
    guide, features = rng.random((12, 3000, 3)), rng.normal(size=(12, 3000, 1))
    whole = guided_filter(features, guide)
    part = guided_filter(features[:, -100:], guide[:, -100:])
    np.testing.assert_allclose(whole[:, -70:], part[:, -70:], atol=1e-6)


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


GOOD = np.zeros((6, 9, 4))
IMAGE = np.zeros((6, 9, 3))
BAD_VALUES = GOOD.copy()
BAD_VALUES[3, 4, 2] = np.nan
BAD_IMAGE = IMAGE.copy()
BAD_IMAGE[0, 0, 0] = np.inf


@pytest.mark.parametrize("function", [preprocess, guided_filter, affine_coefficients])
@pytest.mark.parametrize(
    ("features", "image", "message"),
    [
        (GOOD[..., 0], IMAGE, r"expected shape \(6, 9, C\), got \(6, 9\)"),
        (GOOD[:, :, :0], IMAGE, r"expected shape \(6, 9, C\), got \(6, 9, 0\)"),
        (GOOD.transpose(1, 0, 2), IMAGE, r"expected shape \(6, 9, C\), got \(9, 6, 4\)"),
        (BAD_VALUES, IMAGE, "expected finite values, got NaN or infinity"),
        (GOOD * 1j, IMAGE, "expected real numbers, got complex128"),
        (GOOD.astype(str), IMAGE, "expected real numbers, got <U32"),
        (GOOD, IMAGE[..., 0], r"expected shape \(H, W, 3\), got \(6, 9\)"),
        (GOOD, IMAGE[..., :2], r"expected shape \(H, W, 3\), got \(6, 9, 2\)"),
        (GOOD, BAD_IMAGE, "expected finite values, got NaN or infinity"),
        (GOOD, IMAGE + 255, r"expected RGB in \[0, 1\], got values from 255.0 to 255.0"),
        (GOOD, IMAGE.astype(np.uint8), r"expected floating point RGB in \[0, 1\], got uint8"),
    ],
)
def test_bad_arrays_are_named_in_one_line(function, features, image, message):
    with pytest.raises(ValueError, match=message) as error:
        function(features, image)
    channels_name, image_name = list(inspect.signature(function).parameters)[:2]
    assert str(error.value).startswith((f"{channels_name}: ", f"{image_name}: "))
    assert "\n" not in str(error.value)


def test_bad_numbers():
    with pytest.raises(ValueError, match="n_components"):
        preprocess(GOOD, IMAGE, n_components=0)
    with pytest.raises(ValueError, match="size"):
        guided_filter(GOOD, IMAGE, size=0)
    with pytest.raises(ValueError, match="epsilon"):
        affine_coefficients(GOOD, IMAGE, epsilon=0.0)
