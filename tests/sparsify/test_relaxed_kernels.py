"""The relaxed stage's vector kernels against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from softseg.sparsify import _relaxed_kernels as _kernels

PAD = 7
N = 2 * _kernels.CHUNK + 11


@pytest.fixture
def planes(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(3, N))


def padded(planes: np.ndarray) -> np.ndarray:
    return np.pad(planes, ((0, 0), (PAD, PAD)))


def test_reweight(rng: np.random.Generator) -> None:
    ugly = [0.0, 1.0, 0.01, 0.99, -0.01, 1.01, 1e-300, 0.5, -3.0, 40.0]
    alphas = np.concatenate([rng.uniform(-0.3, 1.3, (3, N - len(ugly))), np.tile(ugly, (3, 1))], axis=1)
    target, exponent, of_matrix = rng.random((3, N)), rng.uniform(-1.1, -1, N), rng.random(N)
    diagonal, right = np.empty((2, 3, N))
    _kernels.reweight(padded(alphas), PAD, target, exponent, 0.01, 100.0, of_matrix, diagonal, right)
    to_one = np.maximum(abs(1 - alphas), 0.01) ** exponent
    to_zero = np.maximum(abs(alphas), 0.01) ** exponent
    # The powers' series end at 1e-9 of them; they run up to 158.
    np.testing.assert_allclose(diagonal, to_one + to_zero + 1 + of_matrix, rtol=1e-8)
    np.testing.assert_allclose(right, to_one + target + 100, rtol=1e-8)


def test_advance_and_turn(rng: np.random.Generator, planes: np.ndarray) -> None:
    alphas, direction, remainder, product, step = rng.normal(size=(5, 3, N))
    moved, left, along = padded(alphas), remainder.copy(), padded(direction)
    square = _kernels.advance(moved, along, PAD, left, product, 0.3)
    np.testing.assert_allclose(moved, padded(alphas + 0.3 * direction), rtol=0, atol=1e-14)
    np.testing.assert_allclose(left, remainder - 0.3 * product, rtol=0, atol=1e-14)
    assert square == pytest.approx(np.vdot(left, left))
    _kernels.turn(along, PAD, -2.0, step)
    np.testing.assert_allclose(along, padded(step - 2 * direction), rtol=0, atol=1e-14)


def test_subtract_and_inner(rng: np.random.Generator, planes: np.ndarray) -> None:
    product = rng.normal(size=planes.shape)
    left = planes.copy()
    square = _kernels.subtract(product, left)
    np.testing.assert_array_equal(left, planes - product)
    assert square == pytest.approx(np.vdot(left, left))
    assert _kernels.inner(planes, product) == pytest.approx(np.vdot(planes, product))


def test_extrapolate_foresees_a_geometric_series() -> None:
    rates, limits = np.array([0.0, 0.25, 0.9, 1.5, -0.5]), np.array([0.2, 0.5, 0.5, 0.7, 1.0])
    series = [limits + rates**t for t in range(4)]  # the changes shrink by the rate
    before, change = series[0][None].copy(), np.zeros((1, 5))
    for now in series[1:3]:
        alphas = padded(now[None])
        _kernels.extrapolate(alphas, PAD, before, change)
        np.testing.assert_array_equal(before[0], now)
    # Changes that grow are taken to stay as they are, those that turn back to stop.
    expected = np.where(rates > 1, 2 * series[2] - series[1], np.where(rates < 0, series[2], series[3]))
    np.testing.assert_allclose(alphas[0, PAD:-PAD], expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(change[0], series[2] - series[1], rtol=0, atol=1e-12)


def test_the_first_two_solves_are_not_foreseen(planes: np.ndarray) -> None:
    before, change, alphas = planes.copy(), np.zeros_like(planes), padded(planes)
    _kernels.extrapolate(alphas, PAD, before, change)
    np.testing.assert_array_equal(alphas, padded(planes))
    alphas = padded(planes + 1)
    _kernels.extrapolate(alphas, PAD, before, change)
    np.testing.assert_array_equal(alphas, padded(planes + 1))
