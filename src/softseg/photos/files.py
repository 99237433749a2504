"""Photos are opened and decoded: which library reads which file, and one line for whatever it raises."""

from __future__ import annotations

import contextlib
import io
import os
import re
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from softseg._extras import is_installed, say_missing
from softseg._paths import clear_errors, show_path
from softseg.photos import tiff
from softseg.photos.decoded import Decoded, Space, UnsuitableError, upright
from softseg.photos.deep import decode_deep
from softseg.photos.limits import check_frame, check_size
from softseg.photos.png import MAGIC, open_png, profile_of_png
from softseg.photos.profiles import ADOBE_GAMMA, ADOBE_RGB, make_profile

# Where a file of the ISO base media format names its kind (ISO/IEC 14496-12, 4.3), and the kinds of HEIF.
BRAND = slice(4, 12)
HEIF_KINDS = ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")
HEIF = tuple(b"ftyp" + kind.encode() for kind in HEIF_KINDS)
# What the file begins with that tells its kind, in bytes.
HEAD = 32
# Files whose further pictures are not frames: a Photoshop file's are its layers.
NO_FRAMES = {"PSD"}
# Grays of Pillow that have 16 bits. Its older versions open such files with 32.
SIXTEEN_BITS = 65535.0
# DCF 2.0, 5.3: an interoperability index of a photo in Adobe RGB, which cameras write instead of a profile.
ADOBE_INDEX = "R03"

# Pillow's limit is a global, which is lifted while a file's header is read; threads must not do that at once.
_limit_lock = threading.Lock()


def decode(source: Any, frame: int | None, limit: float, name: str) -> Decoded:
    """Read a file's or PIL image's levels, upright.

    Parameters
    ----------
    source : path, file or PIL image
        What to read.
    frame : int or None
        Which of several pictures; None is the first, or the one that the file names, or at which a PIL image
        stands.
    limit : float
        The most pixels that a picture may have.
    name : str
        The photo's name in errors.

    Returns
    -------
    Decoded
        The levels and what they mean.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        In one line, if it cannot be opened.
    TypeError
        If it is a file that was opened for reading text.
    ValueError
        In one line, if it cannot be read, for whatever other reason.
    """
    shown = _show(source)
    if isinstance(source, Image.Image):
        with _one_line_errors(shown, name):
            return _decode_pillow(source, frame, name)
    with _open(source, shown, name) as file, _one_line_errors(shown, name):
        return _decode_file(file, frame, limit, name)


def _show(source: Any) -> str:
    if isinstance(source, str | os.PathLike):
        return show_path(source)
    return show_path(str(getattr(source, "filename", None) or getattr(source, "name", None) or "the image"))


