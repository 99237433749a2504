"""Reducing raw features of any number of channels to the few channels that the affinities compare.

The published steps (Aksoy et al. 2018) are to clip the features, to filter them with the photo as the guide,
and to stretch their first principal components to [0, 1] each.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Shaped
from numpy.typing import ArrayLike

from softseg._checks import check_count
from softseg._threads import row_blocks, workers
from softseg._warnings import warn
from softseg.features.filtering import (
    FEATURE_EPSILON,
    FEATURE_WINDOW,
    as_planes,
    check_channels,
    check_guide,
    filter_in_place,
)

# Raw features are clipped to plus and minus this, as published (Aksoy et al. 2018, and the code released with
# it).
_CLIP = 5.0

# If more than this share of the values is clipped, there is a warning: hardly more than their signs is left,
# or nothing, where all of a channel lie on one side. Of normal values of unit variance, one in a million is
# clipped. A few outliers, which clipping is for, give no warning. Chosen by the project.
_MOST_CLIPPED = 0.9

# A component whose range is at most this, relative to the largest magnitude among the filtered features,
# counts as constant. Features are float32, so that rounding leaves a range of about 1e-7 of the largest
# magnitude, times the root of the number of channels, where nothing varies. Chosen by the project.
_ROUNDING = 1e-5

# A component whose range is at most this, relative to the widest component's, counts as constant, too. It may
# carry the rounding errors of whatever computed the features. One gray level of an 8-bit photo is 4e-3 of the
# widest range, so that nothing visible is lost. Chosen by the project.
_NEGLIGIBLE = 1e-4

# Pixels per step of the sum of the covariance: as few as still keep the matrix product efficient. The steps'
# sums are added in order, so this number decides the last bits of the result. Chosen by the project.
_PIXELS_PER_STEP = 8192


def preprocess(
    features: ArrayLike, image: ArrayLike, n_components: int = 3
) -> Float32[np.ndarray, "H W {n_components}"]:
    """Turn raw features into the few channels that the affinities compare.

    The features are clipped to [-5, 5]. Every channel is filtered with the photo as the guide
    (:func:`guided_filter`, 10x10 window, regularization 0.01). The principal components of largest variance
    are kept, and each is stretched to [0, 1].

    Parameters
    ----------
    features : array_like, shape (H, W, C)
        The raw features, of any number of channels C >= 1, in any unit.
    image : array_like of float, shape (H, W, 3)
        The photo, RGB in [0, 1].
    n_components : int
        The number of channels to return, at least 1. If the features have fewer, the others are zero.

    Returns
    -------
    array of float32, shape (H, W, n_components)
        The components, in [0, 1], by falling variance. A component that is constant up to rounding (its range
        is at most 1e-4 of the widest one's, or 1e-5 of the largest filtered value) is 0 everywhere. The sign
        of each is fixed: the largest weight of its eigenvector is positive.

    Raises
    ------
    TypeError, ValueError
        If an array has the wrong rank or size or is not finite, or ``n_components`` is not an integer of at
        least 1.

    Warns
    -----
    UserWarning
        If more than nine in ten values lie outside [-5, 5], not counting channels that are constant.

    Notes
    -----
    Source: Aksoy et al., Semantic Soft Segmentation, ACM TOG 37(4), 2018, and the code released with it. The
    components are those of the centered covariance, without scaling.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.features import preprocess
    >>> rng = np.random.default_rng(0)
    >>> preprocess(rng.normal(size=(20, 30, 8)), rng.random((20, 30, 3))).shape
    (20, 30, 3)
    """
    check_count("n_components", n_components)
    color = check_guide(image, "image")
    raw = check_channels(features, color, "features")
    _warn_of_clipping(raw)
    planes = as_planes(raw, _CLIP)
    filter_in_place(planes, color, FEATURE_WINDOW, FEATURE_EPSILON)
    height, width = color.shape[:2]
    components = _project_on_components(planes.reshape(len(planes), -1), n_components)
    stretched = _stretch(components, float(max(planes.max(), -planes.min())))
    channels = np.zeros((n_components, height, width), np.float32)
    channels[: len(components)] = stretched.reshape(-1, height, width)
    return np.ascontiguousarray(np.moveaxis(channels, 0, -1))


def _warn_of_clipping(raw: Shaped[np.ndarray, "H W C"]) -> None:
    """Warn if clipping leaves next to nothing of the features."""
    varying = np.ptp(raw, axis=(0, 1)) > 0
    if not varying.any():
        return
    share = float((((raw > _CLIP) | (raw < -_CLIP)).mean(axis=(0, 1)))[varying].mean())
    if share > _MOST_CLIPPED:
        warn(
            f"features: {share:.0%} of the values lie outside [-5, 5] and are clipped, as published, which "
            "leaves little of them; rescale each channel first, to zero mean and unit variance"
        )


def _project_on_components(
    channels: Float32[np.ndarray, "C N"], n_components: int
) -> Float32[np.ndarray, "K N"]:
    """Project the pixels onto the eigenvectors of the channels' centered covariance of largest eigenvalue.

    The covariance is summed in float64, block by block of pixels. With float32 products, a weak component
    would carry rounding errors of the strongest.
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


def _stretch(components: Float32[np.ndarray, "K N"], largest: float) -> Float32[np.ndarray, "K N"]:
    """Stretch each component to [0, 1]; one that is constant up to rounding becomes 0.

    ``largest`` is the largest magnitude among the features that the components were computed from.
    """
    low = components.min(axis=1, keepdims=True)
    span = components.max(axis=1, keepdims=True) - low
    constant = span <= max(_ROUNDING * largest, _NEGLIGIBLE * span.max())
    return np.where(constant, np.float32(0), (components - low) / np.where(constant, np.float32(1), span))
