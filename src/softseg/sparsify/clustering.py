"""k-means: seeded restarts, and the growing variant that the published method starts its layers from."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from softseg._checks import check_count
from softseg._rng import RNG, generator
from softseg.progress import tick
from softseg.sparsify._kernels import assign

RESTARTS = 7
LLOYD_STEPS = 100
FIRST_CLUSTERS = 5
REFINED_CLUSTERS = 12  # up to this many, all clusters are run again after every split
SAMPLE = 16384  # pixels that are clustered of larger photos; the others join the nearest cluster
SAME = 1e-10  # squared distance under which points in [0, 1]^C count as one


def kmeans(points: Float[np.ndarray, "N C"], k: int, rng: RNG = None) -> Int[np.ndarray, " N"]:
    """Cluster points around ``k`` means: the best of seven seeded runs of Lloyd's algorithm.

    Parameters
    ----------
    points : ndarray, shape (N, C)
    k : int
        How many clusters; fewer come back if there are fewer distinct points.
    rng : None, int or numpy.random.Generator
        For the seeds (k-means++). None means a fixed seed.

    Returns
    -------
    ndarray of int, shape (N,)
        Clusters 0 .. K-1, none of them empty.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.sparsify import kmeans
    >>> labels = kmeans(np.array([[0.0], [0.1], [1.0]]), 2)
    >>> bool(labels[0] == labels[1] != labels[2])
    True
    """
    check_count("k", k)
    rng = generator(rng)
    points = np.ascontiguousarray(points, dtype=np.float64)
    runs = [_lloyd(points, _seeds(points, k, rng)) for _ in range(RESTARTS)]
    labels = min(runs, key=lambda labels: _inertia(points, labels))
    return np.unique(labels, return_inverse=True)[1]


def initial_clusters(
    features: Float[np.ndarray, "H W C"], n_clusters: int = 40, rng: RNG = None
) -> Int[np.ndarray, "H W"]:
    """Cluster pixels by their features, growing the number of clusters by the splits that help most.

    Of more than 16384 pixels a random sample of that many is clustered, and every pixel joins the cluster
    whose mean is nearest.

    Parameters
    ----------
    features : ndarray, shape (H, W, C)
        Semantic features.
    n_clusters : int
        How many clusters; fewer come back if there are fewer distinct features.
    rng : None, int or numpy.random.Generator
        For the sample and the seeds. None means a fixed seed.

    Returns
    -------
    ndarray of int, shape (H, W)
        Clusters 0 .. K-1, none of them empty.

    References
    ----------
    Aksoy et al. 2018, Section 3.4 (the initialisation of the constrained stage).

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.sparsify import initial_clusters
    >>> initial_clusters(np.random.default_rng(0).random((6, 8, 3)), 4).max()
    np.int64(3)
    """
    check_count("n_clusters", n_clusters)
    rng = generator(rng)
    points = np.ascontiguousarray(features.reshape(-1, features.shape[2]), dtype=np.float64)
    if len(points) <= SAMPLE:
        labels = _grown(points, n_clusters, rng)
    else:
        sample = points[rng.choice(len(points), SAMPLE, replace=False)]
        labels = np.empty(len(points), np.int64)
        assign(points, _means(sample, _grown(sample, n_clusters, rng)), labels)
        labels = np.unique(labels, return_inverse=True)[1]
    return labels.reshape(features.shape[:2])


def _grown(points: np.ndarray, n_clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Return the points' clusters: a few by k-means, then more, split by split."""
    labels = kmeans(points, min(FIRST_CLUSTERS, n_clusters), rng)
    splits = [_split(points, labels, cluster, rng) for cluster in range(labels.max() + 1)]
    while len(splits) < n_clusters:
        tick()
        best = int(np.argmax([gain for gain, _ in splits]))
        gain, moved = splits[best]
        if gain <= SAME:
            break
        labels[moved] = len(splits)
        if len(splits) < REFINED_CLUSTERS:
            labels = np.unique(_lloyd(points, _means(points, labels)), return_inverse=True)[1]
            splits = [_split(points, labels, cluster, rng) for cluster in range(labels.max() + 1)]
        else:
            splits[best] = _split(points, labels, best, rng)
            splits.append(_split(points, labels, len(splits), rng))
    return labels


def _split(
    points: np.ndarray, labels: np.ndarray, cluster: int, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """Return how much a cluster's inertia falls if it is split in two, and which points would leave it."""
    members = np.flatnonzero(labels == cluster)
    own = points[members]
    halves = _lloyd(own, _seeds(own, 2, rng))
    gain = _inertia(own, np.zeros(len(own), np.int64)) - _inertia(own, halves)
    return gain, members[halves == 1]


def _seeds(points: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Draw starting means far from each other (k-means++, Arthur and Vassilvitskii 2007)."""
    chosen = [int(rng.integers(len(points)))]
    nearest = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < k and nearest.max() > SAME:
        cumulative = np.cumsum(nearest)
        chosen.append(int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")))
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return points[chosen]


def _lloyd(points: np.ndarray, means: np.ndarray) -> np.ndarray:
    labels = np.full(len(points), -1, np.int64)
    for _ in range(LLOYD_STEPS):
        previous = labels
        labels = np.empty(len(points), np.int64)
        assign(points, means, labels)
        if np.array_equal(labels, previous):
            break
        means = _means(points, labels, means)
    return labels


def _means(points: np.ndarray, labels: np.ndarray, empty: np.ndarray | None = None) -> np.ndarray:
    """Return each cluster's mean; a cluster without points keeps its row of ``empty``."""
    k = labels.max() + 1 if empty is None else len(empty)
    count = np.bincount(labels, minlength=k)
    sums = np.stack([np.bincount(labels, column, minlength=k) for column in points.T], axis=1)
    means = sums / np.maximum(count, 1)[:, None]
    return means if empty is None else np.where(count[:, None] > 0, means, empty)


def _inertia(points: np.ndarray, labels: np.ndarray) -> float:
    return float(((points - _means(points, labels)[labels]) ** 2).sum()) if len(points) else 0.0
