"""The numbers of a mask as they were given: of arrays, pictures and their files, and COCO's run lengths.

What they mean is another question: see `softseg.refinement.masks`.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from softseg._extras import require
from softseg._paths import clear_errors, show_path
from softseg.images import has_aspect_ratio
from softseg.photos.arrays import as_array

# What stands in place of a label where nobody knew one. In unsigned numbers 255 does, as in PASCAL VOC and
# Cityscapes.
VOID, VOID_BYTE = -1, 255

# The keys of dictionaries that hold a mask: COCO's annotations, and the results of Segment Anything and of
# the pipelines of Hugging Face.
KEYS = ("segmentation", "mask")

# How far a color may lie from a darker shade of the brightest one, as a share of white: two steps of 8 bits.
SHADE = 2 / 255


def read_numbers(mask: Any, shape: tuple[int, int], name: str) -> np.ndarray:
    """Return a mask's numbers as they were given.

    Parameters
    ----------
    mask : path, PIL image, array_like or dict
        As `softseg.refine` takes it, but for a list of masks.
    shape : (int, int)
        Height and width of the photo, in pixels: masks have its aspect ratio.
    name : str
        The name of the argument in errors.

    Returns
    -------
    ndarray, shape (h, w) or (n, h, w)
        One mask, or a stack of several. Of a picture with a palette of colors, its indices as int16, where
        255 beside other labels is `VOID`.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        If it is none of these. The message has one line, which names the argument.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.refinement.reading import read_numbers
    >>> read_numbers(np.ones((1, 30, 40)), (30, 40), "mask").shape
    (30, 40)
    """
    if isinstance(mask, dict):
        return _read_dictionary(mask, shape, name)
    if isinstance(mask, (str, os.PathLike)):
        mask = _open(mask, name)
    if isinstance(mask, Image.Image):
        return _read_picture(mask, shape, name)
    values = as_array(mask, name)
    return _find_channel(values.astype(values.dtype.newbyteorder("="), copy=False), shape, name)


def _find_channel(values: np.ndarray, shape: tuple[int, int], name: str) -> np.ndarray:
    """Return the one channel of an array that counts, or its masks first, (n, h, w)."""
    for axis in reversed(range(values.ndim)):
        if values.ndim > 2 and values.shape[axis] == 1:
            values = values.squeeze(axis)
    if values.size > 0 and values.ndim == 2:
        return values
    if values.size > 0 and values.ndim == 3:
        are_last, are_first = (has_aspect_ratio(size, shape) for size in (values.shape[:2], values.shape[1:]))
        if are_last and (values.shape[2] <= 4 or not are_first):
            return _find_opacity(values, name)
        if are_first:
            return values[0] if len(values) == 3 and (values == values[:1]).all() else values
    raise ValueError(f"{name}: expected shape {shape}, that of the photo, got {values.shape}")


def _find_opacity(values: np.ndarray, name: str) -> np.ndarray:
    """Return the opacity of a cut-out, the grays of a picture, or masks that were stacked last, (h, w, n)."""
    if values.dtype != bool and values.shape[2] in (2, 4):
        opacity = values[..., -1]
        if (opacity == opacity.flat[0]).all() and opacity.flat[0] != 0:
            values = values[..., :-1]  # opaque everywhere
        else:
            return opacity
    if (values == values[..., :1]).all():
        return values[..., 0]
    if values.dtype == bool or values.shape[2] != 3:
        return np.moveaxis(values, 2, 0)
    return _find_brightness(values, name)


def _find_brightness(values: np.ndarray, name: str) -> np.ndarray:
    """Return how bright the shades of one color are, on black; 1 is the brightest."""
    with np.errstate(invalid="ignore"):  # not a number, or infinite
        colors = values.astype(np.float64)
        brightness = colors.max(axis=2)
        top = float(brightness.max())
        if top > 0:
            brightness = brightness / top
            brightest = colors.reshape(-1, 3)[brightness.argmax()]
            white = 1.0 if np.issubdtype(values.dtype, np.floating) and top <= 1 else max(top, 255.0)
            if (abs(colors - brightness[..., None] * brightest) <= SHADE * white).all():
                return brightness
    raise ValueError(
        f"{name}: expected one channel, or shades of one color on black, got a picture of several colors"
    )


def _open(path: str | os.PathLike[str], name: str) -> Image.Image:
    """Open the file of a mask, upright."""
    with clear_errors(name, path, "read"):
        content = Path(path).read_bytes()
    try:
        with Image.open(BytesIO(content)) as picture:
            picture.load()
            return ImageOps.exif_transpose(picture)
    except MemoryError:
        raise
    except UnidentifiedImageError:
        why = "of no known format"
    except Exception as error:  # a decoder may raise anything
        why = " ".join(str(error).split())
    raise ValueError(f"{name}: cannot be read as a picture: {show_path(path)} ({why})")


def _read_picture(picture: Image.Image, shape: tuple[int, int], name: str) -> np.ndarray:
    """Return a picture's opacity where it has any, the numbers of its palette, or its grays."""
    values = np.asarray(picture)
    if picture.mode == "P" and "transparency" not in picture.info and not _is_gray(picture):
        labels = values.astype(np.int16)
        if ((labels > 0) & (labels < VOID_BYTE)).any():
            labels[labels == VOID_BYTE] = VOID
        return labels
    if picture.mode == "I" and values.min() >= 0 and values.max() <= np.iinfo(np.uint16).max:
        return values.astype(np.uint16)  # how some decoders give 16 bits
    if picture.mode in ("1", "L", "I", "F") or picture.mode.startswith("I;16"):
        return read_numbers(values, shape, name)
    return read_numbers(np.asarray(picture.convert("RGBA")), shape, name)


