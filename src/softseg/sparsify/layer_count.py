"""How many layers a photo has: initial layers are merged, the most alike first, until they differ enough.

This is not part of the published method, which always makes five layers. Three things say that two layers
belong together: they have like features everywhere; they have like features where they meet; and their border
is soft, because the constrained stage makes alphas 0 or 1 wherever the eigenvectors allow it. The semantic
features are stretched to [0, 1] in every photo, so that a distance in a photo of two things means less than
in a photo of eight. See `CLOSE_DISTANCE`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import gaussian_filter

from softseg._checks import check_count
from softseg._threads import single_threaded_blas
from softseg.sparsify.simplex import project_to_simplex

# How many layers "auto" makes at least and at most. Chosen by the project.
FEWEST_AUTOMATIC_LAYERS = 2
MOST_AUTOMATIC_LAYERS = 10

# By distance alone, two of k groups that are this over k apart count as one. Distances are in units of the
# features, which lie in [0, 1]. The closest two of k points strewn over a unit square are a little farther
# apart, 0.75 to 1.05 over k. Measured on composites: docs/notes/layer-count.md.
CLOSE_DISTANCE = 0.63

# By Ward's cost alone, two of k groups count as one if their merger costs this over k - 1 of the variance of
# the features between the initial layers. The merger of two of k groups that are equally large and equally
# far from each other costs 1 over k - 1. Measured on photos with outlined objects:
# docs/notes/layer-count.md.
CHEAP_SHARE = 0.25

# A layer that covers a smaller share of the photo than this joins the one nearest to it. Chosen by the
# project.
SMALL_AREA = 0.03

# Pixels are near each other within about this many pixels, the standard deviation of a Gaussian. The guided
# filter of the features, whose window is ten pixels wide, blurs them less far than this beyond a border.
NEARBY = 10.0

# Two layers touch if what each has of the other nearby is more than this share of what it has of itself.
# Where there is less, their border says nothing. Chosen by the project.
LEAST_CONTACT = 0.01

# A border of this softness says neither that two layers are one nor that they are two; softness runs from 0,
# hard, to 1. Chosen on the composites of docs/notes/layer-count.md.
EVEN_SOFTNESS = 0.5

# No border counts as harder than this. Chosen by the project.
LEAST_SOFTNESS = 0.25

# Two layers whose mean features, in [0, 1] each, are at most this far apart are merged however few layers
# there are, because the distance is rounding. Chosen by the project.
EQUAL_FEATURES = 1e-6

TINY = np.finfo(np.float64).tiny  # in place of 0 where something is divided by it


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

    Layers that cover less than 3 % of the photo join others first. Then two groups are merged at a time: the
    two for which the product of a squared distance and a cost is least. The distance is that of their
    features, all over and where they meet, and a sharp border makes it larger. The cost is what their merger
    adds to the variance of the features within groups, as a share of the variance between the initial layers
    (Ward 1963). That ends when the product exceeds ``(0.63 / k)^2 * 0.25 / (k - 1)``, where k groups remain.

    Parameters
    ----------
    alphas : ndarray, shape (H, W, K)
        The initial layers.
    features : ndarray, shape (H, W, C)
        Semantic features of the same pixels, in [0, 1].

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
    initial = _Sums.over(alphas, features)
    groups = np.arange(alphas.shape[2])
    variance = initial.find_variance()
    while (pair := _find_next_pair(initial.of_groups(groups), variance)) is not None:
        kept, joining = sorted(pair)
        groups = np.unique(np.where(groups == joining, kept, groups), return_inverse=True)[1]
    return groups


@dataclass(frozen=True)
class _Sums:
    """What is known about layers, as sums over pixels. Those of a merged layer are the sums of its parts'.

    Attributes
    ----------
    area : shape (K,)
        ``sum_p alpha_i(p)``.
    features : shape (K, C)
        ``sum_p alpha_i(p) f(p)``.
    overlap : shape (K, K)
        ``sum_p alpha_i(p) alpha_j(p)``.
    near : shape (K, K)
        ``sum_pq alpha_i(p) g(p, q) alpha_j(q)``, where g is a Gaussian: how much of i lies near j.
    near_features : shape (K, K, C)
        ``sum_pq f(p) alpha_i(p) g(p, q) alpha_j(q)``: the features of i near j.
    """

    area: Float[np.ndarray, " K"]
    features: Float[np.ndarray, "K C"]
    overlap: Float[np.ndarray, "K K"]
    near: Float[np.ndarray, "K K"]
    near_features: Float[np.ndarray, "K K C"]

    @classmethod
    def over(cls, alphas: Float[np.ndarray, "H W K"], features: Float[np.ndarray, "H W C"]) -> _Sums:
        """Return the sums over all pixels, of alphas that share each pixel fully."""
        shared = np.ascontiguousarray(np.moveaxis(project_to_simplex(alphas), 2, 0))
        alpha = shared.reshape(len(shared), -1)
        blurred = gaussian_filter(shared, (0, NEARBY, NEARBY)).reshape(alpha.shape)
        channels = np.ascontiguousarray(np.moveaxis(features, 2, 0), np.float64).reshape(
            features.shape[2], -1
        )
        return cls(
            alpha.sum(axis=1),
            alpha @ channels.T,
            alpha @ alpha.T,
            alpha @ blurred.T,
            np.stack([(alpha * channel) @ blurred.T for channel in channels], axis=2),
        )

    @property
    def center(self) -> Float[np.ndarray, " C"]:
        """The mean feature of all pixels, (C,)."""
        return self.features.sum(axis=0) / self.area.sum()

    @property
    def means(self) -> Float[np.ndarray, "K C"]:
        """Each layer's mean feature, (K, C); the mean of all pixels for a layer that covers nothing."""
        return _divide(self.features, self.area, self.center)

    def find_variance(self) -> float:
        """Return the squared distances of the layers' mean features from the mean of all, summed by area."""
        return float(self.area @ ((self.means - self.center) ** 2).sum(axis=1))

    def of_groups(self, groups: Int[np.ndarray, " K"]) -> _Sums:
        """Return the sums of layers that are added up by groups."""
        member = np.eye(groups.max() + 1)[groups]  # (K, n): one-hot
        return _Sums(
            member.T @ self.area,
            member.T @ self.features,
            member.T @ self.overlap @ member,
            member.T @ self.near @ member,
            np.einsum("in,ijc,jm->nmc", member, self.near_features, member),
        )


