"""Color profiles: from a photo's own to sRGB on the way in, and back on the way out.

lcms (through imagecodecs) converts, relative colorimetrically: white stays white, and colors outside of sRGB
become the nearest inside, channel by channel. Photos of 8 bits stay at 8 bits; all others are converted as
floats, so that nothing of 16 bits is lost.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from softseg._warnings import warn
from softseg.photos.decoded import Space

# What a writer's ``profile`` may be.
PROFILES = ("srgb", "source")
# ICC.1:2022, 7.2: where the header has the date, and where the signature of the data's color space.
DATE, COLOR_SPACE = slice(24, 36), slice(16, 20)
# Signatures of color spaces (ICC.1:2022, table 19).
SIGNATURES: dict[Space, bytes] = {"gray": b"GRAY", "rgb": b"RGB ", "cmyk": b"CMYK", "lab": b"Lab "}
# Lcms counts ink in percent where it is given floats.
PERCENT = 100.0
# A profile that moves no color of a lattice by more than one level of 8 bits is sRGB by another name, and is
# not applied: most photos have such a one, and keep their exact levels. The lattice's step is in levels.
LATTICE = 15
SAME = 1
# Rows that are converted at a time, in pixels: floats take twelve bytes each. Chosen by the project.
PIECE = 1 << 20

# How many profiles are remembered that were looked at before. Chosen by the project.
MOST_PROFILES = 16

# Relative colorimetric (ICC.1:2022, table 23).
RELATIVE = 1


class Primaries(NamedTuple):
    """Chromaticities x, y of white, red, green and blue."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


