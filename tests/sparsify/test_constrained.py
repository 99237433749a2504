"""Constrained sparsification against a dense solve of all layers at once, and what it promises."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from softseg import Eigenpairs, MattingAffinity, Scene, SemanticAffinity
from softseg.eigen import ShiftInvert
from softseg.sparsify import constrained, initial_clusters


def pairs_of(scene: Scene, k: int) -> Eigenpairs:
    return ShiftInvert().solve((MattingAffinity() + 0.01 * SemanticAffinity()).laplacian(scene), k)


@pytest.fixture
def pairs(scene: Scene) -> Eigenpairs:
    return pairs_of(scene, 9)


def test_no_more_eigenvectors_than_a_sixteenth_of_the_pixels_beyond_a_hundred(make_scene: Any) -> None:
    scene = make_scene(30, 60)
    many, labels = pairs_of(scene, 150), initial_clusters(scene.features, 4)
    few = Eigenpairs(many.values[:112], many.vectors[:, :112].copy(), many.residuals[:112], True)
    np.testing.assert_array_equal(constrained(many, labels, 4), constrained(few, labels, 4))


def test_all_eigenvectors_of_a_tiny_photo(make_scene: Any) -> None:
    scene = make_scene(8, 9)
    alphas = constrained(pairs_of(scene, 72), initial_clusters(scene.features, 4), 4)
    np.testing.assert_allclose(alphas.sum(axis=2), 1, atol=1e-9)  # rounding of double precision


@pytest.fixture
def labels(scene: Scene) -> np.ndarray:
    return initial_clusters(scene.features, 6)


def iterate_densely(pairs: Eigenpairs, layers: np.ndarray) -> np.ndarray:
    """Return the layers (N, K) after one iteration: docs/method.md's block system, written out and solved."""
    E, k, last = pairs.vectors, len(pairs.values), layers.shape[1] - 1
    u = 0.3**0.8 * np.maximum(abs(1 - layers), 1e-10) ** (0.8 - 2)
    v = 0.3**0.8 * np.maximum(abs(layers), 1e-10) ** (0.8 - 2)
    A = [E.T @ np.diag(u[:, i] + v[:, i]) @ E + np.diag(pairs.values) for i in range(last + 1)]
    system, right = np.zeros((last * k, last * k)), np.zeros(last * k)
    for i in range(last):
        rows = slice(i * k, (i + 1) * k)
        right[rows] = E.T @ u[:, i] + E.T @ v[:, last]
        for j in range(last):
            system[rows, j * k : (j + 1) * k] = A[last] + (A[i] if i == j else 0)
    others = E @ np.linalg.solve(system, right).reshape(last, k).T
    return np.column_stack([others, 1 - others.sum(axis=1)])


def hard(labels: np.ndarray) -> np.ndarray:
    return (labels.reshape(-1, 1) == np.arange(labels.max() + 1)).astype(float)


@pytest.mark.parametrize("shape", [(13, 18), (9, 31), (3, 5)])
@pytest.mark.parametrize("count", [2, 5])
def test_one_iteration_against_the_whole_block_system(
    make_scene: Callable[..., Scene], shape: tuple[int, int], count: int
) -> None:
    scene = make_scene(*shape)
    pairs, labels = pairs_of(scene, 7), initial_clusters(scene.features, count)
    expected = iterate_densely(pairs, hard(labels)).reshape(*shape, -1)
    # Weights of 1e12 on every pixel of a hard clustering: they cancel, and leave 1e-12 or so of a double.
    np.testing.assert_allclose(constrained(pairs, labels, iterations=1), expected, rtol=0, atol=1e-9)


