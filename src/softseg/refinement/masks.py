"""Masks of all kinds come in: booleans, grays, label maps, files, COCO's run lengths, and lists of them."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from PIL import Image

from softseg._extras import require
from softseg._paths import clear_errors, show_path
from softseg.images import has_aspect_ratio
from softseg.photos.arrays import as_array

Masks = list[Float32[np.ndarray, "H W"]]

# Integers up to this are the numbers of labels, where they are not only 0 and 1; larger ones of eight bits
# are grays. No gray mask is darker everywhere. Chosen by the project.
MOST_LABELS = 63

# What white may be where a mask has only 0 and one other number.
WHITES = (1, 255, 65535)

# How far floats may lie beyond 0 and 1, as those of a resized mask do. Chosen by the project.
ROUNDING = 1e-6

KINDS = (
    "a mask has booleans, floats from 0 to 1, integers 0 and 1 or 0 and 255, grays of 8 bits, or the labels "
    f"0 to at most {MOST_LABELS}"
)


def as_masks(mask: Any, shape: tuple[int, int]) -> tuple[Masks, bool]:
    """Read a mask, or several, and say whether they belong together as layers.

    Parameters
    ----------
    mask : path, PIL image, array_like, dict, or list of them
        As `softseg.refine` takes it.
    shape : (int, int)
        Height and width of the photo, in pixels.

    Returns
    -------
    masks : list of ndarray, shape (H, W)
        Float32 in [0, 1]: one mask, or one for each label or each mask of a list and their background first.
    together : bool
        Whether the masks are the layers of a label map or of a list.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        If the mask is not as described. The message has one line, which names ``mask``.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.refinement import as_masks
    >>> masks, together = as_masks(np.array([[0, 1, 2], [0, 2, 2], [0, 0, 2]]), (3, 3))
    >>> len(masks), together, masks[1][0]
    (3, True, array([0., 1., 0.], dtype=float32))
    """
    if isinstance(mask, (list, tuple)) and len(mask) and _is_mask(mask[0]):
        return _cover([_as_one(part, shape, f"mask[{i}]") for i, part in enumerate(mask)]), True
    values = _as_array(mask, shape, "mask")
    if _is_label_map(values):
        labels = _resize(values.astype(np.int32), shape, "mask", Image.Resampling.NEAREST)
        return [(labels == k).astype(np.float32) for k in range(int(labels.max()) + 1)], True
    return [_check_both(_resize(_scale(values, "mask"), shape, "mask"), "mask")], False


def _is_mask(part: Any) -> bool:
    """Say whether an entry of a list is a mask of its own, and not a row of one."""
    return isinstance(part, (dict, str, os.PathLike, Image.Image)) or np.ndim(part) == 2


def _as_one(part: Any, shape: tuple[int, int], name: str) -> Float32[np.ndarray, "H W"]:
    """Read a mask that cannot be a label map."""
    return _resize(_scale(_as_array(part, shape, name), name), shape, name)


def _cover(masks: Masks) -> Masks:
    """Return masks with their background first. Where masks overlap, the smallest lies on top."""
    owner = np.zeros(masks[0].shape, np.int64)
    for k in sorted(range(len(masks)), key=lambda k: -int(np.count_nonzero(masks[k] > 0.5))):
        owner[masks[k] > 0.5] = k + 1
    return [(owner == k).astype(np.float32) for k in range(len(masks) + 1)]


def _as_array(mask: Any, shape: tuple[int, int], name: str) -> np.ndarray:
    """Return a mask's numbers as they were given, (h, w)."""
    if isinstance(mask, dict):
        return _decode_coco(mask, shape, name)
    if isinstance(mask, (str, os.PathLike)):
        mask = _open(mask, name)
    if isinstance(mask, Image.Image):
        return _picture_values(mask, name)
    values = as_array(mask, name)
    if values.ndim == 3 and values.shape[2] in (2, 4):
        values = _opacity_or_color(values)
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        values = values.squeeze(2 if values.shape[2] == 1 else 0)
    if values.ndim == 3 and values.shape[2] == 3 and (values == values[..., :1]).all():
        values = values[..., 0]
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"{name}: expected shape {shape}, that of the photo, got {values.shape}")
    return values


def _open(path: str | os.PathLike[str], name: str) -> Image.Image:
    """Open the file of a mask."""
    with clear_errors(name, path, "read"):
        content = Path(path).read_bytes()
    try:
        with Image.open(BytesIO(content)) as picture:
            picture.load()
            return picture
    except MemoryError:
        raise
    except Exception as error:  # a decoder may raise anything
        why = " ".join(str(error).split())
        raise ValueError(f"{name}: cannot be read as a picture: {show_path(path)} ({why})") from None