# IEC 61966-2-1; Adobe RGB (1998), section 4.3.1; SMPTE EG 432-1 with the white of sRGB (Display P3);
# ITU-R BT.2020, table 3.
D65 = (0.3127, 0.3290)
SRGB = Primaries(D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
ADOBE_RGB = Primaries(D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
DISPLAY_P3 = Primaries(D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
BT_2020 = Primaries(D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
# Adobe RGB (1998), section 4.3.4.2: the exponent is 563/256.
ADOBE_GAMMA = 563 / 256


@cache
def srgb_profile() -> bytes:
    """Return an ICC profile of sRGB, always the same bytes.

    Examples
    --------
    >>> from softseg.photos.profiles import srgb_profile
    >>> srgb_profile()[36:40]
    b'acsp'
    """
    import imagecodecs

    made = bytearray(imagecodecs.cms_profile("srgb"))
    # The day on which a file is written must not change its bytes.
    made[DATE] = b"".join(number.to_bytes(2, "big") for number in (2000, 1, 1, 0, 0, 0))
    return bytes(made)


def linear_light(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return the light that values in sRGB stand for, both in [0, 1] (IEC 61966-2-1).

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.photos.profiles import linear_light
    >>> linear_light(np.array([0, 0.02, 0.5, 1])).round(4)
    array([0.    , 0.0015, 0.214 , 1.    ])
    """
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@cache
def make_profile(primaries: Primaries, gamma: float | None = None) -> bytes:
    """Return an ICC profile of RGB with these primaries, and a power as its curve, or that of sRGB.

    Parameters
    ----------
    primaries : Primaries
        Chromaticities.
    gamma : float, optional
        The power that makes light of values. Default: the curve of sRGB.

    Examples
    --------
    >>> from softseg.photos.profiles import DISPLAY_P3, make_profile
    >>> make_profile(DISPLAY_P3)[16:20]
    b'RGB '
    """
    import imagecodecs

    light = linear_light(np.linspace(0, 1, 4096))
    curve: dict[str, Any] = (
        {"gamma": gamma}
        if gamma is not None
        else {"transferfunction": np.rint(65535 * light).astype(np.uint16)}
    )
    made = bytearray(
        imagecodecs.cms_profile(
            "rgb",
            whitepoint=[*primaries.white, 1.0],
            primaries=[number for color in primaries[1:] for number in (*color, 1.0)],
            **curve,
        )
    )
    made[DATE] = srgb_profile()[DATE]
    return bytes(made)


def to_srgb(
    values: np.ndarray, space: Space, profile: bytes | None, name: str
) -> tuple[np.ndarray, bytes | None]:
    """Convert colors to sRGB.

    Parameters
    ----------
    values : ndarray, shape (H, W, C)
        uint8, or floats in [0, 1]; Lab as floats, L* from 0 to 100.
    space : {"gray", "rgb", "cmyk", "lab"}
        What they are.
    profile : bytes or None
        What they mean. None: sRGB, grays along sRGB's curve, naive CMYK, and CIE L*a*b* of D50.
    name : str
        The photo's name in warnings.

    Returns
    -------
    colors : ndarray, shape (H, W, 1) or (H, W, 3)
        uint8 if the values are, else floats. Grays stay one channel.
    profile : bytes or None
        The profile, if it could be used.

    Warns
    -----
    UserWarning
        In one line, if the profile is broken or of another kind of photo.
    """
    if profile is not None:
        try:
            return _apply(values, space, profile), profile
        except (RuntimeError, ValueError) as error:  # lcms's errors are RuntimeErrors
            warn(f"{name}: its color profile cannot be used ({error or 'broken'}); it was taken as sRGB")
    if space == "lab":
        import imagecodecs

        return _convert(values, imagecodecs.cms_profile("lab4"), srgb_profile(), "lab"), None
    if space == "cmyk":
        return _without_ink(values), None
    return values, None


def _apply(values: np.ndarray, space: Space, profile: bytes) -> np.ndarray:
    """Return values in sRGB; raise an error if the profile is not one for them."""
    signature = profile[COLOR_SPACE]
    if space == "gray" and signature == SIGNATURES["rgb"]:
        # Not as it should be, but common: three equal channels are meant.
        return values if _is_srgb(profile) else _apply(np.repeat(values, 3, axis=2), "rgb", profile)
    if signature != SIGNATURES[space]:
        kind = signature.decode("latin-1").strip() or "nothing"
        raise ValueError(f"it is one of {kind}")
    if space == "rgb" and _is_srgb(profile):
        return values
    if space == "gray" and values.dtype == np.uint8:
        # In 8 bits, lcms is off by several levels in dark grays.
        steps = _convert(np.linspace(0, 1, 256)[None, :, None], profile, srgb_profile(), space)
        return np.rint(255 * steps[0]).astype(np.uint8)[values[:, :, 0]]
    return _convert(values, profile, srgb_profile(), space)


@lru_cache(MOST_PROFILES)
def _is_srgb(profile: bytes) -> bool:
    """Return whether a profile moves no color by more than a level; raise an error if it is broken."""
    steps = np.arange(0, 256, LATTICE, dtype=np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=3).reshape(1, -1, 3)
    moved = _convert(lattice, profile, srgb_profile(), "rgb")
    return bool(np.abs(moved.astype(int) - lattice).max() <= SAME)


def _convert(values: np.ndarray, source: bytes, target: bytes, space: Space) -> np.ndarray:
    """Return colors of one profile in another, which is of RGB, a few rows at a time; uint8 stay uint8."""
    import imagecodecs

    short = values.dtype == np.uint8
    height, width = values.shape[:2]
    converted = np.empty((height, width, 3), dtype=np.uint8 if short else np.float32)
    rows = max(PIECE // max(width, 1), 1)
    for top in range(0, height, rows):
        piece = values[top : top + rows]
        if not short:
            piece = piece.astype(np.float32) * np.float32(PERCENT if space == "cmyk" else 1)
        piece = np.ascontiguousarray(piece[:, :, 0] if space == "gray" else piece)
        made = imagecodecs.cms_transform(
            piece, source, target, colorspace=space, outcolorspace="rgb", intent=RELATIVE
        )
        converted[top : top + rows] = made if short else np.clip(made, 0, 1)
    return converted


def _without_ink(values: np.ndarray) -> np.ndarray:
    """Return CMYK without a profile as RGB: what each ink leaves of white."""
    full = 255 if values.dtype == np.uint8 else 1
    wide = values.astype(np.uint16 if values.dtype == np.uint8 else values.dtype)
    left = (full - wide[:, :, :3]) * (full - wide[:, :, 3:])
    if values.dtype == np.uint8:
        return ((left + 127) // 255).astype(np.uint8)
    return left


def check_profile(profile: str) -> None:
    """Raise a ValueError unless a writer's ``profile`` is one of those that are known."""
    if profile not in PROFILES:
        raise ValueError(f"profile: expected {' or '.join(map(repr, PROFILES))}, got {profile!r}")


@lru_cache(MOST_PROFILES)
def check_target(profile: bytes) -> None:
    """Raise a ValueError, in one line, unless colors can be converted into this profile."""
    if profile[COLOR_SPACE] != SIGNATURES["rgb"]:
        kind = profile[COLOR_SPACE].decode("latin-1").strip()
        raise ValueError(f"profile: expected 'srgb', for the photo's own profile is of {kind} and not of RGB")
    try:
        _convert(np.zeros((1, 1, 3), dtype=np.uint8), srgb_profile(), profile, "rgb")
    except (RuntimeError, ValueError):
        raise ValueError(
            "profile: expected 'srgb', for colors cannot be converted back into the photo's own profile"
        ) from None


def into_profile(colors: Float[np.ndarray, "*shape 3"], profile: bytes) -> Float[np.ndarray, "*shape 3"]:
    """Convert colors from sRGB into a profile of RGB.

    Parameters
    ----------
    colors : ndarray, shape (..., 3)
        In [0, 1].
    profile : bytes
        An ICC profile.

    Returns
    -------
    ndarray of float32, shape (..., 3)
        In [0, 1].

    Raises
    ------
    ValueError
        If that cannot be done. The message has one line, which names ``profile``.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.photos.profiles import DISPLAY_P3, into_profile, make_profile
    >>> into_profile(np.array([1.0, 0.0, 0.0]), make_profile(DISPLAY_P3)).round(2)
    array([0.92, 0.2 , 0.14], dtype=float32)
    """
    check_target(profile)
    flat = np.asarray(colors, dtype=np.float32).reshape(-1, 1, 3)
    return _convert(flat, srgb_profile(), profile, "rgb").reshape(colors.shape)
