"""How many layers a photo has: initial layers are merged until the next merger would mix different things.

This is not part of the published method, which always makes five layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from softseg._checks import check_count
from softseg._threads import single_threaded_blas
from softseg.sparsify.layer_means import mean_features
from softseg.sparsify.simplex import project_to_simplex

# The fewest and the most layers that a photo is given automatically. One layer alone would be the photo
# itself, and more than ten are hard to work with. The project's own choice: docs/layer-count.md.
FEWEST_AUTOMATIC_LAYERS, MOST_AUTOMATIC_LAYERS = 2, 10

# Two layers are merged while the merger costs at most this share of what it would cost if all layers were
# equally large and equally far from each other. Measured on photos with outlined objects and on composites:
# docs/layer-count.md.
CHEAP_SHARE = 0.25

# Two layers whose mean features, in [0, 1] each, are at most this far apart are merged however few layers
# there are, because the distance is rounding. Chosen by the project.
EQUAL_FEATURES = 1e-6


def check_layers(value: Any) -> None:
    """Raise unless ``value`` is what ``n_layers`` may be: "auto" or an integer of at least 1."""
    if not isinstance(value, str):
        check_count("n_layers", value)
    elif value != "auto":
        raise ValueError(f"n_layers: expected an integer or 'auto', got {value!r}")


@single_threaded_blas()
def merged_layers(
    alphas: Float[np.ndarray, "H W K"], features: Float[np.ndarray, "H W C"]
) -> Int[np.ndarray, " K"]:
    """Return the group that each layer is merged into, so that two to ten groups remain.

    Ward's method merges two layers at a time: the two whose merger adds least to the variance of the features
    within layers. It ends when the next merger would cost more than ``0.25 / (k - 1)`` of the variance
    between the initial layers, where k layers remain. The cost of one merger of k layers that are equally
    large and equally far from each other is ``1 / (k - 1)``, and a merger is made if it costs at most a
    quarter of that. The cost is a share of the variance, so the features may be in any unit.

    Parameters
    ----------
    alphas : ndarray, shape (H, W, K)
        The initial layers, which sum to one at each pixel.
    features : ndarray, shape (H, W, C)
        Semantic features of the same pixels.

    Returns
    -------
    ndarray of int, shape (K,)
        Each layer's group, 0 .. n - 1, none of them empty. There is only one group if the features are the
        same everywhere.

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
    areas = alphas.sum(axis=(0, 1)) + np.finfo(np.float64).tiny  # no area is zero
    means = mean_features(alphas, features)
    variance = _sum_squares(areas, means)
    groups = np.arange(len(areas))
    while (pair := _find_next_pair(areas, means, variance)) is not None:
        kept, joining = sorted(pair)
        means[kept] = np.average(means[[kept, joining]], axis=0, weights=areas[[kept, joining]])
        areas[kept] += areas[joining]
        areas, means = np.delete(areas, joining), np.delete(means, joining, axis=0)
        groups = np.unique(np.where(groups == joining, kept, groups), return_inverse=True)[1]
    return groups


def _sum_squares(areas: Float[np.ndarray, " K"], means: Float[np.ndarray, "K C"]) -> float:
    """Return the squared distances of the layers' mean features from the mean of all, summed by area."""
    return float(areas @ ((means - np.average(means, axis=0, weights=areas)) ** 2).sum(axis=1))


def _find_next_pair(
    areas: Float[np.ndarray, " K"], means: Float[np.ndarray, "K C"], variance: float
) -> tuple[int, int] | None:
    """Return the two layers to merge next, or None if no merger is cheap enough."""
    count = len(areas)
    if count == 1:
        return None
    squares = ((means[:, None] - means) ** 2).sum(axis=2)
    # The sum of squares within the layers grows by this much if the two are merged (Ward 1963).
    loss = squares * np.multiply.outer(areas, areas) / np.add.outer(areas, areas)
    np.fill_diagonal(loss, np.inf)
    first, second = (int(i) for i in np.unravel_index(np.argmin(loss), loss.shape))
    if count <= FEWEST_AUTOMATIC_LAYERS:
        is_close = squares[first, second] <= EQUAL_FEATURES**2
    else:
        is_close = loss[first, second] <= CHEAP_SHARE / (count - 1) * variance
    return (first, second) if is_close or count > MOST_AUTOMATIC_LAYERS else None
