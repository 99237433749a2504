"""How well features tell pixel pairs of one region from others: the area under the ROC curve."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped
from scipy.stats import rankdata


def roc_auc(scores: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> float:
    """Return the probability that a positive scores above a negative, ties counting half."""
    n = positive.sum()
    return float((rankdata(scores)[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def photo_auc(
    features: Shaped[np.ndarray, "H W C"],
    regions: Integer[np.ndarray, "A H W"],
    rng: np.random.Generator,
    n: int = 400,
) -> float | None:
    """Score the features of one photo over all pairs of ``n`` random pixels.

    A pair is the same if at least 80 % of the annotators put both pixels in one region, different if at most
    20 % do, and left out otherwise. None if one of the two kinds is missing.
    """
    height, width = regions.shape[1:]
    y, x = rng.integers(0, height, n), rng.integers(0, width, n)
    labels = regions[:, y, x]
    i, j = np.triu_indices(n, 1)
    agreement = (labels[:, i] == labels[:, j]).mean(0)
    points = features[y, x].astype(np.float64)
    distance = np.linalg.norm(points[i] - points[j], axis=1)
    clear = (agreement <= 0.2) | (agreement >= 0.8)
    positive = agreement[clear] > 0.5
    if positive.all() or not positive.any():
        return None
    return roc_auc(-distance[clear], positive)