def _picture_values(picture: Image.Image, name: str) -> np.ndarray:
    """Return a picture's opacity where it has any, the numbers of its palette, or its grays."""
    if picture.mode == "P" and "transparency" not in picture.info:
        indices = np.asarray(picture)
        if indices.max() <= MOST_LABELS and not _is_gray(picture):
            return indices  # a label map, as VOC's files are
    if picture.mode in ("1", "L", "I", "F") or picture.mode.startswith("I;16"):
        return np.asarray(picture)
    return _as_array(np.asarray(picture.convert("RGBA")), (picture.height, picture.width), name)


def _is_gray(picture: Image.Image) -> bool:
    """Say whether all colors of a palette are grays."""
    colors = np.array(picture.getpalette("RGB")).reshape(-1, 3)
    used = colors[np.unique(np.asarray(picture))]
    return bool((used == used[:, :1]).all())


def _opacity_or_color(values: np.ndarray) -> np.ndarray:
    """Return the opacity of a cut-out; the colors of a picture that is opaque everywhere."""
    opacity = values[..., -1]
    return values[..., :-1] if (opacity == opacity.flat[0]).all() else opacity


def _decode_coco(mask: dict[str, Any], shape: tuple[int, int], name: str) -> np.ndarray:
    """Decode COCO's run lengths or polygons, or the annotation that holds them."""
    found = mask.get("segmentation", mask)
    if isinstance(found, np.ndarray):  # Segment Anything gives arrays under this key
        return _as_array(found, shape, name)
    coco = require("pycocotools.mask", f"{name}: reading COCO's run lengths or polygons")
    try:
        if isinstance(found, dict):
            runs = coco.frPyObjects(found, *found["size"]) if isinstance(found["counts"], list) else found
        else:
            runs = coco.merge(coco.frPyObjects(found, *shape))
        decoded = np.asarray(coco.decode(runs)).astype(bool)
    except Exception as error:  # pycocotools raises what its C code and its parser happen to
        raise ValueError(
            f"{name}: expected COCO's run lengths with 'size' and 'counts', or an annotation ({error})"
        ) from None
    return decoded


def _is_label_map(values: np.ndarray) -> bool:
    """Say whether numbers are labels: integers beyond 0 and 1 that are too small for grays."""
    return bool(
        np.issubdtype(values.dtype, np.integer) and values.min() >= 0 and 1 < values.max() <= MOST_LABELS
    )


def _scale(values: np.ndarray, name: str) -> Float32[np.ndarray, "h w"]:
    """Return a mask's numbers as floats in [0, 1]."""
    if values.dtype == bool:
        return values.astype(np.float32)
    if not np.issubdtype(values.dtype, np.number) or np.issubdtype(values.dtype, np.complexfloating):
        raise TypeError(f"{name}: expected numbers, got {values.dtype}; {KINDS}")
    low, high = float(values.min()), float(values.max())
    if np.issubdtype(values.dtype, np.floating):
        if low >= -ROUNDING and high <= 1 + ROUNDING:  # false of NaN
            return np.clip(values, 0, 1).astype(np.float32)
    elif values.dtype == np.uint8 and high > 1:
        return (values / np.float32(255)).astype(np.float32)
    elif low >= 0 and high in WHITES and np.isin(values, (0, high)).all():
        return (values / high).astype(np.float32)
    elif low >= 0 and high == 0:
        return values.astype(np.float32)
    elif (0 <= low and MOST_LABELS < high <= 255) or values.dtype == np.uint16:
        return (values / np.float32(255 if high <= 255 else 65535)).astype(np.float32)
    raise ValueError(f"{name}: cannot tell what its numbers from {low:g} to {high:g} mean; {KINDS}")


def _resize(
    values: np.ndarray, shape: tuple[int, int], name: str, how: Image.Resampling = Image.Resampling.BILINEAR
) -> Any:
    """Return a mask at the photo's size, if it has its aspect ratio."""
    if values.shape == shape:
        return values
    if not has_aspect_ratio(values.shape, shape):
        raise ValueError(
            f"{name}: expected shape {shape}, that of the photo, or its aspect ratio, got {values.shape}"
        )
    return np.asarray(Image.fromarray(values).resize(shape[::-1], how))


def _check_both(mask: Float32[np.ndarray, "H W"], name: str) -> Float32[np.ndarray, "H W"]:
    """Raise a ValueError if a mask is all object or all background."""
    share = float(np.mean(mask > 0.5))
    if share in (0.0, 1.0):
        what = "background" if share else "object"
        raise ValueError(
            f"{name}: expected some {what} (pixels {'below' if share else 'above'} 0.5), got none"
        )
    return mask
