"""Eigenvectors in few bytes."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from softseg.formats.packing import FASTEST, packed, unpacked


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
