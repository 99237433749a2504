"""How many layers a photo has: initial layers are merged, the most alike first, until they differ enough.

This is not part of the published method, which always makes five. Three things say that two layers are one:
alike features all over; alike features where they meet; and a soft border, since the constrained stage makes
alphas 0 or 1 wherever the eigenvectors allow it. The semantic features are stretched to [0, 1] in every
photo, so that distances in a photo of two things are not those in a photo of eight; see `CLOSE`.
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

LEAST, MOST = 2, 10  # layers
SMALL = 0.03  # layers that cover less of the photo join their nearest
NEARBY = 10.0  # pixels (standard deviation): beyond what the features' guided filter blurs at a border
TOUCHING = 0.01  # of what a layer sees of itself nearby: less of another one says nothing about their border
EVEN = 0.5  # softness of a border that says neither that two layers are one nor that they are two
HARDEST = 0.25  # softness: no border counts as sharper
CLOSE = 0.63  # over k: a little less than the closest two of k points strewn over a unit square, 0.75 to 1.05
SAME = 1e-6  # distance under which features are equal, and layers are one however few there are


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

    Layers under 3 % of the photo join their nearest; then the nearest two are merged, again and again, until
    they are further apart than ``0.63 / k``, where k layers remain.

    Parameters
    ----------
    alphas : ndarray, shape (H, W, K)
        The initial layers.
    features : ndarray, shape (H, W, C)
        Semantic features of the same pixels, in [0, 1].

    Returns
    -------
    ndarray of int, shape (K,)
        Each layer's group, 0 .. n - 1, none of them empty. Only one where features are the same all over.

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
    while (pair := _next_pair(initial.of_groups(groups))) is not None:
        kept, joining = sorted(pair)
        groups = np.unique(np.where(groups == joining, kept, groups), return_inverse=True)[1]
    return groups


@dataclass(frozen=True)
class _Sums:
    """What is known about layers, as sums over pixels: those of a merged layer are sums of theirs.

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


def _next_pair(layers: _Sums) -> tuple[int, int] | None:
    """Return the two layers to merge next, or None if all are apart."""
    count = len(layers.area)
    if count == 1:
        return None
    distance = _distances(layers)
    np.fill_diagonal(distance, np.inf)
    small = layers.area < SMALL * layers.area.sum()
    any_distance_will_do = count > MOST
    if count > LEAST and small.any():
        distance[~(small[:, None] | small)] = np.inf
        any_distance_will_do = True
    first, second = np.unravel_index(np.argmin(distance), distance.shape)
    close = CLOSE / count if count > LEAST else SAME
    return (int(first), int(second)) if any_distance_will_do or distance[first, second] <= close else None


def _distances(layers: _Sums) -> Float[np.ndarray, "K K"]:
    """Return how far layers are from being one, in units of the features; a sharp border counts as more.

    Apart, layers i and j are as far as their mean features. Where they touch, it is the geometric mean of
    that and of how their features differ near each other, over twice their border's softness
    ``sum_p alpha_i alpha_j / sum_pq alpha_i(p) g(p, q) alpha_j(q)``.
    """
    everywhere = layers.features.sum(axis=0) / layers.area.sum()  # for layers that cover nothing
    overall = _difference(_ratio(layers.features, layers.area, everywhere)[:, None])
    border = _difference(_ratio(layers.near_features, layers.near, everywhere))
    softness = _ratio(layers.overlap[..., None], layers.near, np.ones(1))[..., 0]
    touching = layers.near > TOUCHING * np.minimum.outer(layers.near.diagonal(), layers.near.diagonal())
    sharpness = EVEN / np.clip(softness, HARDEST, 1)
    return np.where(touching, np.sqrt(overall * border) * sharpness, overall)


def _ratio(
    sums: Float[np.ndarray, "*K C"], weight: Float[np.ndarray, "*K"], otherwise: Float[np.ndarray, " C"]
) -> Float[np.ndarray, "*K C"]:
    weight = weight[..., None]
    return np.divide(sums, weight, out=np.broadcast_to(otherwise, sums.shape).copy(), where=weight > 0)


def _difference(means: Float[np.ndarray, "K n C"]) -> Float[np.ndarray, "K K"]:
    """Return the norms of ``means[i, j] - means[j, i]``."""
    return np.linalg.norm(means - means.transpose(1, 0, 2), axis=2)
