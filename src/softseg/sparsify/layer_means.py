"""The mean features of layers, by which layers are compared."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


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
