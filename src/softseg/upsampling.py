"""Alphas of a shrunken photo carried up to the photo itself by local affine models of its colours."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

WINDOW = 5  # pixels of the small photo that share one affine model
EPSILON = 1e-4  # ridge of the models, in squared colour units: a tenth of the contrast of a faint edge


def upsample(
    alphas: Float[np.ndarray, "h w K"], small: Float[np.ndarray, "h w 3"], image: Float[np.ndarray, "H W 3"]
) -> Float[np.ndarray, "H W K"]:
    """Carry alphas up to a larger photo so that their edges follow the photo's.

    Around every pixel of the small photo each alpha is fitted as an affine function of colour; the
    functions, interpolated, are evaluated at the large photo's colours.

    Parameters
    ----------
    alphas : ndarray, shape (h, w, K)
        Of the small photo.
    small : ndarray, shape (h, w, 3)
        The shrunken photo, float in [0, 1].
    image : ndarray, shape (H, W, 3)
        The photo.

    Returns
    -------
    ndarray, shape (H, W, K)
        Float32, not projected: they may leave [0, 1] a little.

    References
    ----------
    He and Sun, "Fast Guided Filter", 2015 (joint upsampling by interpolated coefficients).

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.upsampling import upsample
    >>> image = np.zeros((12, 16, 3)); image[:, 9:] = 1        # the edge cuts through a small pixel
    >>> small = image.reshape(6, 2, 8, 2, 3).mean(axis=(1, 3))
    >>> alphas = upsample(small[:, :, :1], small, image)
    >>> bool(np.allclose(alphas[:, :, 0], image[:, :, 0], atol=0.01))
    True
    """
    from skimage.transform import resize

    from softseg.features import affine_coefficients

    slopes, offsets = affine_coefficients(alphas.astype(np.float32), small, size=WINDOW, epsilon=EPSILON)
    result = np.empty((*image.shape[:2], alphas.shape[2]), np.float32)
    for layer in range(alphas.shape[2]):
        model = np.concatenate([slopes[:, :, layer], offsets[:, :, layer, None]], axis=2)
        model = resize(model, image.shape[:2], order=1, mode="edge")
        result[:, :, layer] = (model[:, :, :3] * image).sum(axis=2) + model[:, :, 3]
    return result
