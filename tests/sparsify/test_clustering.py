"""k-means, and the clusters that layers start from."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from softseg.sparsify import initial_clusters, kmeans


def inertia(points: np.ndarray, labels: np.ndarray) -> float:
    clusters = (points[labels == label] for label in np.unique(labels))
    return float(sum(((cluster - cluster.mean(axis=0)) ** 2).sum() for cluster in clusters))


def is_numbered_without_gaps(labels: np.ndarray) -> bool:
    return bool((np.unique(labels) == np.arange(labels.max() + 1)).all())


@pytest.mark.parametrize("k", [2, 3])
def test_finds_the_best_of_all_clusterings_of_few_points(rng: np.random.Generator, k: int) -> None:
    found, best = [], []
    for _ in range(12):
        points = rng.random((7, 2))
        found.append(inertia(points, kmeans(points, k, rng)))
        best.append(
            min(inertia(points, np.array(labels)) for labels in itertools.product(range(k), repeat=7))
        )
    # Lloyd's steps may end in a local minimum seven times in a row, but not often.
    assert np.isclose(found, best, rtol=1e-12, atol=0).sum() >= 10
    assert (np.array(found) < 1.3 * np.array(best)).all()


def test_finds_blobs(rng: np.random.Generator) -> None:
    truth = np.repeat(np.arange(5), [400, 3, 50, 1, 200])
    points = 10 * np.eye(5)[truth] + rng.normal(0, 0.1, (654, 5))
    labels = kmeans(points, 5)
    assert len({(a, b) for a, b in zip(truth, labels, strict=True)}) == 5


def test_every_point_belongs_to_its_nearest_mean(rng: np.random.Generator) -> None:
    points = rng.random((3000, 3))  # more than a kernel's chunk
    labels = kmeans(points, 4)
    means = np.stack([points[labels == label].mean(axis=0) for label in range(4)])
    nearest = ((points[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    # Lloyd's steps stop at a fixed point, or after a hundred when a handful of points still change sides.
    assert (labels != nearest).mean() < 0.01


@pytest.mark.parametrize("k", [1, 2, 5, 9])
@pytest.mark.parametrize("distinct", [1, 2, 4])
def test_fewer_distinct_points_than_clusters(rng: np.random.Generator, k: int, distinct: int) -> None:
    values = rng.random((distinct, 3))
    points = values[rng.permutation(np.arange(30) % distinct)]
    labels = kmeans(points, k)
    assert labels.shape == (30,)
    assert labels.max() + 1 == min(k, distinct)
    assert is_numbered_without_gaps(labels)
    if k >= distinct:
        assert inertia(points, labels) < 1e-20


def test_no_cluster_is_empty_on_ugly_points() -> None:
    lattice = np.repeat(np.arange(4.0), 5)[:, None] * np.ones(2)
    far = np.concatenate([np.zeros((20, 2)), np.full((1, 2), 1e6)])
    for points in (lattice, far, lattice[:1], -lattice):
        for k in range(1, 7):
            assert is_numbered_without_gaps(kmeans(points, k))


def test_takes_any_memory_order_and_precision(rng: np.random.Generator) -> None:
    points = rng.random((3, 40)).astype(np.float32).T
    assert np.array_equal(kmeans(points, 3), kmeans(points.astype(np.float64).copy(), 3))


def test_same_rng_same_clusters_whatever_the_global_state(rng: np.random.Generator) -> None:
    points, image = rng.random((200, 3)), rng.random((10, 20, 3))
    runs = []
    for callers_seed, seed in enumerate([None, 0, np.random.default_rng(0)]):
        np.random.seed(callers_seed)  # noqa: NPY002
        runs.append(kmeans(points, 9, seed))
    assert np.array_equal(runs[0], runs[1])
    assert np.array_equal(runs[0], runs[2])
    assert np.array_equal(initial_clusters(image, 20), initial_clusters(image, 20, rng=0))
    assert not np.array_equal(initial_clusters(image, 20), initial_clusters(image, 20, rng=1))


@pytest.mark.parametrize("count", [1, 2, 5, 6, 12, 13, 40])
def test_initial_clusters_are_as_many_as_asked(rng: np.random.Generator, count: int) -> None:
    labels = initial_clusters(rng.random((11, 16, 3)), count)
    assert labels.shape == (11, 16)
    assert labels.max() + 1 == count
    assert is_numbered_without_gaps(labels)


@pytest.mark.parametrize("distinct", [1, 3, 8, 20])
def test_initial_clusters_are_at_most_the_distinct_features(rng: np.random.Generator, distinct: int) -> None:
    which = (np.arange(11 * 16) % distinct).reshape(11, 16)
    labels = initial_clusters(rng.random((distinct, 3))[which], 40)
    assert labels.max() + 1 == distinct
    assert len({(a, b) for a, b in zip(which.flat, labels.flat, strict=True)}) == distinct


def test_a_large_photo_is_clustered_nearly_as_well_by_a_sample(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = rng.random((60, 80, 3)) ** 3
    points = features.reshape(-1, 3)
    whole = inertia(points, initial_clusters(features, 20).ravel())
    monkeypatch.setattr("softseg.sparsify.clustering.CLUSTERED_PIXELS", 1200)
    labels = initial_clusters(features, 20)
    assert is_numbered_without_gaps(labels)
    assert labels.max() == 19
    assert inertia(points, labels.ravel()) < 1.1 * whole
    assert np.array_equal(labels, initial_clusters(features, 20, rng=0))
    assert not np.array_equal(labels, initial_clusters(features, 20, rng=1))


def test_initial_clusters_split_where_it_helps_most(rng: np.random.Generator) -> None:
    # A wide spread of few pixels and a narrow one of many: inertia, not area, decides.
    features = np.full((20, 30, 1), 0.5) + rng.normal(0, 0.001, (20, 30, 1))
    features[:3, :10, 0] = np.linspace(0, 1, 30).reshape(3, 10)
    labels = initial_clusters(features, 20)
    assert len(np.unique(labels[3:])) <= 3
    assert len(np.unique(labels[:3, :10])) >= 17


def test_more_clusters_fit_better(rng: np.random.Generator) -> None:
    image = rng.random((15, 22, 3))
    fits = [inertia(image.reshape(-1, 3), initial_clusters(image, n).ravel()) for n in (1, 4, 12, 13, 40)]
    assert all(np.diff(fits) < 0)


@pytest.mark.usefixtures("unhooked")
@pytest.mark.parametrize("value", [0, -1, 2.0, "five", True])
def test_bad_counts_are_named(rng: np.random.Generator, value: object) -> None:
    for call, name in (
        (lambda: kmeans(rng.random((9, 2)), value), "k"),
        (lambda: initial_clusters(rng.random((3, 3, 2)), value), "n_clusters"),
    ):
        with pytest.raises(
            (TypeError, ValueError), match=rf"\A{re.escape(name)}: expected an integer[^\n]*\Z"
        ):
            call()
