"""Alphas carried up to a larger photo."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.transform import resize

from softseg.images import shrink
from softseg.upsampling import upsample


def disk(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] + 0.5
    return (y - 0.45 * height) ** 2 + (x - 0.4 * width) ** 2 < (0.3 * height) ** 2


@pytest.mark.parametrize("shape", [(48, 64), (63, 41)])
def test_edges_follow_those_of_the_large_photo(shape: tuple[int, int]) -> None:
    mask = disk(*shape)
    image = np.where(mask[:, :, None], (0.9, 0.6, 0.1), (0.1, 0.2, 0.5))
    small = shrink(image, mask.size // 9)
    alpha = (small[:, :, :1] - 0.1) / 0.8  # the share of the disk in each pixel of the small photo
    result = upsample(np.concatenate([alpha, 1 - alpha], axis=2), small, image)
    assert result.shape == (*shape, 2)
    assert result.dtype == np.float32
    # The ridge flattens the models of windows that the disk's rim only grazes; measured 0.09 and 0.002.
    error = np.abs(result[:, :, 0] - mask)
    assert error.max() < 0.15
    assert error.mean() < 0.1 * np.abs(resize(alpha[:, :, 0], shape, order=1, mode="edge") - mask).mean()


@pytest.mark.parametrize("shape", [(12, 16), (13, 22), (30, 9)])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_sums_and_constants_are_kept(rng: np.random.Generator, shape: tuple[int, int], count: int) -> None:
    image = rng.random((*shape, 3))
    small = shrink(image, image.size // 12)
    alphas = rng.random((*small.shape[:2], count))
    alphas /= alphas.sum(axis=2, keepdims=True)
    # Float32 models of order ten (noise has little variance to fit), added up.
    np.testing.assert_allclose(upsample(alphas, small, image).sum(axis=2), 1, atol=1e-4)


def test_of_the_same_size_and_affine_in_colour_is_itself(rng: np.random.Generator) -> None:
    image = rng.random((11, 17, 3))
    alphas = image @ rng.normal(size=(3, 2)) + 0.1
    # The ridge of 1e-4 against a variance of 1/12: a permille of a step.
    np.testing.assert_allclose(upsample(alphas, image, image), alphas, atol=5e-3)


@pytest.mark.parametrize("colour", [0.0, 0.5, 1.0])
def test_a_flat_photo_is_interpolated(colour: float) -> None:
    image, small = np.full((20, 33, 3), colour), np.full((10, 16, 3), colour)
    alphas = np.zeros((10, 16, 1))
    alphas[:, 8:] = 1
    result = upsample(alphas, small, image)[:, :, 0]
    # Two windows of five small pixels, one to fit and one to average, reach ten large ones from the step.
    assert np.abs(result[:, :6]).max() < 1e-4
    assert np.abs(result[:, -6:] - 1).max() < 1e-4
    assert (np.diff(result, axis=1) > -1e-4).all()


def test_the_smallest_photos(rng: np.random.Generator) -> None:
    result = upsample(rng.random((3, 3, 2)), rng.random((3, 3, 3)), rng.random((3, 100, 3)))
    assert result.shape == (3, 100, 2)
    assert np.isfinite(result).all()
