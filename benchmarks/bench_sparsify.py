"""How long the sparsification stages take."""

from __future__ import annotations

import numpy as np
import pytest

from softseg import Laplacian, Scene
from softseg.eigen import Eigenpairs
from softseg.sparsify import PixelBlocks, Unpreconditioned, constrained, group, initial_clusters, relaxed
from softseg.sparsify.constrained_stage import SAMPLE


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


@pytest.mark.parametrize("sample", [SAMPLE, None], ids=["sample", "all pixels"])
def test_constrained(
    benchmark, scene: Scene, exact_pairs: Eigenpairs, labels: np.ndarray, sample: int | None
) -> None:
    layers = constrained(exact_pairs, labels, sample=sample)
    flat = layers.reshape(-1, layers.shape[2])
    outside = flat[:, :-1] - exact_pairs.vectors @ (exact_pairs.vectors.T @ flat[:, :-1])
    assert np.abs(outside).max() < 1e-8  # in the eigenvectors' span
    assert np.median(np.minimum(np.abs(flat), np.abs(1 - flat))) < 0.01  # sparse
    published = constrained(exact_pairs, labels, sample=None)
    groups = group(published, scene.features)
    assert np.abs(by_overlap(layers, groups) - by_overlap(published, groups)).mean() < 0.02
    benchmark.pedantic(constrained, (exact_pairs, labels), {"sample": sample}, rounds=2)


def by_overlap(layers: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Add each layer to the group it overlaps most: grouping without its random k-means."""
    owner = np.einsum("hwi,hwg->ig", layers, groups).argmax(axis=1)
    return np.stack([layers[:, :, owner == g].sum(axis=2) for g in range(groups.shape[2])], axis=2)


def test_group(benchmark, scene: Scene, exact_pairs: Eigenpairs, labels: np.ndarray) -> None:
    layers = constrained(exact_pairs, labels)
    grouped = group(layers, scene.features)
    np.testing.assert_allclose(grouped.sum(axis=2), layers.sum(axis=2), atol=1e-12)
    benchmark(group, layers, scene.features)


@pytest.mark.parametrize("preconditioner", [PixelBlocks(), Unpreconditioned()], ids=repr)
def test_relaxed(benchmark, scene: Scene, laplacian: Laplacian, grouped: np.ndarray, preconditioner) -> None:
    published = relaxed(grouped, laplacian, scene.image, Unpreconditioned())
    alphas = relaxed(grouped, laplacian, scene.image, preconditioner)
    assert np.abs(alphas - published).mean() < 2e-5  # both stop at a relative residual of 1e-6
    benchmark.pedantic(relaxed, (grouped, laplacian, scene.image, preconditioner), rounds=2)
