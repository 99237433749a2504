"""Which pictures are too large to be opened without being asked for, and which of several is taken."""

from __future__ import annotations

import math

from PIL import Image

from softseg.photos.decoded import UnsuitableError


def most_pixels(max_pixels: int | None) -> float:
    """Return the most pixels that a picture may have: as given, or what Pillow refuses to go beyond.

    Examples
    --------
    >>> from softseg.photos.limits import most_pixels
    >>> most_pixels(200_000_000)
    200000000.0
    """
    if max_pixels is not None:
        return float(max_pixels)
    # Pillow warns from its limit on, and refuses from twice as many; a program may have lifted the limit.
    return math.inf if Image.MAX_IMAGE_PIXELS is None else 2.0 * Image.MAX_IMAGE_PIXELS


def check_size(width: int, height: int, limit: float) -> None:
    """Raise a ValueError if a picture has more pixels than the limit, before any of them are decoded."""
    if width * height > limit:
        raise ValueError(
            f"{width}x{height} pixels are more than {limit:.0f}; if you trust the file, raise the limit with "
            f"read_photo(..., max_pixels={width * height}) or --max-pixels {width * height}"
        )


def check_frame(frame: int | None, frames: int, name: str) -> None:
    """Raise an error if there is no such frame."""
    if frame is not None and frame >= frames:
        held = "only frame 0" if frames == 1 else f"frames 0 to {frames - 1}"
        raise UnsuitableError(f"{name}: there is no frame {frame}: the file has {held}")
