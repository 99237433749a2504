"""Which layer of a frame is which layer of the frame before."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment


def match(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return, for each layer of a frame, the layer of the next frame that goes on with it.

    The pairs overlap the most in all: the sum over pairs and pixels of the products of their alphas is as
    large as can be.

    Parameters
    ----------
    before, after : ndarray, shape (H, W, K)
        The alphas of two frames.

    Returns
    -------
    ndarray of int, shape (K,)
        Indices, so that ``after[:, :, match(before, after)]`` is numbered as ``before``.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg_napari.matching import match
    >>> left = np.repeat([[1.0, 1.0, 0.0, 0.0]], 3, axis=0)
    >>> match(np.stack([left, 1 - left], axis=2), np.stack([1 - left, left], axis=2))
    array([1, 0])
    """
    count = before.shape[2]
    overlaps = before.reshape(-1, count).T @ after.reshape(-1, count)
    return np.asarray(linear_sum_assignment(overlaps, maximize=True)[1])
