"""The guided filter, which smooths channels along the edges of a photo (He, Sun, Tang 2013)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import ArrayLike

from softseg._checks import check_count, check_positive
from softseg._threads import cores, on_all_cores
from softseg.features import _kernels

# Pixels along a side of the window, as published for the features (Aksoy et al. 2018, and the code released
# with it).
FEATURE_WINDOW = 10

# The regularization in squared color units of [0, 1], from the same source.
FEATURE_EPSILON = 0.01


def guided_filter(
    features: ArrayLike, guide: ArrayLike, size: int = FEATURE_WINDOW, epsilon: float = FEATURE_EPSILON
) -> Float32[np.ndarray, "H W C"]:
    """Smooth every channel along the edges of a color photo.

    In every window of the photo, a channel is modeled as an affine function of color, ``a . I + b``. The
    models of all windows that contain a pixel are averaged, and the average is applied to the pixel's color.

    Parameters
    ----------
    features : array_like, shape (H, W, C)
        The channels to filter, in any unit. They are rounded to float32 first.
    guide : array_like of float, shape (H, W, 3)
        The photo, RGB in [0, 1].
    size : int
        The side of the window in pixels, at least 1. The window of pixel p runs from ``p - (size - 1) // 2``
        to ``p + size // 2``, so that an even one reaches one pixel further ahead than back. A pixel's average
        is over the windows that *contain* it, so that the two half-pixel offsets cancel. Outside the photo,
        edge values are repeated, and so are the models.
    epsilon : float
        The regularization, above 0, in squared color units. Windows whose color variance is far below it are
        averaged, and those whose variance is far above it are kept.

    Returns
    -------
    array of float32, shape (H, W, C)
        In the unit of ``features``.

    Raises
    ------
    ValueError
        If an array has the wrong rank or size, is not finite, or ``size`` or ``epsilon`` is not positive.

    Notes
    -----
    Source: He, Sun, Tang, Guided Image Filtering, TPAMI 35(6), 2013, eq. 19-21. The windows' sums are running
    ones in float64, so that the time does not depend on ``size``. The memory is that of two float32 copies of
    the features and of eight float64 planes per thread.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.features import guided_filter
    >>> photo = np.random.default_rng(0).random((20, 30, 3))
    >>> filtered = guided_filter(photo, photo, epsilon=1e-6)  # color is an affine function of color
    >>> bool(np.abs(filtered - photo).max() < 1e-3)
    True
    """
    color = check_guide(guide, "guide")
    planes = as_planes(check_channels(features, color, "features"), np.inf)
    filter_in_place(planes, color, size, epsilon)
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def affine_coefficients(
    values: ArrayLike, guide: ArrayLike, size: int = FEATURE_WINDOW, epsilon: float = FEATURE_EPSILON
) -> tuple[Float64[np.ndarray, "H W C 3"], Float64[np.ndarray, "H W C"]]:
    """Return the local affine color models behind :func:`guided_filter`.

    ``(a * guide[:, :, None]).sum(-1) + b`` is the guided filter of ``values``. If the models are interpolated
    to the size of a larger photo and applied to its colors, they upsample ``values`` along its edges.

    Parameters
    ----------
    values : array_like, shape (H, W, C)
        The channels to model, in any unit.
    guide : array_like of float, shape (H, W, 3)
        The photo, RGB in [0, 1].
    size, epsilon : int, float
        The window and the regularization, as in :func:`guided_filter`.

    Returns
    -------
    a : array of float64, shape (H, W, C, 3)
        The slopes, averaged over the windows that contain the pixel, in units of ``values`` per unit of
        color.
    b : array of float64, shape (H, W, C)
        The offsets, averaged likewise, in units of ``values``.

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
    color = check_guide(guide, "guide")
    planes = np.moveaxis(check_channels(values, color, "values"), -1, 0)
    statistics = _compute_guide_statistics(color, size, epsilon)
    models = np.empty((len(planes), 4, *color.shape[:2]))

    def fit(start: int, stop: int) -> None:
        scratch = np.empty(models.shape[1:])
        for k in range(start, stop):
            _fit_model(planes[k], *statistics, scratch, models[k])

    on_all_cores(fit, len(planes))
    return np.moveaxis(models[:, :3], (0, 1), (2, 3)).copy(), np.moveaxis(models[:, 3], 0, -1).copy()


