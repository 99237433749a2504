"""The layers' colors."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def layer_colors(
    image: Float[np.ndarray, "H W 3"], alphas: Float[np.ndarray, "H W K"]
) -> Float[np.ndarray, "H W K 3"]:
    """Return colors of the layers that add up to the image.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        In [0, 1].
    alphas : ndarray, shape (H, W, K)
        In [0, 1], summing to 1.

    Returns
    -------
    ndarray, shape (H, W, K, 3)
        Float32.
    """
    return np.repeat(image[:, :, None].astype(np.float32), alphas.shape[2], axis=2)
