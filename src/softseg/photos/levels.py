"""Stored levels become numbers in [0, 1]: which level is white, and what may lie outside by rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float64

from softseg._checks import check_positive
from softseg._warnings import warn
from softseg.photos.decoded import UnsuitableError

# How far floats may lie outside [0, 1] and are still clipped without a word: a few roundings of single
# precision, in which most of them were computed, or one of half precision.
ROUNDING = 1e-6
ROUNDING_OF_HALF = 1e-3

# Integers of so many bits are asked about if their levels use no more than this: no camera or microscope has
# more bits than 14, and a photo whose two highest bits are unused is nearly black. Chosen by the project.
FEW_BITS = {16: 14, 32: 30, 64: 62}


def full_scale(dtype: np.dtype[Any]) -> float:
    """Return the level that stands for 1 where nothing else is said: the largest; 1 for floats.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.photos.levels import full_scale
    >>> full_scale(np.dtype(np.int16)), full_scale(np.dtype(np.float32))
    (32767.0, 1.0)
    """
    return float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 1.0


def white_level(levels: np.ndarray, said: float | None, white: Any, name: str) -> float:
    """Return the level that stands for 1.

    Parameters
    ----------
    levels : ndarray
        Stored levels, without the opacity.
    said : float or None
        What the file says.
    white : float or None
        What the caller says, which comes first.
    name : str
        The photo's name in warnings.

    Returns
    -------
    float
        If neither says anything, the largest of the dtype.

    Warns
    -----
    UserWarning
        In one line, if nobody says anything and the levels look like those of fewer bits.
    """
    if white is not None:
        check_positive("white", white)
        return float(white)
    if said is not None:
        return float(said)
    full = full_scale(levels.dtype)
    if np.issubdtype(levels.dtype, np.integer) and levels.size:
        used = max(int(levels.max()), 0).bit_length()
        bits = max(used, 8)
        if 0 < used <= FEW_BITS.get(8 * levels.dtype.itemsize, 0):
            other = 2**bits - 1
            warn(
                f"{name}: level {full:.0f} was taken as white, but the brightest is {int(levels.max())}, as "
                f"of {bits} bits; read_photo(..., white={other}) or --white {other} takes another"
            )
    return full


def to_unit(levels: np.ndarray, white: float, name: str) -> Float64[np.ndarray, "*shape"]:
    """Return levels as floats in [0, 1]; raise an error if they are not between 0 and white.

    Parameters
    ----------
    levels : ndarray, of any shape
        Of integers or floats.
    white : float
        The level that becomes 1.
    name : str
        The photo's name in errors.

    Returns
    -------
    ndarray of float64, of the same shape
        New. Floats that lie outside by rounding alone are clipped.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.photos.levels import to_unit
    >>> to_unit(np.array([[[0, 819, 4095]]], dtype=np.uint16), 4095.0, "image").tolist()
    [[[0.0, 0.2, 1.0]]]
    """
    low, high = (levels.min(), levels.max()) if levels.size else (0, 0)
    if np.issubdtype(levels.dtype, np.floating):
        low, high = float(low), float(high)
        if not (np.isfinite(low) and np.isfinite(high)):
            raise UnsuitableError(f"{name}: expected finite values, got NaN or infinity")
        slack = white * (ROUNDING_OF_HALF if levels.dtype == np.float16 else ROUNDING)
        if low < -slack or high > white + slack:
            bounds = "[0, 1]" if white == 1 else f"[0, {white:.6g}]"
            advice = "" if low < -slack else "; read_photo(..., white=LEVEL) says which level is white"
            raise UnsuitableError(
                f"{name}: expected floats in {bounds}, got values from {low:.6g} to {high:.6g}{advice}"
            )
    elif low < 0:
        raise UnsuitableError(
            f"{name}: expected levels from 0 up, got {low} to {high}: subtract what is black first"
        )
    elif high > white:
        raise UnsuitableError(f"{name}: expected levels up to white, {white:.6g}, got {high}")
    unit = np.empty(levels.shape)
    np.divide(levels, white, out=unit, dtype=np.float64, casting="unsafe")
    if np.issubdtype(levels.dtype, np.floating):
        np.clip(unit, 0.0, 1.0, out=unit)
    return unit
