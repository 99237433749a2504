"""Scoring how well features tell pairs of pixels of one region from other pairs, by the ROC curve's area."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped
from scipy.stats import rankdata


def roc_auc(scores: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> float:
    """Return the area under the ROC curve: the probability that a positive scores above a negative.

    A tie counts as one half.
    """
    n = positive.sum()
    return float((rankdata(scores)[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def photo_auc(
    features: Shaped[np.ndarray, "H W C"],
    regions: Integer[np.ndarray, "A H W"],
    rng: np.random.Generator,
    n: int = 400,
) -> float | None:
    """Score the features of one photo over all pairs of ``n`` random pixels.

    A pair counts as one region if at least 80 % of the annotators put both pixels into one, and as two
    regions if at most 20 % do. Other pairs are left out.

    Parameters
    ----------
    features : array, shape (H, W, C)
        The photo's features, in any unit.
    regions : array of int, shape (A, H, W)
        The label maps of A annotators.
    rng : Generator
        The random numbers of the pixels.
    n : int
        The number of pixels.

    Returns
    -------
    float or None
        The area under the ROC curve, in [0, 1], of minus the distance of the features as the score of one
        region. None if all pairs that are left are of one kind.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.training import photo_auc
    >>> regions = np.repeat([[[1, 1, 2, 2]]], 3, axis=1)
    >>> photo_auc(regions[0, :, :, None].astype(float), regions, np.random.default_rng(0), n=20)
    1.0
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
