"""Eigenvectors in few bytes."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from softseg.formats.packing import (
    FASTEST,
    packed,
    packed_alphas,
    packed_photo,
    shortened,
    unpacked,
    unpacked_alphas,
    unpacked_photo,
)
from softseg.images import as_image


def orthonormal(rng: np.random.Generator, pixels: int, count: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(pixels, count)))[0]


@pytest.mark.parametrize(("pixels", "count"), [(1, 1), (9, 8), (5000, 1), (2000, 9), (2000, 101)])
def test_half_a_step_is_lost(rng: np.random.Generator, pixels: int, count: int) -> None:
    vectors = orthonormal(rng, pixels, count)
    planes, step = packed(vectors, room=10**9)
    assert step == 1 / (2**8 * np.sqrt(pixels))
    found = unpacked(planes, step)
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, vectors, rtol=0, atol=step / 2 * (1 + 1e-9))
    assert np.linalg.norm(found - vectors, axis=0).max() < 0.0013 or pixels < 1000


def test_vectors_that_live_on_one_pixel() -> None:
    vectors = np.eye(300_000, 3)[::-1]
    planes, step = packed(vectors, room=10**9)
    np.testing.assert_allclose(unpacked(planes, step), vectors, rtol=0, atol=step / 2 * (1 + 1e-9))


@pytest.mark.parametrize("share", [0.9, 0.6, 0.4])
def test_noise_is_rounded_until_it_fits(rng: np.random.Generator, share: float) -> None:
    vectors = orthonormal(rng, 4000, 60)
    whole = len(zlib.compress(packed(vectors, room=10**9)[0].tobytes(), FASTEST))
    planes, step = packed(vectors, room=round(share * whole))
    assert len(zlib.compress(planes.tobytes(), FASTEST)) < 1.05 * share * whole
    np.testing.assert_allclose(unpacked(planes, step), vectors, rtol=0, atol=step / 2 * (1 + 1e-9))


def test_no_room_at_all(rng: np.random.Generator) -> None:
    vectors = orthonormal(rng, 400, 6)
    planes, step = packed(vectors, room=0)
    assert step == 1 / (2 * np.sqrt(400))
    np.testing.assert_allclose(unpacked(planes, step), vectors, rtol=0, atol=step / 2 * (1 + 1e-9))


def by_numpy_alone(planes: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Return alphas as docs/reference/formats.md says."""
    folded = sum(plane.astype(np.int64) << 8 * i for i, plane in enumerate(planes))
    *differences, medians = (folded >> 1) ^ -(folded & 1)
    steps = np.stack(differences) + np.cumsum(medians, axis=1)
    others = np.arange(len(steps))[:, None, None] != largest
    steps = np.where(others, steps, 65535 - (steps * others).sum(axis=0))
    return np.moveaxis(steps, 0, 2) / 65535


class TestAlphas:
    @pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 10, 40, 300])
    @pytest.mark.parametrize("shape", [(1, 1), (7, 11)])
    def test_are_rounded_to_16_bits_and_sum_to_one(
        self, rng: np.random.Generator, shape: tuple[int, int], count: int
    ) -> None:
        alphas = rng.dirichlet(np.full(count, 0.3), shape).astype(np.float32)
        alphas[:, ::2] = np.eye(count)[rng.integers(0, count, alphas[:, ::2].shape[:2])]
        planes, largest = packed_alphas(alphas)
        assert largest.dtype == (np.uint8 if count <= 256 else np.uint16)
        found = unpacked_alphas(planes, largest)
        assert 0 <= found.min() <= found.max() <= 1
        np.testing.assert_allclose(found.sum(axis=2), 1, rtol=0, atol=1e-6)
        half_a_step = 0.5 / 65535 + 1e-7  # float32's rounding
        off = np.abs(found - alphas)
        assert off.max() <= max(count - 1, 1) * half_a_step
        np.put_along_axis(off, alphas.argmax(axis=2)[..., None], 0, axis=2)
        assert off.max() <= half_a_step
        np.testing.assert_allclose(found, by_numpy_alone(planes, largest), rtol=0, atol=1e-7)

    def test_a_second_time_changes_nothing(self, rng: np.random.Generator) -> None:
        alphas = rng.dirichlet(np.full(6, 0.5), (20, 30))
        alphas[:5] = 1 / 6  # which layer is the largest is decided by rounding
        first = packed_alphas(alphas)
        second = packed_alphas(unpacked_alphas(*first))
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])

    def test_more_layers_than_the_largest_can_make_up_for(self) -> None:
        """Each of 1000 equal alphas is 65.535 steps: rounded up, they would be 66000."""
        found = unpacked_alphas(*packed_alphas(np.full((2, 3, 1000), 1e-3)))
        assert found.min() >= 0
        np.testing.assert_allclose(found.sum(axis=2), 1, rtol=0, atol=1e-6)

    def test_noise_that_all_layers_share_takes_little(self, rng: np.random.Generator) -> None:
        """As of photos of many pixels, where hidden layers have the same few thousandths."""
        hidden = rng.normal(2.5e-3, 1e-4, (200, 300, 1)).repeat(4, axis=2)
        alphas = np.dstack([1 - hidden.sum(axis=2), hidden]).astype(np.float32)
        planes, largest = packed_alphas(alphas)
        # The noise of one layer takes less than a byte a pixel, and the others take next to nothing.
        assert len(zlib.compress(planes.tobytes() + largest.tobytes(), FASTEST)) < 200 * 300


@pytest.mark.parametrize("shape", [(1, 1), (9, 1), (1, 9), (20, 31)])
def test_photos_come_back(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    photo = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    np.testing.assert_array_equal(unpacked_photo(packed_photo(photo)), photo)


@pytest.mark.parametrize(("dtype", "kept"), [(np.uint8, np.uint8), (np.float32, np.float32), (float, float)])
def test_images_are_as_short_as_is_exact(rng: np.random.Generator, dtype: type, kept: type) -> None:
    values = rng.random((300, 301, 3))  # more rows than are looked at together
    image = as_image((255 * values).astype(dtype) if dtype == np.uint8 else values.astype(dtype))
    short = shortened(image)
    assert short.dtype == kept
    np.testing.assert_array_equal(as_image(short), image)
