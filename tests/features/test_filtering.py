"""The guided filter, held against a slow direct computation in float64."""

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

from softseg.features import affine_coefficients, guided_filter

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


def test_gray_guide(rng):
    # Three equal channels: the covariance has rank one and only epsilon makes it invertible.
    guide = np.repeat(photo(rng, 23, 31)[..., :1], 3, axis=2)
    features = rng.normal(size=(23, 31, 2))
    expected, _, _ = direct_guided_filter(features, guide)
    np.testing.assert_allclose(guided_filter(features, guide), expected, atol=5e-6)


@pytest.mark.parametrize("size", [9, 10])
def test_the_filter_does_not_move_things(rng, size):
    # Away from the edges, mirroring the photo mirrors the result, even for windows without a center.
    guide, features = photo(rng, 40, 50), rng.normal(size=(40, 50, 1))
    filtered = guided_filter(features, guide, size=size)
    mirrored = guided_filter(features[::-1, ::-1], guide[::-1, ::-1], size=size)[::-1, ::-1]
    np.testing.assert_allclose(mirrored[10:-10, 10:-10], filtered[10:-10, 10:-10], atol=5e-6)


def test_a_flat_guide_averages_over_the_neighborhood():
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


@pytest.mark.parametrize("function", [guided_filter, affine_coefficients])
@pytest.mark.parametrize(("features", "image", "message"), BAD_ARRAYS)
def test_bad_arrays_are_named_in_one_line(function, features, image, message):
    assert_named_in_one_line(function, features, image, message)


def test_bad_numbers():
    with pytest.raises(ValueError, match="size"):
        guided_filter(GOOD, IMAGE, size=0)
    with pytest.raises(ValueError, match="epsilon"):
        affine_coefficients(GOOD, IMAGE, epsilon=0.0)