def test_iterations_and_drops_against_the_whole_block_system(pairs: Eigenpairs, labels: np.ndarray) -> None:
    labels = labels.copy()
    # Two pixels and six, which fade: to 0.006, 0.009 and 0.067 by the third iteration.
    labels[2, 15], labels[11, 3], labels[9, 12:] = labels.max() + 1, labels.max() + 2, labels.max() + 3
    layers = hard(labels)
    counts = []
    for iteration in range(1, 7):
        layers = iterate_densely(pairs, layers)
        if iteration in (3, 5):  # of six iterations, a quarter is two: after 2 + 1 and 4 + 1
            layers = layers[:, abs(layers).max(axis=0) > 0.1]
        counts.append(layers.shape[1])
    assert counts[-1] < counts[0]  # or the drops would not be tested
    result = constrained(pairs, labels, iterations=6)
    assert result.shape == (13, 18, counts[-1])
    # Reweighting amplifies rounding at each iteration.
    np.testing.assert_allclose(result.reshape(13 * 18, -1), layers, rtol=0, atol=1e-6)


def test_the_solution_is_the_least_of_its_energy(pairs: Eigenpairs, labels: np.ndarray) -> None:
    start = hard(labels)
    u, v = (np.maximum(abs(x), 1e-10) ** -1.2 for x in (1 - start, start))

    def energy(layers: np.ndarray) -> float:
        coefficients = pairs.vectors.T @ layers
        data = (u * (1 - layers) ** 2 + v * layers**2).sum() * 0.3**0.8
        return data + (pairs.values[:, None] * coefficients**2).sum()

    solution = constrained(pairs, labels, iterations=1).reshape(13 * 18, -1)
    rng = np.random.default_rng(0)
    for size in (1e-6, 1e-3, 1.0):
        step = pairs.vectors @ rng.normal(0, size, (9, solution.shape[1]))
        step -= step.mean(axis=1, keepdims=True)  # layers still sum to one
        assert energy(solution + step) > energy(solution)


def test_layers_sum_to_one_and_lie_in_the_eigenvectors_span(pairs: Eigenpairs, labels: np.ndarray) -> None:
    layers = constrained(pairs, labels)
    assert layers.dtype == np.float64
    np.testing.assert_allclose(layers.sum(axis=2), 1, atol=1e-9)
    flat = layers.reshape(13 * 18, -1)
    np.testing.assert_allclose(pairs.vectors @ (pairs.vectors.T @ flat), flat, atol=1e-6)


def test_sparsity_grows_with_the_iterations(pairs: Eigenpairs, labels: np.ndarray) -> None:
    def softness(layers: np.ndarray) -> float:
        return float((abs(layers) ** 0.8 + abs(1 - layers) ** 0.8).sum()) - layers.size

    assert softness(constrained(pairs, labels, 40)) < softness(constrained(pairs, labels, 1))


def test_layers_that_show_nowhere_are_dropped_in_order(scene: Scene) -> None:
    # Clusters of one pixel each, which four smooth vectors cannot follow, between two large ones.
    labels = np.where(np.arange(18) < 8, 0, 4) + np.zeros((13, 1), int)
    labels[3, 3], labels[9, 4], labels[6, 14] = 1, 2, 3
    before = constrained(pairs_of(scene, 4), labels, iterations=1)
    after = constrained(pairs_of(scene, 4), labels, iterations=40)
    assert before.shape[2] == 5
    assert after.shape[2] == 2
    assert after[6, 1, 0] > after[6, 16, 0]
    np.testing.assert_allclose(after.sum(axis=2), 1, atol=1e-9)


@pytest.mark.parametrize("iterations", range(1, 13))
def test_layers_sum_to_one_after_any_number_of_iterations(scene: Scene, iterations: int) -> None:
    labels = np.where(np.arange(18) < 8, 0, 2) + np.zeros((13, 1), int)
    labels[3, 3] = 1
    layers = constrained(pairs_of(scene, 4), labels, iterations)
    np.testing.assert_allclose(layers.sum(axis=2), 1, atol=1e-9)


def test_one_cluster_is_opaque(pairs: Eigenpairs) -> None:
    np.testing.assert_array_equal(constrained(pairs, np.zeros((13, 18), int)), 1)