@contextlib.contextmanager
def _one_line_errors(shown: str, name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an error of one line; only a lack of memory stays what it is."""
    try:
        yield
    except (UnsuitableError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise ValueError(f"{name}: expected an image file that Pillow reads, got {shown}") from None
    # Decoders raise anything on damaged files: struct.error, zlib.error, IndexError, RuntimeError and more.
    except Exception as error:
        said = error.strerror if isinstance(error, OSError) else None  # without its number
        reason = " ".join((said or str(error)).split()) or type(error).__name__
        raise ValueError(f"{name}: cannot read {shown}: {reason}") from error


@contextlib.contextmanager
def _open(source: Any, shown: str, name: str) -> Iterator[Any]:
    """Open a path; give a file as it is, or in memory if its parts can only be read one after the other."""
    if isinstance(source, str | os.PathLike):
        with clear_errors(name, source, "read"):
            file = open(source, "rb")  # noqa: SIM115  # closed below; what is read of it may fail otherwise
        with file:
            yield file
        return
    with _one_line_errors(shown, name):
        in_any_order = getattr(source, "seekable", bool)()
        if in_any_order:
            source.seek(0)
        content = source.read(0) if in_any_order else source.read()
    if isinstance(content, str):
        raise TypeError(f"{name}: expected a file of bytes, got one of text: open it with mode 'rb'")
    yield source if in_any_order else io.BytesIO(content)


def _decode_file(file: Any, frame: int | None, limit: float, name: str) -> Decoded:
    head = file.read(HEAD)
    file.seek(0)
    if head.startswith(tiff.MAGIC):
        try:
            return tiff.decode_tiff(file, frame, limit, name)
        except tiff.BetterElsewhereError:
            file.seek(0)
    with _open_header(file, head, limit, name) as image:
        decoded = None
        if not frame:  # further frames of an animated PNG have 8 bits
            decoded = decode_deep(file, head)
            if decoded is None:
                file.seek(0)
        if decoded is None:
            return _decode_pillow(image, frame, name)
        frames = _count_frames(image)
        check_frame(frame, frames, name)
        return _replace(
            decoded,
            levels=upright(decoded.levels, _find_orientation(image)),
            profile=_find_profile(image),
            frames=frames,
            chosen=frame is not None,
        )


def _replace(decoded: Decoded, **changes: Any) -> Decoded:
    return Decoded(**{**vars(decoded), **changes})


def _open_header(file: Any, head: bytes, limit: float, name: str) -> Image.Image:
    """Open an image without decoding it, and check its size in place of Pillow, which would warn too."""
    image: Image.Image
    if head[BRAND] in HEIF:
        image = _open_heif(file, name)
    elif head.startswith(MAGIC):
        image = open_png(file)
    else:
        with _limit_lock:
            usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(file)
            finally:
                Image.MAX_IMAGE_PIXELS = usual
    check_size(*image.size, limit)
    _scale_transparent_level(image)
    return image


def _scale_transparent_level(image: Image.Image) -> None:
    """Scale the gray that a PNG of 2 or 4 bits calls transparent to 8 bits, as Pillow does its levels."""
    level, tiles = image.info.get("transparency"), getattr(image, "tile", [])
    if image.format != "PNG" or not isinstance(level, int) or not tiles:
        return
    if bits := re.fullmatch(r"L;([24])", str(tiles[0].args)):
        image.info["transparency"] = level * 255 // (2 ** int(bits[1]) - 1)


def _open_heif(file: Any, name: str) -> Image.Image:
    if not is_installed("pillow_heif"):
        raise UnsuitableError(f"{name}: {say_missing('pillow_heif', 'reading HEIC photos')}")
    from pillow_heif import HeifImageFile

    image: Image.Image = HeifImageFile(file)  # type: ignore[no-untyped-call]
    return image


def _count_frames(image: Image.Image) -> int:
    return 1 if image.format in NO_FRAMES else getattr(image, "n_frames", 1)


def _decode_pillow(image: Image.Image, frame: int | None, name: str) -> Decoded:
    """Return a PIL image's levels, upright."""
    frames, at = _count_frames(image), getattr(image, "tell", int)()
    check_frame(frame, frames, name)
    chosen = frame is not None or at > 0
    if frame is not None and frame != at:
        image.seek(frame)
    elif frames > 1 and not chosen and image.format == "MPO":
        frames = _count_alike(image, frames)
    decoded = _read_pixels(image)  # first of all: what is wrong with them must not be taken for a broken mark
    profile = _find_profile(image)
    orientation = _find_orientation(image)
    if frame is not None and frame != at:
        image.seek(at)  # where the caller left it
    if decoded.levels.ndim == 2:
        decoded = _replace(decoded, levels=decoded.levels[..., None])
    return _replace(
        decoded,
        levels=upright(decoded.levels, orientation),
        profile=profile,
        frames=frames,
        chosen=chosen,
    )


def _count_alike(image: Image.Image, frames: int) -> int:
    """Return how many pictures of a phone's or camera's file are as large as the first, which is stood at.

    Smaller ones are previews and gain maps, which belong to the first.
    """
    kind = image.size, image.mode
    alike = 1
    for frame in range(1, frames):
        image.seek(frame)
        alike += (image.size, image.mode) == kind
    image.seek(0)
    return alike


def _read_pixels(image: Image.Image) -> Decoded:
    mode = image.mode
    if mode.startswith("I"):
        return Decoded(np.asarray(image), "gray", SIXTEEN_BITS if mode == "I" else None)
    if mode == "F":
        return Decoded(np.asarray(image), "gray")
    if mode == "CMYK":
        return Decoded(np.asarray(image), "cmyk")
    if mode == "LAB":
        # L* is stretched to 0 .. 255, a* and b* are signed.
        levels = np.asarray(image)
        lab = levels.astype(np.int8).astype(np.float32)
        lab[:, :, 0] = levels[:, :, 0] * np.float32(100 / 255)
        return Decoded(lab, "lab")
    space: Space = "gray" if mode in ("1", "L", "LA", "La") else "rgb"
    if image.has_transparency_data or mode == "La":
        straight = image.convert("LA") if mode == "La" else image
        return Decoded(np.asarray(straight.convert("LA" if space == "gray" else "RGBA")), space, opacity=True)
    plain = "L" if space == "gray" else "RGB"
    # An image of this mode would be copied.
    return Decoded(np.asarray(image if mode == plain else image.convert(plain)), space)


def _find_orientation(image: Image.Image) -> int | None:
    """Return EXIF's or XMP's orientation, if there is one that can be read."""
    # Parsers raise anything on damaged marks, and a photo is not lost for them.
    with contextlib.suppress(Exception):
        return image.getexif().get(ExifTags.Base.Orientation)
    return None


def _find_profile(image: Image.Image) -> bytes | None:
    """Return the image's ICC profile, or one for what its other marks say of its colors."""
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and profile:
        return profile
    if image.format == "PNG":
        return profile_of_png(image.info)
    index = None
    with contextlib.suppress(Exception):  # as for the orientation
        index = image.getexif().get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
    if image.mode == "RGB" and isinstance(index, str | bytes):
        text = index.decode("latin-1") if isinstance(index, bytes) else index
        if text.startswith(ADOBE_INDEX):
            return make_profile(ADOBE_RGB, ADOBE_GAMMA)
    return None
