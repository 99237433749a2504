"""From raw features of any channel count to the few channels that the affinities compare.

The published steps (Aksoy et al. 2018): clip, guided filter with the photo as guide, principal components,
each stretched to [0, 1].
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import ArrayLike

from softseg._checks import check_count
from softseg._threads import row_blocks, workers
from softseg.features.filtering import (
    EPSILON,
    WINDOW,
    as_planes,
    checked_channels,
    checked_guide,
    filter_in_place,
)

_CLIP = 5.0  # raw features beyond this are clipped, as published

# When is a component constant? Features are float32: filtered and projected, rounding leaves a range of about
# 1e-7 of the largest value, times the root of the channel count, in directions in which nothing varies. Hence
# a floor for all components, relative to the largest value. A component much weaker than the first may also
# carry the rounding errors of whatever computed the features, hence a floor relative to the widest range: one
# grey level of an 8-bit photo is 4e-3 of it, so nothing that was seen is lost.
_ROUNDING = 1e-5
_NEGLIGIBLE = 1e-4

# Pixels per step of the covariance's sum: as few as still keep the matrix product efficient.
_PIXELS_PER_STEP = 8192


def preprocess(
    features: ArrayLike, image: ArrayLike, n_components: int = 3
) -> Float32[np.ndarray, "H W {n_components}"]:
    """Turn raw features into the few channels that the affinities compare.

    Clips to [-5, 5], filters every channel with the photo as guide (:func:`guided_filter`, 10x10 window,
    regularization 0.01), keeps the principal components of largest variance and stretches each to [0, 1].

    Parameters
    ----------
    features : array_like, shape (H, W, C)
        Raw features, any number of channels C >= 1, in any units.
    image : array_like of float, shape (H, W, 3)
        The photo, RGB in [0, 1].
    n_components : int
        Channels wanted. Features of fewer channels are filled up with zeros.

    Returns
    -------
    array of float32, shape (H, W, n_components)
        In [0, 1], by falling variance. A component that is constant up to
        rounding (a range of at most 1e-4 of the widest one's, or 1e-5 of the largest filtered value) is 0
        everywhere. The sign of each is fixed: the largest weight of its eigenvector is positive.

    Raises
    ------
    ValueError
        If an array has the wrong rank or size, is not finite, or ``n_components`` is below 1.

    Notes
    -----
    Source: Aksoy et al., Semantic Soft Segmentation, ACM TOG 37(4), 2018, and the code
    released with it. The components come from the centered covariance, without scaling.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.features import preprocess
    >>> rng = np.random.default_rng(0)
    >>> preprocess(rng.normal(size=(20, 30, 8)), rng.random((20, 30, 3))).shape
    (20, 30, 3)
    """
    check_count("n_components", n_components)
    color = checked_guide(image, "image")
    raw = checked_channels(features, color, "features")
    planes = as_planes(raw, _CLIP)
    filter_in_place(planes, color, WINDOW, EPSILON)
    height, width = color.shape[:2]
    components = _principal_components(planes.reshape(len(planes), -1), n_components)
    stretched = _stretched(components, float(max(planes.max(), -planes.min())))
    channels = np.zeros((n_components, height, width), np.float32)
    channels[: len(components)] = stretched.reshape(-1, height, width)
    return np.ascontiguousarray(np.moveaxis(channels, 0, -1))


def _principal_components(
    channels: Float32[np.ndarray, "C N"], n_components: int
) -> Float32[np.ndarray, "K N"]:
    """Project the pixels on the eigenvectors of largest eigenvalue of the channels' centered covariance.

    The covariance is summed in float64 over blocks of pixels: with float32 products a weak component would
    carry rounding errors of the strongest.
    """
    mean = channels.mean(axis=1, dtype=np.float64, keepdims=True)
    blocks = row_blocks(channels.shape[1], _PIXELS_PER_STEP)

    def gram(pixels: slice) -> Float64[np.ndarray, "C C"]:
        centered = channels[:, pixels] - mean
        return centered @ centered.T

    with workers() as pool:
        covariance = sum(pool.map(gram, blocks), np.zeros((len(channels), len(channels))))
        axes = np.linalg.eigh(covariance)[1][:, ::-1][:, :n_components]
        largest = np.abs(axes).argmax(axis=0)
        axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
        projections = pool.map(lambda pixels: axes.T @ (channels[:, pixels] - mean), blocks)
        return np.concatenate(list(projections), axis=1, dtype=np.float32)


def _stretched(components: Float32[np.ndarray, "K N"], largest: float) -> Float32[np.ndarray, "K N"]:
    """Stretch each component to [0, 1]; one that is constant up to rounding becomes 0.

    ``largest``: the largest magnitude among the features that the components were computed from.
    """
    low = components.min(axis=1, keepdims=True)
    span = components.max(axis=1, keepdims=True) - low
    constant = span <= max(_ROUNDING * largest, _NEGLIGIBLE * span.max())
    return np.where(constant, np.float32(0), (components - low) / np.where(constant, np.float32(1), span))
