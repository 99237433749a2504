"""Reading a photo: its levels, its colors in sRGB, and what becomes of what is transparent."""

from __future__ import annotations

import os
from numbers import Integral
from typing import Any

import numpy as np
from PIL import Image

from softseg._checks import check_count, check_positive
from softseg._warnings import warn
from softseg.photos.arrays import decoded_array
from softseg.photos.decoded import Decoded, UnsuitableError
from softseg.photos.files import decode
from softseg.photos.levels import full_scale, to_unit, white_level
from softseg.photos.limits import most_pixels
from softseg.photos.photo import MATTING_WINDOW, Photo
from softseg.photos.profiles import to_srgb
from softseg.photos.transparency import is_opaque, parse_background, put_over, warn_of_transparency

# What a transparent photo is put over if nobody chooses, and under a layer of transparency.
WHITE = (1.0, 1.0, 1.0)
# Names of channels, so many of which an error lists.
MOST_NAMES = 12


def read_photo(
    source: Any,
    *,
    frame: int | None = None,
    channels: Any = None,
    white: Any = None,
    background: Any = None,
    max_pixels: int | None = None,
) -> Photo:
    """Read a photo, and say what `segment` would have to guess.

    Colors are converted from the photo's profile to sRGB, all bits are kept, and EXIF's orientation is
    applied.

    Parameters
    ----------
    source : path, file, PIL image, Photo or array_like, shape (H, W, 3)
        A file that Pillow or tifffile reads, by name or opened for reading bytes; an opened PIL image; or an
        array of shape (H, W, 3), or (H, W) for grays, or (H, W, 4) or (H, W, 2) with the opacity as the last
        channel, of uint8, uint16 or floats in [0, 1]. What a masked array masks is transparent. At least 3x3
        pixels.
    frame : int, optional
        Which picture of several, counted from 0: of an animation, a multi-page TIFF, or a stack in the order
        in which it is stored. Default: the first, or the one that the file calls its main picture.
    channels : int or sequence of one or three int, optional
        Which channels become gray, or red, green and blue, counted from 0. They are taken as they are,
        without profile and opacity. Default: those of a gray or color photo.
    white : float, optional
        The level that becomes 1, such as 4095 for 12 bits that are stored in 16. Default: what the file says
        (sBIT, BitsPerSample, MaxSampleValue), or the largest of its type; 1 for floats.
    background : color or "layer", optional
        What a transparent photo is put over: a color as `PIL.ImageColor` reads it, such as ``"white"`` or
        ``"#ffcc00"``, or three numbers in [0, 1]. With ``"layer"``, `segment` makes what is transparent a
        layer of its own, the last. Default: white, with a warning.
    max_pixels : int, optional
        The most pixels that a file may have. Default: Pillow's limit against decompression bombs, 179
        million.

    Returns
    -------
    Photo
        The photo. Everything that takes photos takes it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        In one line, if it cannot be opened, as where nobody may read it.
    TypeError
        If an argument or an array's dtype is of another kind, or a file was opened for reading text.
    ValueError
        In one line, if the photo cannot be read, has other channels, or an argument does not fit it.

    Warns
    -----
    UserWarning
        In one line each: if there are several frames and none was chosen; if the levels use far fewer bits
        than they could, and nobody says which one is white; if the profile is broken; if the photo is
        transparent and no background was chosen.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import read_photo
    >>> twelve_bits = np.full((20, 30), 819, dtype=np.uint16)
    >>> read_photo(twelve_bits, white=4095).pixels[0, 0]
    array([0.2, 0.2, 0.2])
    """
    return as_photo(
        source,
        "source",
        frame=frame,
        channels=channels,
        white=white,
        background=background,
        max_pixels=max_pixels,
    )


