"""Reweighted solves: conjugate gradients against the direct solve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from softseg import Eigenpairs, MattingAffinity, Scene, SemanticAffinity
from softseg._threads import workers
from softseg.eigen import ShiftInvert
from softseg.sparsify import initial_clusters
from softseg.sparsify.reweighted import IterativeSolver, Pixels, solve_directly


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with workers() as pool:
        yield pool


@pytest.fixture
def scene(make_scene: Callable[..., Scene]) -> Scene:
    return make_scene(40, 53)


@pytest.fixture
def pairs(scene: Scene) -> Eigenpairs:
    return ShiftInvert().solve((MattingAffinity() + 0.01 * SemanticAffinity()).laplacian(scene), 20)


@pytest.fixture
def pixels(pairs: Eigenpairs, rng: np.random.Generator) -> Pixels:
    """Return pixels that stand for one to three each."""
    return Pixels(pairs.vectors, rng.uniform(1, 3, len(pairs.vectors)))


@pytest.fixture
def coefficients(scene: Scene, pairs: Eigenpairs, pixels: Pixels, pool: ThreadPoolExecutor) -> np.ndarray:
    """Return layers that have begun to settle on 0 or 1 at some pixels, after three direct solves."""
    layers = np.eye(6)[initial_clusters(scene.features, 6).ravel()]
    for _ in range(3):
        coefficients = solve_directly(pixels, pairs.values, layers, pool)
        layers = pixels.layers(coefficients)
    return coefficients


def test_all_pixels_as_preconditioner_solve_exactly(
    pairs: Eigenpairs, pixels: Pixels, coefficients: np.ndarray, pool: ThreadPoolExecutor
) -> None:
    direct = solve_directly(pixels, pairs.values, pixels.layers(coefficients), pool)
    every = np.arange(len(pixels.vectors))
    solved = IterativeSolver(pixels, every, pixels.shares, pairs.values, 1, pool).solve(coefficients)
    assert abs(direct - coefficients).max() > 0.01
    np.testing.assert_allclose(pixels.layers(solved), pixels.layers(direct), rtol=0, atol=1e-8)


def test_a_few_pixels_as_preconditioner_beat_a_solve_on_them(
    pairs: Eigenpairs, pixels: Pixels, coefficients: np.ndarray, pool: ThreadPoolExecutor
) -> None:
    def error(solved: np.ndarray) -> float:
        return float(abs(pixels.layers(solved) - pixels.layers(direct)).mean())

    direct = solve_directly(pixels, pairs.values, pixels.layers(coefficients), pool)
    few = np.arange(0, len(pixels.vectors), 5)
    shares = 5 * pixels.shares[few]
    sampled = pixels.at(few, shares)
    on_few = solve_directly(sampled, pairs.values, sampled.layers(coefficients), pool)
    solved = IterativeSolver(pixels, few, shares, pairs.values, 1, pool).solve(coefficients)
    assert error(solved) < 0.2 * min(error(on_few), error(coefficients))


@pytest.mark.parametrize("layers", [1, 2])
def test_layers_keep_summing_to_one(
    pairs: Eigenpairs, pixels: Pixels, rng: np.random.Generator, pool: ThreadPoolExecutor, layers: int
) -> None:
    coefficients = np.zeros((21, layers))
    coefficients[:-1, :-1] = rng.normal(size=(20, layers - 1))
    coefficients[:-1, -1] = -coefficients[:-1, :-1].sum(axis=1)
    coefficients[-1, -1] = 1
    few = np.arange(0, len(pixels.vectors), 5)
    solved = IterativeSolver(pixels, few, 5 * pixels.shares[few], pairs.values, 1, pool).solve(coefficients)
    np.testing.assert_allclose(pixels.layers(solved).sum(axis=1), 1, rtol=0, atol=1e-9)
