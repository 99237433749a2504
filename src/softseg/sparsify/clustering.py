"""k-means with seeded restarts, and the growing k-means that gives the published method its first layers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from softseg._checks import check_count
from softseg._rng import RNG, generator
from softseg.progress import tick
from softseg.sparsify._kernels import assign

# The next three numbers are those of the authors' initialization (Aksoy et al. 2018, Section 3.4).
# k-means runs this many times from different seeds, and the best run is kept.
RESTARTS = 7
# Growing starts from this many clusters.
FIRST_CLUSTERS = 5
# While there are fewer clusters than this, Lloyd's algorithm runs on all of them after every split.
REFINED_CLUSTERS = 12

# The most steps of one run of Lloyd's algorithm. It usually stops earlier, when no label changes any more.
# Chosen by the project.
LLOYD_STEPS = 100

# Of a photo with more pixels than this, a random sample of this many is clustered, and every pixel joins the
# nearest cluster. Chosen by the project.
CLUSTERED_PIXELS = 16384

# Points of [0, 1]^C whose squared distance is at most this count as one point, because the difference is
# rounding. A cluster whose inertia a split lowers by no more than this is not split. Chosen by the project.
EQUAL_POINTS = 1e-10


def kmeans(points: Float[np.ndarray, "N C"], k: int, rng: RNG = None) -> Int[np.ndarray, " N"]:
    """Cluster points around ``k`` means; the best of seven seeded runs of Lloyd's algorithm is returned.

    Parameters
    ----------
    points : ndarray, shape (N, C)
        N points of C coordinates, in any unit.
    k : int
        The number of clusters. The result has fewer if there are fewer distinct points.
    rng : None, int or numpy.random.Generator
        The random numbers of the seeds (k-means++). None means a fixed seed.

    Returns
    -------
    ndarray of int, shape (N,)
        Clusters 0 .. K-1, none of them empty.

    Raises
    ------
    TypeError, ValueError
        If ``k`` is not an integer of at least 1.

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
    runs = [_run_lloyd(points, _draw_seeds(points, k, rng)) for _ in range(RESTARTS)]
    labels = min(runs, key=lambda labels: _compute_inertia(points, labels))
    return np.unique(labels, return_inverse=True)[1]


def initial_clusters(
    features: Float[np.ndarray, "H W C"], n_clusters: int = 40, rng: RNG = None
) -> Int[np.ndarray, "H W"]:
    """Cluster pixels by their features; the clusters grow in number by the splits that help most.

    Where there are more than 16384 pixels, a random sample of that many is clustered, and every pixel joins
    the cluster whose mean is nearest.

    Parameters
    ----------
    features : ndarray, shape (H, W, C)
        Semantic features, each channel in [0, 1].
    n_clusters : int
        The number of clusters. The result has fewer if there are fewer distinct features.
    rng : None, int or numpy.random.Generator
        The random numbers of the sample and of the seeds. None means a fixed seed.

    Returns
    -------
    ndarray of int, shape (H, W)
        Clusters 0 .. K-1, none of them empty.

    Raises
    ------
    TypeError, ValueError
        If ``n_clusters`` is not an integer of at least 1.

    References
    ----------
    Aksoy et al. 2018, Section 3.4 (the initialization of the constrained stage).

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
    if len(points) <= CLUSTERED_PIXELS:
        labels = _grow_clusters(points, n_clusters, rng)
    else:
        sample = points[rng.choice(len(points), CLUSTERED_PIXELS, replace=False)]
        labels = np.empty(len(points), np.int64)
        assign(points, _compute_means(sample, _grow_clusters(sample, n_clusters, rng)), labels)
        labels = np.unique(labels, return_inverse=True)[1]
    return labels.reshape(features.shape[:2])


def _grow_clusters(points: np.ndarray, n_clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Return the points' clusters: k-means finds the first few, and each split adds one."""
    labels = kmeans(points, min(FIRST_CLUSTERS, n_clusters), rng)
    splits = [_split_cluster(points, labels, cluster, rng) for cluster in range(labels.max() + 1)]
    while len(splits) < n_clusters:
        tick()
        best = int(np.argmax([gain for gain, _ in splits]))
        gain, moved = splits[best]
        if gain <= EQUAL_POINTS:
            break
        labels[moved] = len(splits)
        if len(splits) < REFINED_CLUSTERS:
            labels = np.unique(_run_lloyd(points, _compute_means(points, labels)), return_inverse=True)[1]
            splits = [_split_cluster(points, labels, cluster, rng) for cluster in range(labels.max() + 1)]
        else:
            splits[best] = _split_cluster(points, labels, best, rng)
            splits.append(_split_cluster(points, labels, len(splits), rng))
    return labels


def _split_cluster(
    points: np.ndarray, labels: np.ndarray, cluster: int, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """Return by how much a cluster's inertia falls if it is split in two, and which points would leave it."""
    members = np.flatnonzero(labels == cluster)
    own = points[members]
    halves = _run_lloyd(own, _draw_seeds(own, 2, rng))
    gain = _compute_inertia(own, np.zeros(len(own), np.int64)) - _compute_inertia(own, halves)
    return gain, members[halves == 1]


def _draw_seeds(points: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Draw starting means far from each other (k-means++, Arthur and Vassilvitskii 2007)."""
    chosen = [int(rng.integers(len(points)))]
    nearest = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < k and nearest.max() > EQUAL_POINTS:
        cumulative = np.cumsum(nearest)
        chosen.append(int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")))
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return points[chosen]


def _run_lloyd(points: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return the points' labels after Lloyd's algorithm has moved the means until no label changes."""
    labels = np.full(len(points), -1, np.int64)
    for _ in range(LLOYD_STEPS):
        previous = labels
        labels = np.empty(len(points), np.int64)
        assign(points, means, labels)
        if np.array_equal(labels, previous):
            break
        means = _compute_means(points, labels, means)
    return labels


def _compute_means(points: np.ndarray, labels: np.ndarray, empty: np.ndarray | None = None) -> np.ndarray:
    """Return each cluster's mean; a cluster without points keeps its row of ``empty``."""
    k = labels.max() + 1 if empty is None else len(empty)
    count = np.bincount(labels, minlength=k)
    sums = np.stack([np.bincount(labels, column, minlength=k) for column in points.T], axis=1)
    means = sums / np.maximum(count, 1)[:, None]
    return means if empty is None else np.where(count[:, None] > 0, means, empty)


def _compute_inertia(points: np.ndarray, labels: np.ndarray) -> float:
    """Return the sum of the points' squared distances from the means of their clusters."""
    return float(((points - _compute_means(points, labels)[labels]) ** 2).sum()) if len(points) else 0.0