def as_photo(
    image: Any,
    name: str = "image",
    *,
    frame: int | None = None,
    channels: Any = None,
    white: Any = None,
    background: Any = None,
    max_pixels: int | None = None,
) -> Photo:
    """Return what `read_photo` does, for a function whose argument may be a photo of any kind.

    Parameters
    ----------
    image : path, file, PIL image, Photo or array_like, shape (H, W, 3)
        The photo.
    name : str
        The name of the argument in errors and warnings.
    frame : int, optional
        Which picture of several; as for `read_photo`, and so are all that follow.
    channels : int or sequence of one or three int, optional
        Which channels become gray, or red, green and blue.
    white : float, optional
        The level that becomes 1.
    background : color or "layer", optional
        What a transparent photo is put over.
    max_pixels : int, optional
        The most pixels that a file may have.

    Returns
    -------
    Photo
        The photo; the same object if it is one already.

    Raises
    ------
    TypeError, ValueError, OSError
        As for `read_photo`; or if there are options for what is a `Photo` already.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.photos import as_photo
    >>> as_photo(np.zeros((20, 30), dtype=np.uint8))
    <Photo: 30x20 pixels>
    """
    color, picked = check_reading(frame, channels, white, background, max_pixels)
    if isinstance(image, Photo):
        if any(option is not None for option in (frame, channels, white, background, max_pixels)):
            raise ValueError(f"{name}: it is read already: give its options to the read_photo that read it")
        return image
    if _is_file(image):
        decoded = decode(image, frame, most_pixels(max_pixels), name)
    else:
        decoded = decoded_array(image, name, picked is not None, white is not None)
        if frame:
            raise UnsuitableError(f"{name}: there is no frame {frame}: an array is one photo")
    if decoded.frames > 1 and not decoded.chosen:
        warn(
            f"{name}: the first of its {decoded.frames} frames was taken; read_photo(..., frame=N) or "
            f"--frame N takes another, from 0 to {decoded.frames - 1}"
        )
    _check_size(decoded.levels, name)
    return _develop(_pick(decoded, picked, name), white, color, background is None, name)


def check_reading(
    frame: Any = None, channels: Any = None, white: Any = None, background: Any = None, max_pixels: Any = None
) -> tuple[Any, list[int] | None]:
    """Return the background's color and the channels; raise if an option is none, whatever the photo is.

    Parameters
    ----------
    frame, channels, white, background, max_pixels
        As for `read_photo`.
    """
    if frame is not None:
        check_count("frame", frame, least=0)
    if max_pixels is not None:
        check_count("max_pixels", max_pixels)
    if white is not None:
        check_positive("white", white)
    color = WHITE if background is None else parse_background(background)
    return color, None if channels is None else _check_channels(channels)


def _is_file(image: Any) -> bool:
    if isinstance(image, str | os.PathLike | Image.Image):
        return True
    return hasattr(image, "read") and not hasattr(image, "__array__")


def _check_channels(channels: Any) -> list[int]:
    chosen = (channels,) if isinstance(channels, Integral) else channels
    if isinstance(chosen, str) or not hasattr(chosen, "__len__"):
        raise TypeError(f"channels: expected one or three integers, got {type(chosen).__name__}")
    for channel in chosen:
        check_count("channels", channel, least=0)
    if len(chosen) not in (1, 3):
        raise ValueError(f"channels: expected one or three of them, got {len(chosen)}")
    return [int(channel) for channel in chosen]


def _pick(decoded: Decoded, channels: list[int] | None, name: str) -> Decoded:
    """Return the levels with the chosen channels; raise an error if some must be chosen and are not."""
    levels = decoded.levels if decoded.stored is None else decoded.stored
    count = levels.shape[2]
    if channels is None:
        if decoded.space != "channels":
            return decoded
        names = decoded.names or tuple(str(index) for index in range(count))
        listed = ", ".join(
            names[index] if names[index] == str(index) else f"{index} ({names[index]})"
            for index in range(min(count, MOST_NAMES))
        )
        raise UnsuitableError(
            f"{name}: expected a gray or color photo, got {count} channels: {listed}"
            f"{', ...' * (count > MOST_NAMES)}; choose one or three with "
            "read_photo(..., channels=(0, 1, 2)) or --channels 0,1,2"
        )
    if max(channels) >= count:
        raise ValueError(f"channels: expected numbers from 0 to {count - 1}, got {max(channels)}")
    return Decoded(
        levels[:, :, channels],
        "gray" if len(channels) == 1 else "rgb",
        decoded.white,
        inverted=decoded.inverted,
    )