def _find_next_pair(layers: _Sums, variance: float) -> tuple[int, int] | None:
    """Return the two layers to merge next, or None if all are far enough apart."""
    count = len(layers.area)
    if count == 1:
        return None
    apart = _find_differences(layers.means[:, None])
    if count <= FEWEST_AUTOMATIC_LAYERS:
        return (0, 1) if apart[0, 1] <= EQUAL_FEATURES else None
    product = _measure_distances(layers) ** 2 * _find_costs(layers.area, apart, variance)
    np.fill_diagonal(product, np.inf)
    small = layers.area < SMALL_AREA * layers.area.sum()
    if small.any():
        product[~(small[:, None] | small)] = np.inf
    first, second = (int(i) for i in np.unravel_index(np.argmin(product), product.shape))
    limit = (CLOSE_DISTANCE / count) ** 2 * CHEAP_SHARE / (count - 1)
    must_merge = count > MOST_AUTOMATIC_LAYERS or small.any()
    return (first, second) if must_merge or product[first, second] <= limit else None


def _find_costs(
    areas: Float[np.ndarray, " K"], apart: Float[np.ndarray, "K K"], variance: float
) -> Float[np.ndarray, "K K"]:
    """Return what merging two layers adds to the variance within layers, as a share of that between all."""
    sizes = np.multiply.outer(areas, areas) / np.maximum(np.add.outer(areas, areas), TINY)
    return sizes * apart**2 / max(variance, TINY)


def _measure_distances(layers: _Sums) -> Float[np.ndarray, "K K"]:
    """Return how far apart layers are, in units of the features. A sharp border makes the distance larger.

    Layers that do not touch are as far apart as their mean features. For layers i and j that touch, the
    distance is the geometric mean of that and of how their features differ near each other, divided by twice
    their border's softness ``sum_p alpha_i alpha_j / sum_pq alpha_i(p) g(p, q) alpha_j(q)``.
    """
    overall = _find_differences(layers.means[:, None])
    border = _find_differences(_divide(layers.near_features, layers.near, layers.center))
    softness = _divide(layers.overlap[..., None], layers.near, np.ones(1))[..., 0]
    touching = layers.near > LEAST_CONTACT * np.minimum.outer(layers.near.diagonal(), layers.near.diagonal())
    sharpness = EVEN_SOFTNESS / np.clip(softness, LEAST_SOFTNESS, 1)
    return np.where(touching, np.sqrt(overall * border) * sharpness, overall)


def _divide(
    sums: Float[np.ndarray, "*K C"], weight: Float[np.ndarray, "*K"], otherwise: Float[np.ndarray, " C"]
) -> Float[np.ndarray, "*K C"]:
    weight = weight[..., None]
    return np.divide(sums, weight, out=np.broadcast_to(otherwise, sums.shape).copy(), where=weight > 0)


def _find_differences(means: Float[np.ndarray, "K n C"]) -> Float[np.ndarray, "K K"]:
    """Return the norms of ``means[i, j] - means[j, i]``."""
    return np.linalg.norm(means - means.transpose(1, 0, 2), axis=2)
