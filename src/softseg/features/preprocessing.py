"""From raw features of any channel count to the few channels that the affinities compare.

The published steps (Aksoy et al. 2018): clip, guided filter with the photo as guide, principal components,
each stretched to [0, 1].
"""

from __future__ import annotations

import numba
import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import ArrayLike

from softseg._checks import check_count, check_positive
from softseg._threads import row_blocks, workers
from softseg.features import _kernels

_CLIP = 5.0
_WINDOW = 10
_EPSILON = 0.01

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
    regularisation 0.01), keeps the principal components of largest variance and stretches each to [0, 1].

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
    released with it. The components come from the centred covariance, without scaling.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.features import preprocess
    >>> rng = np.random.default_rng(0)
    >>> preprocess(rng.normal(size=(20, 30, 8)), rng.random((20, 30, 3))).shape
    (20, 30, 3)
    """
    check_count("n_components", n_components)
    colour = _checked_guide(image, "image")
    raw = _checked_channels(features, colour, "features")
    planes = _planes(raw, _CLIP)
    _filter_in_place(planes, colour, _WINDOW, _EPSILON)
    height, width = colour.shape[:2]
    components = _principal_components(planes.reshape(len(planes), -1), n_components)
    stretched = _stretched(components, float(max(planes.max(), -planes.min())))
    channels = np.zeros((n_components, height, width), np.float32)
    channels[: len(components)] = stretched.reshape(-1, height, width)
    return np.ascontiguousarray(np.moveaxis(channels, 0, -1))


def guided_filter(
    features: ArrayLike, guide: ArrayLike, size: int = _WINDOW, epsilon: float = _EPSILON
) -> Float32[np.ndarray, "H W C"]:
    """Smooth every channel while following the edges of a colour photo.

    In every window of the photo a channel is modelled as an affine function of colour, ``a . I + b``; a pixel
    gets the average model of the windows that contain it, applied to its own colour.

    Parameters
    ----------
    features : array_like, shape (H, W, C)
        Channels to filter, in any units; computed from their float32 values.
    guide : array_like of float, shape (H, W, 3)
        The photo, RGB in [0, 1].
    size : int
        Side of the window in pixels. The window of pixel p runs from ``p - (size - 1) // 2`` to
        ``p + size // 2``: an even one reaches one pixel further ahead than back, and because a pixel's
        average is over the windows that *contain* it, the two half-pixel offsets cancel. Outside the photo
        edge values are repeated, those of the models too.
    epsilon : float
        Regularisation, in squared colour units: windows whose colour variance is far below it are averaged,
        windows far above it are reproduced.

    Returns
    -------
    array of float32, shape (H, W, C)
        In the units of ``features``.

    Raises
    ------
    ValueError
        If an array has the wrong rank or size, is not finite, or ``size`` or ``epsilon`` is not positive.

    Notes
    -----
    Source: He, Sun, Tang, Guided Image Filtering, TPAMI 35(6), 2013, eq. 19-21. Sums are float64 and run
    along the lines, so time does not depend on ``size``; memory is two float32 copies of the features and
    eight float64 planes per thread.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.features import guided_filter
    >>> photo = np.random.default_rng(0).random((20, 30, 3))
    >>> filtered = guided_filter(photo, photo, epsilon=1e-6)  # colour is an affine function of colour
    >>> bool(np.abs(filtered - photo).max() < 1e-3)
    True
    """
    colour = _checked_guide(guide, "guide")
    planes = _planes(_checked_channels(features, colour, "features"), np.inf)
    _filter_in_place(planes, colour, size, epsilon)
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def affine_coefficients(
    values: ArrayLike, guide: ArrayLike, size: int = _WINDOW, epsilon: float = _EPSILON
) -> tuple[Float64[np.ndarray, "H W C 3"], Float64[np.ndarray, "H W C"]]:
    """Return the local affine colour models behind :func:`guided_filter`.

    ``(a * guide[:, :, None]).sum(-1) + b`` is the guided filter of ``values``. Interpolated to a larger size
    and applied to the larger photo, the same models upsample ``values`` along its edges.

    Parameters
    ----------
    values : array_like, shape (H, W, C)
        Channels to model, in any units.
    guide : array_like of float, shape (H, W, 3)
        The photo, RGB in [0, 1].
    size, epsilon : int, float
        Window and regularisation, as in :func:`guided_filter`.

    Returns
    -------
    a : array of float64, shape (H, W, C, 3)
        Averaged over the windows that contain the pixel; units of ``values`` per colour.
    b : array of float64, shape (H, W, C)
        Likewise; units of ``values``.

    Raises
    ------
    ValueError
        As in :func:`guided_filter`.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.features import affine_coefficients
    >>> photo = np.random.default_rng(0).random((20, 30, 3))
    >>> a, b = affine_coefficients(photo[..., :1], photo, epsilon=1e-9)
    >>> np.round(a[10, 10, 0], 3), round(float(b[10, 10, 0]), 3)
    (array([ 1., -0., -0.]), 0.0)
    """
    colour = _checked_guide(guide, "guide")
    planes = np.moveaxis(_checked_channels(values, colour, "values"), -1, 0).astype(np.float64, order="C")
    models = _kernels.affine_models(planes, *_guide_statistics(colour, size, epsilon))
    return np.moveaxis(models[:, :3], (0, 1), (2, 3)).copy(), np.moveaxis(models[:, 3], 0, -1).copy()


def _checked_guide(image: ArrayLike, name: str) -> Float64[np.ndarray, "H W 3"]:
    colour = np.asarray(image)
    if colour.ndim != 3 or colour.shape[2] != 3 or 0 in colour.shape:
        raise ValueError(f"{name}: expected shape (H, W, 3), got {colour.shape}")
    if not np.issubdtype(colour.dtype, np.floating):
        raise ValueError(f"{name}: expected floating point RGB in [0, 1], got {colour.dtype}")
    if not np.isfinite(colour).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    if colour.min() < 0 or colour.max() > 1:
        raise ValueError(f"{name}: expected RGB in [0, 1], got values from {colour.min()} to {colour.max()}")
    return colour.astype(np.float64, copy=False)


def _checked_channels(channels: ArrayLike, colour: Float64[np.ndarray, "H W 3"], name: str) -> np.ndarray:
    raw = np.asarray(channels)
    height, width = colour.shape[:2]
    if raw.ndim != 3 or raw.shape[2] == 0 or raw.shape[:2] != (height, width):
        raise ValueError(f"{name}: expected shape ({height}, {width}, C), got {raw.shape}")
    if not np.issubdtype(raw.dtype, np.number) or np.issubdtype(raw.dtype, np.complexfloating):
        raise ValueError(f"{name}: expected real numbers, got {raw.dtype}")
    if not np.isfinite(raw).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return raw


def _planes(raw: np.ndarray, limit: float) -> Float32[np.ndarray, "C H W"]:
    """Lay the channels out as planes, clipped to [-limit, limit]; row by row, to stay within the cache."""
    height, width, channels = raw.shape
    planes = np.empty((channels, height, width), np.float32)
    for y in range(height):
        planes[:, y] = np.clip(raw[y], -limit, limit).T
    return planes


def _filter_in_place(
    planes: Float32[np.ndarray, "C H W"], colour: Float64[np.ndarray, "H W 3"], size: int, epsilon: float
) -> None:
    channels, height, width = planes.shape
    workspace = np.empty((min(channels, numba.get_num_threads()), 2, 4, height, width))
    _kernels.guided_filter_planes(planes, *_guide_statistics(colour, size, epsilon), workspace)


def _guide_statistics(
    colour: Float64[np.ndarray, "H W 3"], size: int, epsilon: float
) -> tuple[
    Float64[np.ndarray, "3 H W"], Float64[np.ndarray, "3 H W"], Float64[np.ndarray, "6 H W"], int, int
]:
    """Return all that depends on the guide alone, as the kernels want it.

    That is: the guide as planes, its window means, the inverses of its regularised window covariances (six
    distinct entries) and the window's reach back and ahead.
    """
    check_count("size", size)
    check_positive("epsilon", epsilon)
    before, after = (size - 1) // 2, size // 2
    guide = np.ascontiguousarray(np.moveaxis(colour, -1, 0))
    mean = _kernels.window_means(guide, before, after)
    i, j = np.triu_indices(3)
    covariance = _kernels.window_means(guide[i] * guide[j], before, after) - mean[i] * mean[j]
    covariance[i == j] += epsilon
    return guide, mean, _inverse(covariance), before, after


def _inverse(matrices: Float64[np.ndarray, "6 H W"]) -> Float64[np.ndarray, "6 H W"]:
    """Invert symmetric 3x3 matrices, given by their entries 00, 01, 02, 11, 12, 22, through cofactors."""
    s00, s01, s02, s11, s12, s22 = matrices
    cofactors = np.stack(
        [
            s11 * s22 - s12 * s12,
            s02 * s12 - s01 * s22,
            s01 * s12 - s02 * s11,
            s00 * s22 - s02 * s02,
            s01 * s02 - s00 * s12,
            s00 * s11 - s01 * s01,
        ]
    )
    return cofactors / (s00 * cofactors[0] + s01 * cofactors[1] + s02 * cofactors[2])


def _principal_components(
    channels: Float32[np.ndarray, "C N"], n_components: int
) -> Float32[np.ndarray, "K N"]:
    """Project the pixels on the eigenvectors of largest eigenvalue of the channels' centred covariance.

    The covariance is summed in float64 over blocks of pixels: with float32 products a weak component would
    carry rounding errors of the strongest.
    """
    mean = channels.mean(axis=1, dtype=np.float64, keepdims=True)
    blocks = row_blocks(channels.shape[1], _PIXELS_PER_STEP)

    def gram(pixels: slice) -> Float64[np.ndarray, "C C"]:
        centred = channels[:, pixels] - mean
        return centred @ centred.T

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
