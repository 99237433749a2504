"""The guided filter: channels smoothed so that they follow the edges of a photo (He, Sun, Tang 2013)."""

from __future__ import annotations

import numba
import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import ArrayLike

from softseg._checks import check_count, check_positive
from softseg.features import _kernels

WINDOW = 10  # pixels along a side of the window, as published for the features (Aksoy et al. 2018)
EPSILON = 0.01  # regularization in squared color units, likewise


def guided_filter(
    features: ArrayLike, guide: ArrayLike, size: int = WINDOW, epsilon: float = EPSILON
) -> Float32[np.ndarray, "H W C"]:
    """Smooth every channel while following the edges of a color photo.

    In every window of the photo a channel is modeled as an affine function of color, ``a . I + b``; a pixel
    gets the average model of the windows that contain it, applied to its own color.

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
        Regularization, in squared color units: windows whose color variance is far below it are averaged,
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
    >>> filtered = guided_filter(photo, photo, epsilon=1e-6)  # color is an affine function of color
    >>> bool(np.abs(filtered - photo).max() < 1e-3)
    True
    """
    color = checked_guide(guide, "guide")
    planes = as_planes(checked_channels(features, color, "features"), np.inf)
    filter_in_place(planes, color, size, epsilon)
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def affine_coefficients(
    values: ArrayLike, guide: ArrayLike, size: int = WINDOW, epsilon: float = EPSILON
) -> tuple[Float64[np.ndarray, "H W C 3"], Float64[np.ndarray, "H W C"]]:
    """Return the local affine color models behind :func:`guided_filter`.

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
        Averaged over the windows that contain the pixel; units of ``values`` per color.
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
    color = checked_guide(guide, "guide")
    planes = np.moveaxis(checked_channels(values, color, "values"), -1, 0).astype(np.float64, order="C")
    models = _kernels.affine_models(planes, *_guide_statistics(color, size, epsilon))
    return np.moveaxis(models[:, :3], (0, 1), (2, 3)).copy(), np.moveaxis(models[:, 3], 0, -1).copy()


def checked_guide(image: ArrayLike, name: str) -> Float64[np.ndarray, "H W 3"]:
    color = np.asarray(image)
    if color.ndim != 3 or color.shape[2] != 3 or 0 in color.shape:
        raise ValueError(f"{name}: expected shape (H, W, 3), got {color.shape}")
    if not np.issubdtype(color.dtype, np.floating):
        raise ValueError(f"{name}: expected floating point RGB in [0, 1], got {color.dtype}")
    if not np.isfinite(color).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    if color.min() < 0 or color.max() > 1:
        raise ValueError(f"{name}: expected RGB in [0, 1], got values from {color.min()} to {color.max()}")
    return color.astype(np.float64, copy=False)


def checked_channels(channels: ArrayLike, color: Float64[np.ndarray, "H W 3"], name: str) -> np.ndarray:
    raw = np.asarray(channels)
    height, width = color.shape[:2]
    if raw.ndim != 3 or raw.shape[2] == 0 or raw.shape[:2] != (height, width):
        raise ValueError(f"{name}: expected shape ({height}, {width}, C), got {raw.shape}")
    if not np.issubdtype(raw.dtype, np.number) or np.issubdtype(raw.dtype, np.complexfloating):
        raise ValueError(f"{name}: expected real numbers, got {raw.dtype}")
    if not np.isfinite(raw).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return raw


def as_planes(raw: np.ndarray, limit: float) -> Float32[np.ndarray, "C H W"]:
    """Lay the channels out as planes, clipped to [-limit, limit]; row by row, to stay within the cache."""
    height, width, channels = raw.shape
    planes = np.empty((channels, height, width), np.float32)
    for y in range(height):
        planes[:, y] = np.clip(raw[y], -limit, limit).T
    return planes


def filter_in_place(
    planes: Float32[np.ndarray, "C H W"], color: Float64[np.ndarray, "H W 3"], size: int, epsilon: float
) -> None:
    channels, height, width = planes.shape
    workspace = np.empty((min(channels, numba.get_num_threads()), 2, 4, height, width))
    _kernels.guided_filter_planes(planes, *_guide_statistics(color, size, epsilon), workspace)


def _guide_statistics(
    color: Float64[np.ndarray, "H W 3"], size: int, epsilon: float
) -> tuple[
    Float64[np.ndarray, "3 H W"], Float64[np.ndarray, "3 H W"], Float64[np.ndarray, "6 H W"], int, int
]:
    """Return all that depends on the guide alone, as the kernels want it.

    That is: the guide as planes, its window means, the inverses of its regularized window covariances (six
    distinct entries) and the window's reach back and ahead.
    """
    check_count("size", size)
    check_positive("epsilon", epsilon)
    before, after = (size - 1) // 2, size // 2
    guide = np.ascontiguousarray(np.moveaxis(color, -1, 0))
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
