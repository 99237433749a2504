"""Rounding to 8 bits: opacities still add up, and colors make up for what is lost."""

from __future__ import annotations

import numpy as np
import pytest

from softseg.formats.rounding import (
    nearest_colors,
    over_opacities,
    rounded_opacities,
    shares_when_over,
)


def random_alphas(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return alphas that are soft, nearly hard, and hard."""
    alphas = rng.dirichlet(np.full(count, 0.2), (30, 40))
    alphas[:4] = np.eye(count)[rng.integers(0, count, (4, 40))]
    alphas[4:8] = 1 / count
    return alphas.astype(np.float32)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 10, 40])
def test_opacities_sum_to_opaque_and_none_is_off_by_a_step(rng: np.random.Generator, count: int) -> None:
    alphas = random_alphas(rng, count)
    opacities = rounded_opacities(alphas)
    assert (opacities.sum(axis=2, dtype=int) == 255).all()
    assert np.abs(opacities - 255 * alphas).max() < 1 + 1e-3  # float32 alphas sum to 1 up to 1e-6
    np.testing.assert_array_equal(opacities[alphas == 1], 255)
    np.testing.assert_array_equal(opacities[alphas == 0], 0)


def test_no_rounding_is_nearer_to_the_alphas(rng: np.random.Generator) -> None:
    alphas = rng.dirichlet(np.ones(3), (1, 50)).astype(np.float32)
    found = np.abs(rounded_opacities(alphas) - 255 * alphas).sum(axis=2).ravel()
    first, second = np.mgrid[:256, :256]
    everything = np.stack([first, second, 255 - first - second], axis=2)[first + second <= 255]
    best = np.abs(everything[:, None] - 255 * alphas).sum(axis=2).min(axis=0)
    np.testing.assert_allclose(found, best, atol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_covering_layers_are_seen_as_much_as_added_ones(rng: np.random.Generator, count: int) -> None:
    opacities = rounded_opacities(random_alphas(rng, count))
    covering = over_opacities(opacities)
    assert (covering[:, :, 0] == 255).all()
    shares = shares_when_over(covering)
    np.testing.assert_allclose(shares.sum(axis=2), 1, atol=1e-6)
    # Each of the layers before it may be off by half a step.
    np.testing.assert_allclose(255 * shares, opacities, atol=0.5 * count)
    seen = np.zeros((*opacities.shape[:2], count))
    for k in range(count):  # painted one after the other
        alpha = covering[:, :, k, None] / 255
        seen = (1 - alpha) * seen + alpha * np.eye(count)[k]
    np.testing.assert_allclose(shares, seen, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5, 10])
@pytest.mark.parametrize("brightness", [0.0, 0.5, 1.0])
def test_colors_add_up_within_their_range(rng: np.random.Generator, count: int, brightness: float) -> None:
    alphas = random_alphas(rng, count)
    start = np.clip(rng.random((30, 40, count, 3)) - 0.5 + brightness, 0, 1).astype(np.float32)
    image = np.clip(np.einsum("hwk,hwkc->hwc", alphas, start) + rng.normal(0, 0.1, (30, 40, 3)), 0, 1)
    colors = nearest_colors(image, alphas, start)
    assert colors.min() >= 0
    assert colors.max() <= 1
    np.testing.assert_allclose(np.einsum("hwk,hwkc->hwc", alphas, colors), image, atol=2e-4)


def test_colors_that_add_up_stay_as_they_are(rng: np.random.Generator) -> None:
    alphas = random_alphas(rng, 4)
    colors = rng.random((30, 40, 4, 3), dtype=np.float32)
    image = np.einsum("hwk,hwkc->hwc", alphas, colors)
    np.testing.assert_array_equal(nearest_colors(image, alphas, colors), colors)


def test_no_change_of_colors_is_smaller(rng: np.random.Generator) -> None:
    alphas = rng.dirichlet(np.ones(4), (6, 7))
    start = 0.3 + 0.4 * rng.random((6, 7, 4, 3))
    image = np.einsum("hwk,hwkc->hwc", alphas, start) + rng.normal(0, 0.01, (6, 7, 3))
    change = nearest_colors(image, alphas, start) - start
    # The least change that adds up to what is missing, pixel by pixel.
    missing = image - np.einsum("hwk,hwkc->hwc", alphas, start)
    least = np.linalg.pinv(alphas[..., None, :]) @ missing[..., None, :]
    np.testing.assert_allclose(change, least, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 40])
def test_sixteen_bits_sum_to_opaque_as_well(rng: np.random.Generator, count: int) -> None:
    alphas = random_alphas(rng, count)
    opacities = rounded_opacities(alphas, np.uint16)
    assert opacities.dtype == np.uint16
    assert (opacities.sum(axis=2, dtype=int) == 65535).all()
    # Float32 alphas sum to 1 up to a few times 2**-24, which is a hundredth of a step.
    assert np.abs(opacities - 65535 * alphas.astype(float)).max() < 1 + 0.05
    np.testing.assert_array_equal(opacities[alphas == 1], 65535)
    np.testing.assert_array_equal(opacities[alphas == 0], 0)
