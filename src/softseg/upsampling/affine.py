"""Carrying alphas of a shrunken photo up to the photo itself, by local affine models of its colors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float, Float32

from softseg.features import affine_coefficients
from softseg.upsampling._kernels import evaluate_models

# Pixels of the small photo, along a side, that share one affine model. Measured:
# docs/notes/performance.md, "Carrying layers up".
MODEL_WINDOW = 4

# The ridge of the models, in squared color units of [0, 1]. It is the square of a faint contrast, 0.003.
# Measured: docs/notes/performance.md, "Carrying layers up".
MODEL_EPSILON = 1e-5


def upsample(
    alphas: Float[np.ndarray, "h w K"], small: Float[np.ndarray, "h w 3"], image: Float[np.ndarray, "H W 3"]
) -> Float32[np.ndarray, "H W K"]:
    """Carry alphas up to a larger photo so that their edges follow the photo's.

    Around every pixel of the small photo, each alpha is fitted as an affine function of color. These
    functions are interpolated to the size of the large photo and evaluated at its colors.

    Parameters
    ----------
    alphas : ndarray, shape (h, w, K)
        The alphas of the small photo.
    small : ndarray, shape (h, w, 3)
        The shrunken photo, float in [0, 1].
    image : ndarray, shape (H, W, 3)
        The photo, float in [0, 1].

    Returns
    -------
    ndarray, shape (H, W, K)
        Float32. They are not projected onto the simplex, so they may lie slightly outside [0, 1].

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
    height, width, _ = image.shape
    return ColorModels.fitted(alphas, small).alphas(image, slice(0, height), slice(0, width))


@final
@dataclass(frozen=True, eq=False, repr=False)
class ColorModels:
    """Each layer's alpha as an affine function of color, around every pixel of a small photo.

    Parameters
    ----------
    coefficients : ndarray, shape (h, w, K, 4)
        Around each pixel, ``alpha = c[0] R + c[1] G + c[2] B + c[3]``, for RGB in [0, 1].

    References
    ----------
    He and Sun, "Fast Guided Filter", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.upsampling import ColorModels
    >>> small = np.random.default_rng(0).random((6, 8, 3))
    >>> models = ColorModels.fitted(small[:, :, :1], small)     # as opaque as the photo is red
    >>> photo = np.random.default_rng(1).random((12, 16, 3))
    >>> alphas = models.alphas(photo, rows=slice(0, 12), columns=slice(0, 16))
    >>> bool(np.allclose(alphas[..., 0], photo[..., 0], atol=0.01))
    True
    """

    coefficients: Float[np.ndarray, "h w K 4"]

    @classmethod
    def fitted(cls, alphas: Float[np.ndarray, "h w K"], small: Float[np.ndarray, "h w 3"]) -> ColorModels:
        """Return the models fitted to the alphas of a small photo, window by window.

        Parameters
        ----------
        alphas : ndarray, shape (h, w, K)
            The alphas of the small photo.
        small : ndarray, shape (h, w, 3)
            The small photo, float in [0, 1].

        Returns
        -------
        ColorModels
            One model for each pixel and layer.
        """
        slopes, offsets = affine_coefficients(alphas, small, size=MODEL_WINDOW, epsilon=MODEL_EPSILON)
        return cls(np.concatenate([slopes, offsets[..., None]], axis=3))

    def alphas(
        self, image: Float[np.ndarray, "H W 3"], rows: slice, columns: slice
    ) -> Float32[np.ndarray, "H2 W2 K"]:
        """Return the alphas of some rows and columns of a photo of any size, from its colors.

        Parameters
        ----------
        image : ndarray, shape (H, W, 3)
            The photo, float in [0, 1].
        rows, columns : slice
            Which of its pixels, counted in the whole photo.

        Returns
        -------
        ndarray, shape (H2, W2, K)
            Float32, near [0, 1] but not clipped to it.
        """
        # Not the window itself: it may be contiguous or not, and numba would compile the kernel for either.
        top, bottom, _ = rows.indices(image.shape[0])
        left, right, _ = columns.indices(image.shape[1])
        result = np.empty((bottom - top, right - left, self.coefficients.shape[2]), np.float32)
        evaluate_models(self.coefficients, image, top, left, result)
        return result