def check_guide(image: ArrayLike, name: str) -> Float64[np.ndarray, "H W 3"]:
    """Return the photo as float64; raise a ValueError, which names it, unless it is RGB in [0, 1]."""
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


def check_channels(channels: ArrayLike, color: Float64[np.ndarray, "H W 3"], name: str) -> np.ndarray:
    """Return channels as an array; raise a ValueError unless they are finite, real and fit the photo."""
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
    """Return channels (H, W, C) as planes, clipped to [-limit, limit]."""
    height, width, channels = raw.shape
    planes = np.empty((channels, height, width), np.float32)
    for y in range(height):  # row by row, which stays within a processor's cache
        planes[:, y] = np.clip(raw[y], -limit, limit).T
    return planes


def filter_in_place(
    planes: Float32[np.ndarray, "C H W"], color: Float64[np.ndarray, "H W 3"], size: int, epsilon: float
) -> None:
    """Replace each plane by its guided filter; see :func:`guided_filter`."""
    statistics = _compute_guide_statistics(color, size, epsilon)
    channels, height, width = planes.shape
    # Allocating memory for every channel would cost more than the arithmetic. So the channels are dealt out
    # to as many parts as there are cores, and a part uses its memory for all of its channels.
    parts = min(channels, cores())

    def filter_parts(start: int, stop: int) -> None:
        scratch, model = np.empty((2, 4, height, width))
        for part in range(start, stop):
            for k in range(part, channels, parts):
                _fit_model(planes[k], *statistics, scratch, model)
                _kernels.evaluate_model(model, statistics[0], planes[k])

    on_all_cores(filter_parts, parts)


def _fit_model(
    plane: np.ndarray,
    guide: Float64[np.ndarray, "3 H W"],
    mean_guide: Float64[np.ndarray, "3 H W"],
    inverse: Float64[np.ndarray, "6 H W"],
    before: int,
    after: int,
    scratch: Float64[np.ndarray, "4 H W"],
    model: Float64[np.ndarray, "4 H W"],
) -> None:
    """Fit ``plane = a . guide + b`` in every window, then average the fits of the windows around each pixel.

    The three planes of a and the plane of b are written to ``model``. ``scratch`` is overwritten.
    """
    scratch[3] = plane
    np.multiply(guide, scratch[3], out=scratch[:3])
    for c in range(4):
        _kernels.average_window(scratch[c], before, after, model[c])
    _kernels.fit_windows(model, mean_guide, inverse, scratch)
    for c in range(4):
        _kernels.average_window(scratch[c], after, before, model[c])


def _compute_guide_statistics(
    color: Float64[np.ndarray, "H W 3"], size: int, epsilon: float
) -> tuple[
    Float64[np.ndarray, "3 H W"], Float64[np.ndarray, "3 H W"], Float64[np.ndarray, "6 H W"], int, int
]:
    """Return the kernels' arguments that depend on the guide alone.

    They are the guide as planes, its window means, the inverses of its regularized window covariances (six
    distinct entries), and the window's reach back and ahead in pixels.
    """
    check_count("size", size)
    check_positive("epsilon", epsilon)
    before, after = (size - 1) // 2, size // 2
    guide = np.ascontiguousarray(np.moveaxis(color, -1, 0))
    mean = _average_windows(guide, before, after)
    i, j = np.triu_indices(3)
    covariance = _average_windows(guide[i] * guide[j], before, after) - mean[i] * mean[j]
    covariance[i == j] += epsilon
    return guide, mean, _invert(covariance), before, after


def _average_windows(
    planes: Float64[np.ndarray, "C H W"], before: int, after: int
) -> Float64[np.ndarray, "C H W"]:
    """Return the means over each pixel's window, which reaches so many pixels back and ahead."""
    means = np.empty(planes.shape)

    def average(start: int, stop: int) -> None:
        for k in range(start, stop):
            _kernels.average_window(planes[k], before, after, means[k])

    on_all_cores(average, len(planes))
    return means


def _invert(matrices: Float64[np.ndarray, "6 H W"]) -> Float64[np.ndarray, "6 H W"]:
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
