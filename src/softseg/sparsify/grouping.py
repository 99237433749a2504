"""Grouping: the surviving initial layers are added up to a given number, or to as many as the photo has."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from softseg._rng import RNG
from softseg._threads import single_threaded_blas
from softseg.sparsify.clustering import kmeans
from softseg.sparsify.layer_count import check_layers, merged_layers

# A group whose alphas nowhere exceed this is invisible: the relaxed stage starts from 0 wherever an alpha is
# below it (Aksoy et al. 2018, Section 3.5).
FADED = 0.1


@single_threaded_blas()
def group(
    alphas: Float[np.ndarray, "H W K"],
    features: Float[np.ndarray, "H W C"],
    n_layers: int | Literal["auto"] = 5,
    rng: RNG = None,
) -> Float[np.ndarray, "H W n"]:
    """Add up layers whose alpha-weighted mean features fall into one k-means cluster.

    Parameters
    ----------
    alphas : ndarray, shape (H, W, K)
        The initial layers, which sum to one at each pixel.
    features : ndarray, shape (H, W, C)
        Semantic features of the same pixels, each channel in [0, 1].
    n_layers : int or "auto"
        The number of groups. The result has fewer if fewer layers are distinct, as in a drawing of fewer
        plain colors. Groups that are nowhere visible join others. "auto" merges layers until two to ten
        different ones are left (`merged_layers`), which is this project's rule and not the paper's.
    rng : None, int or numpy.random.Generator
        The random numbers of k-means. None means a fixed seed.

    Returns
    -------
    ndarray, shape (H, W, n)
        Sums of the initial layers, ``n <= n_layers``.

    Raises
    ------
    TypeError, ValueError
        If ``n_layers`` is neither "auto" nor an integer of at least 1, or ``features`` has another size than
        the layers.

    References
    ----------
    Aksoy et al. 2018, Section 3.5.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.sparsify import group
    >>> features = np.zeros((2, 4, 3)); features[:, 2:] = 1
    >>> group(np.eye(8).reshape(2, 4, 8), features, n_layers=2).sum(axis=(0, 1))
    array([4., 4.])
    """
    check_layers(n_layers)
    if alphas.shape[:2] != features.shape[:2]:
        raise ValueError(f"features: expected the layers' size {alphas.shape[:2]}, got {features.shape[:2]}")
    if n_layers == "auto":
        groups = merged_layers(alphas, features)
    else:
        groups = _group_visible(alphas, mean_features(alphas, features), n_layers, rng)
    return np.stack([alphas[:, :, groups == g].sum(axis=2) for g in range(groups.max() + 1)], axis=2)


def _group_visible(
    alphas: Float[np.ndarray, "H W K"], means: Float[np.ndarray, "K C"], n_layers: int, rng: RNG
) -> Int[np.ndarray, " K"]:
    """Return each layer's k-means cluster, of which none is invisible.

    What has remained of faded layers may lie far from all others in the features, and would make a layer of
    nothing. Such layers join the cluster whose mean is nearest, after the others have been clustered.
    """
    visible = np.ones(len(means), bool)
    while True:
        groups = np.full(len(means), -1)
        groups[visible] = kmeans(means[visible], n_layers, rng)
        faded = [g for g in range(groups.max() + 1) if alphas[:, :, groups == g].sum(axis=2).max() <= FADED]
        if not faded or len(faded) == groups.max() + 1:
            break
        visible &= ~np.isin(groups, faded)
    centers = np.stack([means[groups == g].mean(axis=0) for g in range(groups.max() + 1)])
    distances = np.linalg.norm(means[:, None] - centers, axis=2)
    return np.where(visible, groups, distances.argmin(axis=1))


def mean_features(
    alphas: Float[np.ndarray, "H W K"], features: Float[np.ndarray, "H W C"]
) -> Float[np.ndarray, "K C"]:
    """Return each layer's alpha-weighted mean feature, clipped to the features' range.

    Without the clipping, the mean of a layer that has all but vanished could lie anywhere, because its alphas
    may have both signs and nearly cancel.

    Parameters
    ----------
    alphas : ndarray, shape (H, W, K)
        The layers.
    features : ndarray, shape (H, W, C)
        Features of the same pixels, in any unit.

    Returns
    -------
    ndarray, shape (K, C)
        Float64, in the features' unit. A layer whose alphas sum to zero gets the mean of all pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.sparsify import mean_features
    >>> features = np.zeros((2, 4, 1)); features[:, 2:] = 1
    >>> mean_features(np.repeat([np.eye(2).repeat(2, axis=0)], 2, axis=0), features)
    array([[0.],
           [1.]])
    """
    weights = alphas.reshape(-1, alphas.shape[2]).astype(np.float64)
    points = features.reshape(len(weights), -1).astype(np.float64)
    total = weights.sum(axis=0)[:, None]
    means = np.divide(
        weights.T @ points, total, out=np.tile(points.mean(axis=0), (len(total), 1)), where=total != 0
    )
    return np.clip(means, points.min(axis=0), points.max(axis=0))
