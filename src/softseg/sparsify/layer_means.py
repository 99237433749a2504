"""What layers look like: their mean features."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def mean_features(
    alphas: Float[np.ndarray, "H W K"], features: Float[np.ndarray, "H W C"]
) -> Float[np.ndarray, "K C"]:
    """Return each layer's alpha-weighted mean feature, float64, (K, C), within the features' range.

    A layer that has all but vanished may have alphas of both signs, whose weighted mean would lie anywhere.
    """
    weights = alphas.reshape(-1, alphas.shape[2]).astype(np.float64)
    points = features.reshape(len(weights), -1).astype(np.float64)
    total = weights.sum(axis=0)[:, None]
    means = np.divide(
        weights.T @ points, total, out=np.tile(points.mean(axis=0), (len(total), 1)), where=total != 0
    )
    return np.clip(means, points.min(axis=0), points.max(axis=0))
