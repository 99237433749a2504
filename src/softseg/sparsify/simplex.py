"""The projection that turns the relaxed stage's result into alphas: each in [0, 1], summing to one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from softseg.sparsify._kernels import project_rows


def project_to_simplex(alphas: Float[np.ndarray, "*pixels K"]) -> Float[np.ndarray, "*pixels K"]:
    """Project each pixel's alphas onto the simplex: each in [0, 1], summing to one.

    Parameters
    ----------
    alphas : ndarray, shape (..., K)
        The last axis runs over the layers of a pixel.

    Returns
    -------
    ndarray, shape (..., K)
        Float64. For each pixel, the point of the simplex that is nearest in the Euclidean norm.

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
    rows = np.ascontiguousarray(alphas, dtype=np.float64).reshape(-1, alphas.shape[-1])
    result = np.empty_like(rows)
    project_rows(rows, result)
    return result.reshape(alphas.shape)