def _check_size(levels: np.ndarray, name: str) -> None:
    height, width = levels.shape[:2]
    if min(height, width) < MATTING_WINDOW:
        raise UnsuitableError(
            f"{name}: expected at least 3x3 pixels (the matting windows are 3x3), got {height}x{width}"
        )


def _develop(
    decoded: Decoded, white: Any, color: tuple[float, float, float] | None, warn: bool, name: str
) -> Photo:
    """Turn levels into sRGB, and put them over a color where they are transparent."""
    levels, opacity = decoded.levels, None
    if decoded.opacity:
        levels, opacity = levels[:, :, :-1], levels[:, :, -1]
    level = 1.0
    if decoded.space != "lab":
        level = white_level(levels, decoded.white, white, name)
    if opacity is not None:
        opacity = _scale_opacity(opacity, level, decoded.space == "lab", name)
    # Photos of 8 bits stay at 8 bits until the end.
    short = levels.dtype == np.uint8 and level == full_scale(levels.dtype) and not decoded.premultiplied
    values = levels if short or decoded.space == "lab" else to_unit(levels, level, name)
    if decoded.inverted:
        values = (255 if short else 1) - values
    if decoded.premultiplied and opacity is not None and decoded.space != "lab":
        values = _unmultiply(values, opacity)
    values, profile = to_srgb(values, decoded.space, decoded.profile, name)
    pixels = _as_colors(values)
    if opacity is None or is_opaque(opacity):
        return _frozen(pixels, profile, None)
    if warn:
        warn_of_transparency(opacity, name)
    put_over(pixels, opacity, WHITE if color is None else color)
    if short:
        np.multiply(pixels, 255, out=pixels)
        np.divide(np.rint(pixels, out=pixels), 255, out=pixels)
    return _frozen(pixels, profile, opacity if color is None else None)


def _scale_opacity(levels: np.ndarray, white: float, unit: bool, name: str) -> np.ndarray:
    """Return the opacity in [0, 1]: integers of more than 8 bits are of the colors' scale, if they fit there.

    Floats mostly go up to 1, whatever the colors do.
    """
    scale = 1.0 if unit else full_scale(levels.dtype)
    if np.issubdtype(levels.dtype, np.floating):
        colors_scale = levels.max() > 1
    else:
        colors_scale = levels.dtype.itemsize > 1 and levels.max() <= white
    if colors_scale and not unit:
        scale = white
    return to_unit(levels, scale, name).astype(np.float32)


def _unmultiply(values: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Return straight colors; black where there is nothing of them."""
    divisor = opacity[..., None].astype(np.float64)
    straight = np.divide(values, divisor, out=np.zeros_like(values), where=divisor > 0)
    return np.clip(straight, 0, 1, out=straight)


def _as_colors(values: np.ndarray) -> np.ndarray:
    """Return colors as floats in [0, 1], with three channels; floats of that shape as they are."""
    if values.dtype == np.float64 and values.shape[2] == 3 and values.flags.owndata:
        return values
    pixels = np.empty((*values.shape[:2], 3))
    if values.dtype == np.uint8:
        np.divide(values, 255.0, out=pixels)
    else:
        pixels[...] = values
    return pixels


def _frozen(pixels: np.ndarray, profile: bytes | None, opacity: np.ndarray | None) -> Photo:
    pixels.flags.writeable = False
    if opacity is not None:
        opacity.flags.writeable = False
    return Photo(pixels, profile, opacity)
