"""What the tests of the guided filter and of the preprocessing share: a direct computation and arrays."""

from __future__ import annotations

import inspect

import numpy as np
import pytest


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
            colors, values = guide[here].reshape(-1, 3), features[here].reshape(-1, channels)
            mean_color, mean_value = colors.mean(0), values.mean(0)
            covariance = (colors - mean_color).T @ (colors - mean_color) / size**2
            cross = (colors - mean_color).T @ (values - mean_value) / size**2
            a[y, x] = np.linalg.solve(covariance + epsilon * np.eye(3), cross).T
            b[y, x] = mean_value - a[y, x] @ mean_color
    mean_a, mean_b = np.empty_like(a), np.empty_like(b)
    for y in range(height):
        for x in range(width):
            containing = window(y, x, after, before)  # the windows that contain the pixel: the mirrored reach
            mean_a[y, x] = a[containing].mean((0, 1))
            mean_b[y, x] = b[containing].mean((0, 1))
    return np.einsum("hwci,hwi->hwc", mean_a, guide) + mean_b, mean_a, mean_b


def photo(rng, height, width):
    """Return a photo with flat parts, an edge, texture and pure black."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([x / width, y / height, (x > y) * 0.7], -1) + rng.normal(0, 0.03, (height, width, 3))
    image[: height // 3, : width // 3] = 0
    return np.clip(image, 0, 1)


GOOD = np.zeros((6, 9, 4))
IMAGE = np.zeros((6, 9, 3))
BAD_VALUES = GOOD.copy()
BAD_VALUES[3, 4, 2] = np.nan
BAD_IMAGE = IMAGE.copy()
BAD_IMAGE[0, 0, 0] = np.inf

# Features and an image of which one is no valid argument, and the message that says so.
BAD_ARRAYS = [
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
]


def assert_named_in_one_line(function, features, image, message):
    """Check that a function of features and an image refuses them by a line that names one of the two."""
    with pytest.raises(ValueError, match=message) as error:
        function(features, image)
    channels_name, image_name = list(inspect.signature(function).parameters)[:2]
    assert str(error.value).startswith((f"{channels_name}: ", f"{image_name}: "))
    assert "\n" not in str(error.value)