def _is_gray(picture: Image.Image) -> bool:
    """Say whether all colors of a palette are grays."""
    colors = np.array(picture.getpalette("RGB")).reshape(-1, 3)
    used = colors[np.unique(np.asarray(picture))]
    return bool((used == used[:, :1]).all())


def _read_dictionary(mask: dict[str, Any], shape: tuple[int, int], name: str) -> np.ndarray:
    """Decode COCO's run lengths or polygons, or take what an annotation has in their place."""
    found = next((mask[key] for key in KEYS if key in mask), mask)
    if not isinstance(found, (dict, list, tuple)):
        return read_numbers(found, shape, name)
    coco = require("pycocotools.mask", f"{name}: reading COCO's run lengths or polygons")
    try:
        if isinstance(found, dict):
            runs = _pack_runs(found, coco)
        else:
            polygons = [found] if np.ndim(found[0]) == 0 else found
            runs = coco.merge(coco.frPyObjects([np.ravel(polygon).tolist() for polygon in polygons], *shape))
        return np.asarray(coco.decode(runs)).astype(bool)
    except Exception as error:  # pycocotools raises what its C code and its parser happen to
        why = f"without {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{name}: expected COCO's run lengths with 'size' and 'counts', or an annotation ({why})"
        ) from None


def _pack_runs(found: dict[str, Any], coco: Any) -> Any:
    """Return run lengths as pycocotools decodes them. It does not see that some are too short."""
    height, width = (int(length) for length in found["size"])
    packed = isinstance(found["counts"], (str, bytes))
    counts = _unpack(found["counts"]) if packed else [int(count) for count in found["counts"]]
    if sum(counts) != height * width:
        raise ValueError(f"the counts add up to {sum(counts)} pixels, the size has {height * width}")
    return coco.frPyObjects({"size": [height, width], "counts": counts}, height, width)


def _unpack(text: str | bytes) -> list[int]:
    """Return the numbers of COCO's compressed run lengths.

    A character has five bits of a number, the lowest first, and a sixth that says whether more follow; the
    last one's fifth is the sign. From the fourth on they are differences from the number before the last.
    """
    counts: list[int] = []
    number, bits = 0, 0
    for byte in text.encode() if isinstance(text, str) else text:
        digit = byte - 48
        number |= (digit & 31) << bits
        bits += 5
        if not digit & 32:
            number -= (digit & 16) << (bits - 4)
            counts.append(number + (counts[-2] if len(counts) > 2 else 0))
            number, bits = 0, 0
    return counts
