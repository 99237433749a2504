"""How long the sparsification stages take."""

from __future__ import annotations

import numpy as np
import pytest

from softseg import Laplacian, Scene
from softseg.eigen import Eigenpairs
from softseg.sparsify import PixelBlocks, Unpreconditioned, constrained, group, initial_clusters, relaxed


@pytest.fixture(scope="module")
def labels(scene: Scene) -> np.ndarray:
    return initial_clusters(scene.features)


@pytest.fixture(scope="module")
def grouped(scene: Scene, exact_pairs: Eigenpairs, labels: np.ndarray) -> np.ndarray:
    return group(constrained(exact_pairs, labels), scene.features)


def test_initial_clusters(benchmark, scene: Scene) -> None:
    found = initial_clusters(scene.features)
    assert np.array_equal(np.unique(found), np.arange(40))
    benchmark(initial_clusters, scene.features)


def test_constrained(benchmark, exact_pairs: Eigenpairs, labels: np.ndarray) -> None:
    layers = constrained(exact_pairs, labels)
    flat = layers.reshape(-1, layers.shape[2])
    outside = flat[:, :-1] - exact_pairs.vectors @ (exact_pairs.vectors.T @ flat[:, :-1])
    assert np.abs(outside).max() < 1e-8  # in the eigenvectors' span
    assert np.median(np.minimum(np.abs(flat), np.abs(1 - flat))) < 0.01  # sparse
    benchmark.pedantic(constrained, (exact_pairs, labels), rounds=2)


@pytest.mark.parametrize("preconditioner", [PixelBlocks(), Unpreconditioned()], ids=repr)
def test_relaxed(benchmark, scene: Scene, laplacian: Laplacian, grouped: np.ndarray, preconditioner) -> None:
    published = relaxed(grouped, laplacian, scene.image, Unpreconditioned())
    alphas = relaxed(grouped, laplacian, scene.image, preconditioner)
    assert np.abs(alphas - published).mean() < 2e-5  # both stop at a relative residual of 1e-6
    benchmark.pedantic(relaxed, (grouped, laplacian, scene.image, preconditioner), rounds=2)
