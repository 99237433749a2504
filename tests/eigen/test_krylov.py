"""Block Lanczos iteration on an inverse, against eigenvalues that are known."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from softseg.eigen import krylov
from softseg.eigen.blocks import TallBlocks

N, SHIFT = 600, 0.1


@pytest.fixture
def spectrum() -> np.ndarray:
    """Two below minus the shift, two above it but negative, the rest positive, some of them equal."""
    return np.concatenate([[-0.5, -0.3, -0.05, -0.01], np.repeat(np.linspace(0.01, 3, (N - 4) // 4), 4)])


@pytest.mark.parametrize("wanted", [1, 5, 40])
@pytest.mark.parametrize("goal", [1e-2, 1e-4])
def test_finds_the_smallest_and_stops_near_the_goal(
    spectrum: np.ndarray, rng: np.random.Generator, wanted: int, goal: float
) -> None:
    axes = np.linalg.qr(rng.normal(size=(N, N)))[0]
    matrix = (axes * spectrum) @ axes.T
    inverse = (axes / (spectrum + SHIFT)) @ axes.T
    solves = []

    def solved(block: np.ndarray) -> np.ndarray:
        solves.append(block.shape[1])
        return (inverse @ block).astype(np.float32)

    with ThreadPoolExecutor(2) as pool:
        vectors, quotients = krylov.find_smallest_pairs(
            solved,
            lambda block: (matrix @ block).astype(np.float32),
            N,
            SHIFT,
            2,
            wanted,
            wanted + 3,
            goal,
            rng,
            TallBlocks(pool),
        )
    assert vectors.shape == (N, wanted + 3)
    double = vectors.astype(float)
    np.testing.assert_allclose(double.T @ double, np.eye(wanted + 3), atol=1e-5)  # single precision
    np.testing.assert_allclose(np.einsum("ij,ij->j", double, inverse @ double), quotients, rtol=1e-4)
    found = np.einsum("ij,ij->j", double, matrix @ double)[:wanted]
    np.testing.assert_allclose(found, spectrum[:wanted], rtol=0, atol=2 * goal)
    assert sum(solves) < N  # what any basis of full size would do


def test_a_space_that_is_exhausted_ends_the_iteration(rng: np.random.Generator) -> None:
    # Fewer unknowns than a block has vectors: one step spans everything.
    spectrum = np.arange(1.0, 11)
    with ThreadPoolExecutor(1) as pool:
        vectors, quotients = krylov.find_smallest_pairs(
            lambda block: block / (spectrum + 1)[:, None].astype(np.float32),
            lambda block: block * spectrum[:, None].astype(np.float32),
            10,
            1.0,
            0,
            4,
            6,
            1e-9,
            rng,
            TallBlocks(pool),
        )
    np.testing.assert_allclose(np.abs(vectors), np.eye(10)[:, :6], atol=1e-5)
    np.testing.assert_allclose(1 / quotients - 1, spectrum[:6], rtol=1e-5)
