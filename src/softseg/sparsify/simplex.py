"""Alphas from the published result: the nearest point at which each pixel's layers share it fully."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def project_to_simplex(alphas: Float[np.ndarray, "*pixels K"]) -> Float[np.ndarray, "*pixels K"]:
    """Project each pixel's alphas onto the simplex: each in [0, 1], summing to one.

    Parameters
    ----------
    alphas : ndarray, shape (..., K)

    Returns
    -------
    ndarray, shape (..., K)
        The nearest such point in the Euclidean norm, float64.

    References
    ----------
    Held, Wolfe, Crowder, "Validation of Subgradient Optimization", Math. Programming 1974.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.sparsify import project_to_simplex
    >>> project_to_simplex(np.array([[1.1, -0.1], [0.5, 0.3]]))
    array([[1. , 0. ],
           [0.6, 0.4]])
    """
    alphas = np.asarray(alphas, dtype=np.float64)
    layers = alphas.shape[-1]
    descending = np.sort(alphas, axis=-1)[..., ::-1]
    # Shift all by what makes the positive ones sum to one; that is the largest shift over how many count.
    shifts = (1 - np.cumsum(descending, axis=-1)) / np.arange(1, layers + 1)
    positive = np.count_nonzero(descending + shifts > 0, axis=-1)[..., None]
    return np.maximum(alphas + np.take_along_axis(shifts, positive - 1, axis=-1), 0)
