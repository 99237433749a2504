"""What the numbers of a mask mean: an object and the rest, grays, labels, or several masks at once."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from jaxtyping import Float32
from PIL import Image

from softseg.images import has_aspect_ratio
from softseg.refinement.reading import VOID, VOID_BYTE, read_numbers

Masks = list[Float32[np.ndarray, "H W"]]

# Bytes up to this are the numbers of labels, where they are not only 0 and 1; larger ones are grays. No gray
# mask is darker everywhere. Chosen by the project.
MOST_BYTES = 63

# Other integers are the numbers of labels up to this, where there are three or more of them, and at most so
# many, which a picture of grays has more of. Chosen by the project; ADE20K has 150 labels.
MOST_LABELS, MOST_KINDS = 254, 64

# What a mask has where nobody knew a label: it is unsure there.
UNKNOWN = 0.5

# What white may be where a mask has only 0 and one other number.
WHITES = (1, 255, 65535)

# How far floats may lie beyond 0 and 1, as those of a resized mask do. Chosen by the project.
ROUNDING = 1e-6

KINDS = (
    "a mask has booleans, floats from 0 to 1, integers 0 and 1 or 0 and 255, grays of 8 bits, or labels "
    f"(at most {MOST_BYTES} in bytes, {MOST_LABELS} in other integers); of logits, give mask > 0"
)


def as_masks(mask: Any, shape: tuple[int, int], name: str = "mask") -> tuple[Masks, bool]:
    """Read a mask, or several, and say whether they belong together as layers.

    Parameters
    ----------
    mask : path, PIL image, array_like of shape (H, W), dict, or list of them
        As `softseg.refine` takes it.
    shape : (int, int)
        Height and width of the photo, in pixels.
    name : str
        The name of the argument in errors.

    Returns
    -------
    masks : list of ndarray, shape (H, W)
        Float32 in [0, 1]: one mask, or one for each label or each mask of a list and their background first.
        It is 0.5 where a label map has void. Those of labels that do not occur are the same zeros.
    together : bool
        Whether the masks are the layers of a label map or of a list.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        If the mask is not as described. The message has one line, which names the argument.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.refinement import as_masks
    >>> masks, together = as_masks(np.array([[0, 1, 2], [0, 2, 2], [0, 0, 2]]), (3, 3))
    >>> len(masks), together, masks[1][0]
    (3, True, array([0., 1., 0.], dtype=float32))
    """
    parts = mask if isinstance(mask, (list, tuple)) else None
    if parts is not None and len(parts) == 0:
        raise ValueError(f"{name}: expected at least one mask, got none")
    if parts is None or not _is_mask(parts[0]):
        parts = None
        values = read_numbers(mask, shape, name)
        if values.ndim == 2:
            return _read_one(values, shape, name)
    masks = [
        _read_part(part, shape, f"{name}[{i}]") for i, part in enumerate(values if parts is None else parts)
    ]
    return _check_two(_cover(masks), name), True


def _is_mask(part: Any) -> bool:
    """Say whether an entry of a list is a mask of its own, and not a row of one."""
    if isinstance(part, (list, tuple)):
        return False
    return isinstance(part, (dict, str, os.PathLike, Image.Image)) or np.ndim(part) >= 2


def _read_one(values: np.ndarray, shape: tuple[int, int], name: str) -> tuple[Masks, bool]:
    """Read a mask, or a label map, and say whether it is one."""
    labels = _find_labels(values)
    if labels is None:
        return [_check_both(_resize(_scale(values, name), shape, name), name)], False
    labels = _resize(labels, shape, name, Image.Resampling.NEAREST)
    if labels.max() <= 1:
        return [_check_both(_paint(labels, 1), name)], False
    absent = np.zeros(shape, np.float32)
    present = set(np.unique(labels).tolist())
    masks = [_paint(labels, k) if k in present else absent for k in range(int(labels.max()) + 1)]
    return _check_two(masks, name), True


def _read_part(part: Any, shape: tuple[int, int], name: str) -> Float32[np.ndarray, "H W"]:
    """Read a mask of several, which is not 0 where its object is, whatever number that has."""
    values = read_numbers(part, shape, name)
    if values.ndim != 2:
        raise ValueError(f"{name}: expected shape {shape}, that of the photo, got {values.shape}")
    labels = _find_labels(values)
    if labels is None:
        return _resize(_scale(values, name), shape, name)
    kinds = np.unique(labels[labels != VOID])
    if len(kinds) > 2 or kinds[0] != 0:
        raise ValueError(f"{name}: expected one object, got a label map: give it alone, not in a list")
    return _resize(_paint(labels, int(kinds[1])), shape, name)


def _paint(labels: np.ndarray, label: int) -> Float32[np.ndarray, "H W"]:
    """Return where a label is, and perhaps is."""
    return np.where(labels == VOID, np.float32(UNKNOWN), np.float32(labels == label))


def _cover(masks: Masks) -> Masks:
    """Return masks with their background first. Where masks overlap, the smallest lies on top."""
    sizes = [int(np.count_nonzero(mask > 0.5)) for mask in masks]
    covered: Masks = [np.zeros(0, np.float32)] * len(masks)
    uncovered = np.ones(masks[0].shape, np.float32)
    for k in sorted(range(len(masks)), key=lambda k: (sizes[k], -k)):  # of equal ones, the last
        covered[k] = masks[k] * uncovered
        uncovered = uncovered * (1 - masks[k])
    return [uncovered, *covered]


def _find_labels(values: np.ndarray) -> np.ndarray | None:
    """Return the numbers of a label map, int32 with `VOID`; None if it is none."""
    is_float = np.issubdtype(values.dtype, np.floating)
    if not (np.issubdtype(values.dtype, np.integer) or (is_float and _is_whole(values))):
        return None
    if values.min() < VOID or values.max() > VOID_BYTE:
        return None
    found = np.flatnonzero(np.bincount(values.astype(np.int64).ravel() - VOID)) + VOID
    labels = found[(found != VOID) & (found != VOID_BYTE)]
    is_bytes = values.dtype == np.uint8
    if len(labels) < 2 or len(labels) > MOST_KINDS:
        return None
    if labels[-1] > (MOST_BYTES if is_bytes or VOID_BYTE in found or len(labels) == 2 else MOST_LABELS):
        return None
    if len(found) == 2 and labels[-1] == 1:
        return None  # 0 and 1
    return np.where(values == VOID_BYTE, np.int32(VOID), values.astype(np.int32))


def _is_whole(values: np.ndarray) -> bool:
    """Say whether floats are whole numbers beyond 0 and 1, as label maps are after some programs."""
    return bool(values.max() > 1 and np.isfinite(values).all() and (values == np.rint(values)).all())


def _scale(values: np.ndarray, name: str) -> Float32[np.ndarray, "h w"]:
    """Return a mask's numbers as floats in [0, 1]."""
    if values.dtype == bool:
        return values.astype(np.float32)
    if not np.issubdtype(values.dtype, np.number) or np.issubdtype(values.dtype, np.complexfloating):
        raise TypeError(f"{name}: expected numbers, got {values.dtype}; {KINDS}")
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    low, high = float(values.min()), float(values.max())
    if np.issubdtype(values.dtype, np.floating) and not _is_whole(values):
        if low >= -ROUNDING and high <= 1 + ROUNDING:
            return np.clip(values, 0, 1).astype(np.float32)
    elif values.dtype == np.uint8 and high > 1:
        return (values / np.float32(255)).astype(np.float32)
    elif low >= 0 and high in WHITES and np.isin(values, (0, high)).all():
        return (values / high).astype(np.float32)
    elif low >= 0 and high == 0:
        return values.astype(np.float32)
    elif (0 <= low and MOST_BYTES < high <= 255) or values.dtype == np.uint16:
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


def _check_two(masks: Masks, name: str) -> Masks:
    """Raise a ValueError if all of the photo belongs to one of several masks."""
    for k, mask in enumerate(masks):
        if mask.min() > UNKNOWN:
            raise ValueError(f"{name}: expected masks of parts of the photo, got all of it in layer {k}")
    return masks
