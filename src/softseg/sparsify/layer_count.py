"""How many layers a photo has: initial layers are merged until a merger would mix what differs.

This is not part of the published method, which always makes five.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from softseg._checks import check_count
from softseg._threads import single_threaded_blas
from softseg.sparsify.layer_means import mean_features
from softseg.sparsify.simplex import project_to_simplex

# The fewest and the most layers that a photo is given. One layer alone would be the photo itself, and more
# than ten are hard to work with.
FEWEST_LAYERS, MOST_LAYERS = 2, 10

# A merger is made while it costs at most this share of what it would cost if all layers were equally large
# and equally far from each other. Chosen on photos with outlined objects and on composites;
# docs/layer-count.md has the table.
CHEAP = 0.25

# Distance of mean features, in [0, 1] each, under which layers are one however few there are: that is
# rounding.
EQUAL_FEATURES = 1e-6


def check_layers(value: Any) -> None:
    """Raise unless ``value`` is "auto" or an integer of at least 1: what ``n_layers`` may be."""
    if not isinstance(value, str):
        check_count("n_layers", value)
    elif value != "auto":
        raise ValueError(f"n_layers: expected an integer or 'auto', got {value!r}")


@single_threaded_blas()
def merged_layers(
    alphas: Float[np.ndarray, "H W K"], features: Float[np.ndarray, "H W C"]
) -> Int[np.ndarray, " K"]:
    """Return which layers are one, such that two to ten remain.

    Ward's method: of all pairs of layers, the one is merged whose merger adds least to the variance of the
    features within layers. This goes on until the next merger would cost more than ``0.25 / (k - 1)`` of the
    variance between the initial layers, where k layers remain. A quarter, because of k layers that are
    equally large and equally far from each other, a merger costs ``1 / (k - 1)``. The cost is a share, so the
    features may be in any unit.

    Parameters
    ----------
    alphas : ndarray, shape (H, W, K)
        The initial layers.
    features : ndarray, shape (H, W, C)
        Semantic features of the same pixels.

    Returns
    -------
    ndarray of int, shape (K,)
        Each layer's group, 0 .. n - 1, none of them empty. Only one where features are the same all over.

    References
    ----------
    Ward, "Hierarchical Grouping to Optimize an Objective Function", JASA 58, 1963.

    Examples
    --------
    Three stripes, of which the first two look the same:

    >>> import numpy as np
    >>> from softseg.sparsify import merged_layers
    >>> features = np.zeros((6, 9, 3)); features[:, 6:] = 1
    >>> merged_layers(np.repeat([np.eye(3).repeat(3, axis=0)], 6, axis=0), features)
    array([0, 0, 1])
    """
    alphas = project_to_simplex(alphas)
    areas = alphas.sum(axis=(0, 1)) + np.finfo(np.float64).tiny  # some layers cover nothing
    means = mean_features(alphas, features)
    variance = _variance(areas, means)
    groups = np.arange(len(areas))
    while (pair := _next_pair(areas, means, variance)) is not None:
        kept, joining = sorted(pair)
        means[kept] = np.average(means[[kept, joining]], axis=0, weights=areas[[kept, joining]])
        areas[kept] += areas[joining]
        areas, means = np.delete(areas, joining), np.delete(means, joining, axis=0)
        groups = np.unique(np.where(groups == joining, kept, groups), return_inverse=True)[1]
    return groups


def _variance(areas: Float[np.ndarray, " K"], means: Float[np.ndarray, "K C"]) -> float:
    """Return the sum of squares of the layers' mean features about the mean of all."""
    return float(areas @ ((means - np.average(means, axis=0, weights=areas)) ** 2).sum(axis=1))


def _next_pair(
    areas: Float[np.ndarray, " K"], means: Float[np.ndarray, "K C"], variance: float
) -> tuple[int, int] | None:
    """Return the two layers to merge next, or None if all are apart."""
    count = len(areas)
    if count == 1:
        return None
    squares = ((means[:, None] - means) ** 2).sum(axis=2)
    # What the sum of squares within the layers grows by (Ward 1963).
    loss = squares * np.multiply.outer(areas, areas) / np.add.outer(areas, areas)
    np.fill_diagonal(loss, np.inf)
    first, second = (int(i) for i in np.unravel_index(np.argmin(loss), loss.shape))
    if count <= FEWEST_LAYERS:
        is_close = squares[first, second] <= EQUAL_FEATURES**2
    else:
        is_close = loss[first, second] <= CHEAP / (count - 1) * variance
    return (first, second) if is_close or count > MOST_LAYERS else None
