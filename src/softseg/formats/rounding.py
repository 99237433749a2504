"""Layers that still add up when rounded: opacities that sum to opaque, and colors that make up for it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8, UInt16

from softseg.formats._kernels import meet_image, round_to_sum

# What stands for an alpha of 1 in 8 bits.
OPAQUE = 255
# By how much colors may miss the image and still count as adding up to it, the image's range being 1: far
# below half a step of 8 bits, which is 2e-3. Chosen by the project's own tests.
CLOSE = 1e-4


def rounded_opacities(
    alphas: Float[np.ndarray, "H W K"], dtype: type[np.uint8] | type[np.uint16] = np.uint8
) -> UInt8[np.ndarray, "H W K"] | UInt16[np.ndarray, "H W K"]:
    """Round alphas to whole steps so that each pixel's sum to exactly opaque, the largest of the type.

    It goes by largest remainders: every alpha is rounded down, and the steps that are missing go to those
    that lost most. None is off by a whole step.

    Parameters
    ----------
    alphas : ndarray, shape (H, W, K)
        The layers' opacities, in [0, 1], summing to 1.
    dtype : uint8 or uint16
        The type of the steps.

    Returns
    -------
    ndarray of uint8 or uint16, shape (H, W, K)
        Summing to 255 or 65535 over the layers.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.formats.rounding import rounded_opacities
    >>> rounded_opacities(np.full((1, 1, 4), 0.25))
    array([[[64, 64, 64, 63]]], dtype=uint8)
    >>> rounded_opacities(np.full((1, 1, 4), 0.25), np.uint16)
    array([[[16384, 16384, 16384, 16383]]], dtype=uint16)
    """
    opacities, layers = np.empty(alphas.shape, dtype), alphas.shape[2]
    opaque = int(np.iinfo(dtype).max)
    round_to_sum(np.ascontiguousarray(alphas).reshape(-1, layers), opaque, opacities.reshape(-1, layers))
    return opacities


def over_opacities(opacities: UInt8[np.ndarray, "H W K"]) -> UInt8[np.ndarray, "H W K"]:
    """Return the opacities with which layers, each over those behind it, look like layers that add up.

    With alphas a_1 .. a_K from back to front they are ``a_k / (a_1 + ... + a_k)``. The first k - 1 layers
    already show in the right proportions; under a k-th layer of this opacity each keeps its share of the
    first k. The first layer is opaque.

    Parameters
    ----------
    opacities : ndarray of uint8, shape (H, W, K)
        The opacities of layers that add up, from back to front, summing to 255.

    Returns
    -------
    ndarray of uint8, shape (H, W, K)
        The first layer's is 255.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.formats.rounding import over_opacities
    >>> over_opacities(np.array([[[51, 51, 153]]], dtype=np.uint8))
    array([[[255, 128, 153]]], dtype=uint8)
    """
    so_far = np.cumsum(opacities, axis=2, dtype=np.float32)
    covering = np.rint(opacities * (OPAQUE / np.maximum(so_far, 1))).astype(np.uint8)
    covering[:, :, 0] = OPAQUE
    return covering


def shares_when_over(opacities: UInt8[np.ndarray, "H W K"]) -> Float[np.ndarray, "H W K"]:
    """Return how much of each layer is seen when each covers those behind it.

    Parameters
    ----------
    opacities : ndarray of uint8, shape (H, W, K)
        The layers' opacities, from back to front; the first is opaque.

    Returns
    -------
    ndarray of float32, shape (H, W, K)
        The shares, summing to 1 over the layers.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.formats.rounding import shares_when_over
    >>> shares_when_over(np.array([[[255, 0, 51]]], dtype=np.uint8)).round(3)
    array([[[0.8, 0. , 0.2]]], dtype=float32)
    """
    alphas = opacities / np.float32(OPAQUE)
    # How much of each layer but the last is let through by those in front of it.
    let_through = np.cumprod(1 - alphas[:, :, :0:-1], axis=2)[:, :, ::-1]
    alphas[:, :, :-1] *= let_through
    return alphas


def nearest_colors(
    image: Float[np.ndarray, "H W 3"],
    shares: Float[np.ndarray, "H W K"],
    colors: Float[np.ndarray, "H W K 3"],
) -> Float[np.ndarray, "H W K 3"]:
    """Change colors as little as can be so that ``sum_k share_k F_k = image``, in [0, 1].

    What is missing is spread over the layers in proportion to their shares, which changes colors least. What
    a layer cannot take, because its color is 0 or 1 there, goes to the others, so that K rounds are enough.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        The photo, in [0, 1].
    shares : ndarray, shape (H, W, K)
        How much of each layer is seen; in [0, 1], summing to 1.
    colors : ndarray, shape (H, W, K, 3)
        The layers' colors, in [0, 1].

    Returns
    -------
    ndarray of float32, shape (H, W, K, 3)
        The changed colors, in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.formats.rounding import nearest_colors
    >>> image, shares = np.full((1, 1, 3), 0.5), np.array([[[0.25, 0.75]]])
    >>> nearest_colors(image, shares, np.array([[[[1.0, 0.9, 0.5], [0.2, 0.4, 0.5]]]])).round(2)
    array([[[[1.  , 0.89, 0.5 ],
             [0.33, 0.37, 0.5 ]]]], dtype=float32)
    """
    solved = np.array(colors, dtype=np.float32, order="C")
    pixels = image.shape[0] * image.shape[1]
    meet_image(
        np.ascontiguousarray(image, dtype=np.float32).reshape(pixels, -1),
        np.ascontiguousarray(shares, dtype=np.float32).reshape(pixels, -1),
        np.float32(CLOSE),
        solved.reshape(pixels, -1, image.shape[2]),
    )
    return solved
