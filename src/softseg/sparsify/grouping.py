"""Grouping: the surviving initial layers are added up into as many as wanted, or as the photo asks for."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

from softseg._rng import RNG
from softseg._threads import single_threaded_blas
from softseg.sparsify.clustering import kmeans
from softseg.sparsify.layer_count import check_layers, merged_layers
from softseg.sparsify.layer_means import mean_features


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
        The initial layers.
    features : ndarray, shape (H, W, C)
        Semantic features of the same pixels.
    n_layers : int or "auto"
        How many groups; fewer come back if fewer layers are distinct. "auto" merges layers until two to
        ten are left that differ (`merged_layers`); the paper has no such rule.
    rng : None, int or numpy.random.Generator
        For k-means. None means a fixed seed.

    Returns
    -------
    ndarray, shape (H, W, n)
        Sums of the initial layers, ``n <= n_layers``.

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
        groups = kmeans(mean_features(alphas, features), n_layers, rng)
    return np.stack([alphas[:, :, groups == g].sum(axis=2) for g in range(groups.max() + 1)], axis=2)
