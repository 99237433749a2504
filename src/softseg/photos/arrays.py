"""Arrays of any kind as NumPy's: tensors, masked arrays, nested lists, and all that calls itself an array."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from softseg.photos.decoded import Decoded, Space, UnsuitableError

# What the channels of an array are, by their number, and whether the last one is the opacity.
CHANNELS: dict[int, tuple[Space, bool]] = {
    1: ("gray", False),
    2: ("gray", True),
    3: ("rgb", False),
    4: ("rgb", True),
}
# Integers that need nobody to say which level is white.
UNSIGNED = (np.uint8, np.uint16)


def as_array(values: Any, name: str) -> np.ndarray:
    """Return an array, a tensor or a nested list as an array; raise an error for anything else.

    Parameters
    ----------
    values : array_like
        A tensor may require a gradient, and may lie on another device. A masked array must have nothing
        masked.
    name : str
        The name of the argument in errors.

    Returns
    -------
    ndarray
        It may share its memory with the values.

    Raises
    ------
    TypeError, ValueError
        If it is none of these. The message has one line, which names the argument.

    Examples
    --------
    >>> from softseg.photos.arrays import as_array
    >>> as_array([[1, 2]], "labels").shape
    (1, 2)
    """
    if not hasattr(values, "__array__") and not isinstance(values, (list, tuple)):
        raise TypeError(f"{name}: expected an array, got {type(values).__name__}")
    if np.ma.isMaskedArray(values):
        if np.ma.getmaskarray(values).any():
            raise ValueError(f"{name}: expected an array without masked values; fill them first (filled())")
        return np.ma.getdata(values)
    try:
        return np.asarray(_detached(values))
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(values, (list, tuple)):  # rows of different lengths
            raise ValueError(f"{name}: expected an array, got a ragged {type(values).__name__}") from None
        raise TypeError(f"{name}: expected an array, got {type(values).__name__}: {error}") from error


def _detached(values: Any) -> Any:
    """Return what an array can be made of: a tensor of torch without its gradient, on this machine."""
    torch = sys.modules.get("torch")  # who has a tensor has imported it
    if torch is None or not isinstance(values, torch.Tensor):
        return values
    tensor = values.detach().cpu()
    return tensor.float() if tensor.dtype == torch.bfloat16 else tensor


def decoded_array(values: Any, name: str, any_channels: bool, any_integers: bool) -> Decoded:
    """Return an array that the caller gave as a photo.

    Parameters
    ----------
    values : array_like, shape (H, W), or (H, W, C) with C from 1 to 4
        Grays, grays and opacity, RGB, or RGB and opacity. What is masked is transparent.
    name : str
        The photo's name in errors.
    any_channels : bool
        Whether there may be any number of channels, because some are chosen.
    any_integers : bool
        Whether integers may be of any type, because it is known which level is white.

    Raises
    ------
    TypeError, ValueError
        If the array is not as above.
    """
    mask = None
    if np.ma.isMaskedArray(values):
        mask, values = np.ma.getmaskarray(values), np.ma.getdata(values)
    array = as_array(values, name)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or (array.shape[2] not in CHANNELS and not any_channels):
        raise UnsuitableError(f"{name}: expected shape (H, W, 3), or (H, W) for grays, got {_say(array)}")
    _check_type(array, name, any_integers)
    space, opacity = CHANNELS.get(array.shape[2], ("channels", False))
    if mask is not None and mask.any():
        array, opacity = _make_transparent(array, mask.reshape(*array.shape[:2], -1), opacity), True
    return Decoded(array, space, opacity=opacity)


def _say(array: np.ndarray) -> str:
    if array.ndim == 3 and array.shape[0] in CHANNELS:
        return f"{array.shape} (channels come last: move them with transpose(1, 2, 0))"
    return str(array.shape)


def _check_type(array: np.ndarray, name: str, any_integers: bool) -> None:
    if np.issubdtype(array.dtype, np.floating) or array.dtype.newbyteorder("=") in UNSIGNED:
        return
    if np.issubdtype(array.dtype, np.integer):
        if any_integers:
            return
        advice = "; read_photo(..., white=LEVEL) says which level is white"
    else:
        advice = ""
    raise TypeError(f"{name}: expected uint8, or floats in [0, 1], or uint16, got {array.dtype}{advice}")


def _make_transparent(array: np.ndarray, mask: np.ndarray, opacity: bool) -> np.ndarray:
    """Return an array with its opacity as the last channel: none where anything is masked."""
    hidden = mask.any(axis=2)
    full = 1 if np.issubdtype(array.dtype, np.floating) else np.iinfo(array.dtype).max
    if opacity:
        array = array.copy()
    else:
        array = np.concatenate([array, np.full((*hidden.shape, 1), full, dtype=array.dtype)], axis=2)
    array[hidden] = 0  # masked values may be anything, NaN included
    return array