def test_numbers_without_pixels_fade_away(pairs: Eigenpairs, labels: np.ndarray) -> None:
    layers = constrained(pairs, 3 * labels)
    assert 1 <= layers.shape[2] <= labels.max() + 1
    assert np.isfinite(layers).all()
    np.testing.assert_allclose(layers.sum(axis=2), 1, atol=1e-9)


def test_same_bits_each_time(pairs: Eigenpairs, labels: np.ndarray) -> None:
    assert np.array_equal(constrained(pairs, labels), constrained(pairs, labels))


def test_a_sample_of_the_pixels_comes_near_to_all_of_them(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(40, 53)
    pairs, labels = pairs_of(scene, 8), initial_clusters(scene.features, 4)
    # The first solve is over all pixels in any case.
    once = [constrained(pairs, labels, sample=sample, iterations=1) for sample in (None, 500)]
    np.testing.assert_allclose(*once, rtol=0, atol=1e-9)
    whole = constrained(pairs, labels, sample=None, iterations=8)
    part = constrained(pairs, labels, sample=500, iterations=8)
    assert 0 < abs(part - whole).mean() < 0.02  # a quarter of the pixels for 8 unknowns per layer
    np.testing.assert_allclose(part.sum(axis=2), 1, atol=1e-9)
    assert np.array_equal(part, constrained(pairs, labels, sample=500, iterations=8, rng=0))
    assert not np.array_equal(part, constrained(pairs, labels, sample=500, iterations=8, rng=1))


@pytest.mark.parametrize("iterations", range(1, 13))
def test_a_sample_takes_any_number_of_iterations(scene: Scene, iterations: int) -> None:
    labels = np.where(np.arange(18) < 8, 0, 2) + np.zeros((13, 1), int)
    labels[3, 3] = 1
    layers = constrained(pairs_of(scene, 4), 3 * labels, iterations, sample=50)
    assert 1 < layers.shape[2] <= 7
    np.testing.assert_allclose(layers.sum(axis=2), 1, atol=1e-9)


def test_one_cluster_is_opaque_on_a_sample(pairs: Eigenpairs) -> None:
    np.testing.assert_allclose(constrained(pairs, np.zeros((13, 18), int), sample=50), 1, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"labels": np.zeros((18, 12), int)}, ValueError, "labels: expected 234 pixels"),
        ({"labels": np.full((13, 18), -1)}, ValueError, "labels: expected cluster numbers from 0 up, got -1"),
        ({"iterations": 0}, ValueError, "iterations: expected an integer of at least 1, got 0"),
        ({"iterations": 2.0}, TypeError, "iterations: expected an integer, got float"),
    ],
)
@pytest.mark.usefixtures("unhooked")
def test_bad_arguments_are_named(
    pairs: Eigenpairs, labels: np.ndarray, arguments: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=rf"\A{re.escape(message)}[^\n]*\Z"):
        constrained(**{"pairs": pairs, "labels": labels, **arguments})


def test_a_sample_sees_eigenvectors_that_live_on_a_few_pixels() -> None:
    # The second vector is faint on a patch that a cluster asks for, and strong on an island of four pixels.
    # Even sampling, 1 pixel in 50, mostly misses the island; then nothing keeps the coefficient small.
    height, width = 100, 150
    patch = np.zeros((height, width), bool)
    patch[20:30, 20:30] = True
    island = np.zeros(height * width)
    island[7000:7004] = 1, -1, 1, -1
    vectors, _ = np.linalg.qr(np.column_stack([np.ones(height * width), 0.01 * patch.ravel() + island]))
    pairs = Eigenpairs(np.array([0.0, 1e-3]), vectors, np.zeros(2), True)
    for seed in range(5):
        layers = constrained(pairs, patch.astype(int), sample=300, rng=seed)
        assert layers.min() > -1
        assert layers.max() < 2
