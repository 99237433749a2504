"""A photo as a file or an array holds it, before its levels and colors are understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

# What the channels mean, opacity apart. "lab" are floats, L* from 0 to 100; "channels" are any others, of
# which one or three must be chosen.
Space = Literal["gray", "rgb", "cmyk", "lab", "channels"]

# How many channels each has.
SIZES: dict[Space, int] = {"gray": 1, "rgb": 3, "cmyk": 4, "lab": 3}


class UnsuitableError(ValueError):
    """What a photo is refused for; the message is complete, and names the argument."""


@final
@dataclass(frozen=True)
class Decoded:
    """Levels as they are stored, upright, and what the file says of them.

    Attributes
    ----------
    levels : ndarray, shape (H, W, C)
        Of any real dtype. The last channel is the opacity if there is one.
    space : str
        What the other channels mean.
    white : float or None
        The level that stands for 1, where the file says so. None: the largest of the dtype; 1 for floats.
    opacity : bool
        Whether the last channel is the opacity.
    premultiplied : bool
        Whether colors are multiplied by the opacity already.
    inverted : bool
        Whether 0 is white.
    profile : bytes or None
        The ICC profile.
    names : tuple of str
        What the channels are called, where the file says so; else empty.
    stored : ndarray or None
        All channels that are stored, to choose from, if there are more than those in ``levels``.
    frames : int
        How many pictures of this kind the file holds.
    chosen : bool
        Whether this one is another than the first, or the file itself says which one is meant.
    """

    levels: np.ndarray
    space: Space = "rgb"
    white: float | None = None
    opacity: bool = False
    premultiplied: bool = False
    inverted: bool = False
    profile: bytes | None = None
    names: tuple[str, ...] = ()
    stored: np.ndarray | None = None
    frames: int = 1
    chosen: bool = False


def upright(levels: np.ndarray, orientation: int | None) -> np.ndarray:
    """Return pixels as they are meant to be seen, by EXIF's and TIFF's orientation.

    Parameters
    ----------
    levels : ndarray, shape (H, W, ...)
        Pixels as they are stored.
    orientation : int or None
        1 to 8 (TIFF 6.0, tag 274); anything else means upright.

    Returns
    -------
    ndarray
        A view.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.photos.decoded import upright
    >>> upright(np.array([[1, 2, 3]]), 8).ravel()
    array([3, 2, 1])
    """
    if orientation in (5, 6, 7, 8):
        levels = levels.swapaxes(0, 1)
    # Which corner the first stored pixel belongs to, once rows are rows.
    if orientation in (3, 4, 7, 8):
        levels = levels[::-1]
    if orientation in (2, 3, 6, 7):
        levels = levels[:, ::-1]
    return levels
