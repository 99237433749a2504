"""A photo that was read: its pixels, its opacity, and the color profile that it came with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Float

# Pixels along a side of the matting affinity's windows (Levin, Lischinski, Weiss 2008). It is the least
# height and the least width of a photo.
MATTING_WINDOW = 3


@final
@dataclass(frozen=True, eq=False, repr=False)
class Photo:
    """A photo as `softseg.read_photo` returns it; `softseg.segment` and all that take photos take it.

    Every parameter is an attribute of the same name. NumPy takes a photo for an array of its pixels.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3)
        Colors in sRGB, float64 in [0, 1]. Where the photo is transparent, it lies over a background.
    profile : bytes, optional
        The ICC profile of the file, from which the colors were converted. Default: it had none.
    opacity : ndarray, shape (H, W), optional
        Float32 in [0, 1], 1 where the photo is opaque, if what is transparent becomes a layer of its own.
        Default: it is opaque everywhere.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not as above. They are copied if they can be written to.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import Photo
    >>> Photo(np.zeros((20, 30, 3)))
    <Photo: 30x20 pixels>
    """

    pixels: Float[np.ndarray, "H W 3"]
    profile: bytes | None = None
    opacity: Float[np.ndarray, "H W"] | None = None

    def __post_init__(self) -> None:
        pixels = _keep(self.pixels, np.float64, "pixels")
        if pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < MATTING_WINDOW:
            raise ValueError(f"pixels: expected shape (H, W, 3), at least 3x3 pixels, got {pixels.shape}")
        object.__setattr__(self, "pixels", pixels)
        if self.opacity is not None:
            opacity = _keep(self.opacity, np.float32, "opacity")
            if opacity.shape != pixels.shape[:2]:
                raise ValueError(f"opacity: expected shape {pixels.shape[:2]}, got {opacity.shape}")
            object.__setattr__(self, "opacity", opacity)
        if self.profile is not None and not isinstance(self.profile, bytes):
            raise TypeError(f"profile: expected bytes, got {type(self.profile).__name__}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The height and the width, in pixels, and 3."""
        return self.pixels.shape[0], self.pixels.shape[1], 3

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the pixels, so that the photo is an array for any other library."""
        return np.array(self.pixels, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        height, width, _ = self.shape
        parts = [f"{width}x{height} pixels"]
        if self.profile is not None:
            parts.append("converted from its profile")
        if self.opacity is not None:
            parts.append(f"{1 - self.opacity.mean(dtype=float):.0%} transparent")
        return f"<Photo: {', '.join(parts)}>"


def _keep(values: Any, dtype: type, name: str) -> np.ndarray:
    """Return values of this type that cannot be written to, copied unless they are such; check them."""
    if not isinstance(values, np.ndarray):
        raise TypeError(f"{name}: expected an array, got {type(values).__name__}")
    if values.dtype != dtype or values.flags.writeable or not values.flags.owndata:
        if not np.issubdtype(values.dtype, np.floating):
            raise TypeError(f"{name}: expected floats in [0, 1], got {values.dtype}")
        values = np.array(values, dtype=dtype, order="C")
        values.flags.writeable = False
    if values.size and not (values.min() >= 0 and values.max() <= 1):  # also true of NaN
        raise ValueError(f"{name}: expected floats in [0, 1], got others")
    return values
