"""Photos through networks: on the device that is asked for, whole if memory suffices, else in tiles."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Float64

if TYPE_CHECKING:
    import torch

TILES = (1024, 512, 256)  # sides in pixels, tried in this order
OVERLAP = 64

_OUT_OF_MEMORY = re.compile("out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


def checked_device(name: str) -> torch.device:
    """Return torch's device of that name.

    Raises
    ------
    ValueError
        If there is none, or it cannot be used here.

    Examples
    --------
    >>> from softseg.features._inference import checked_device
    >>> checked_device("cpu")
    device(type='cpu')
    """
    import torch

    try:
        return torch.empty(0, device=name).device
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device: expected one that torch can use here, got {name!r}: {reason}") from error


def as_batch(image: Float[np.ndarray, "H W 3"], device: torch.device) -> torch.Tensor:
    """Return a photo as torch has it: (1, 3, H, W), float32."""
    import torch

    return torch.from_numpy(np.moveaxis(image, 2, 0)[None].astype(np.float32, order="C")).to(device)


def as_features(maps: torch.Tensor) -> Float32[np.ndarray, "h w C"]:
    """Return a network's maps, (1, C, h, w), with the channels last.

    Raises
    ------
    ValueError
        If they hold NaN or infinity.
    """
    features = np.ascontiguousarray(maps[0].permute(1, 2, 0).float().cpu().numpy())
    if not np.isfinite(features).all():
        raise ValueError("features: expected finite values, got NaN or infinity from the network")
    return features


def described(
    describe: Callable[[Float64[np.ndarray, "H W 3"]], Float32[np.ndarray, "H W C"]],
    image: Float64[np.ndarray, "H W 3"],
) -> Float32[np.ndarray, "H W C"]:
    """Return ``describe(image)``; where memory runs out, that of overlapping tiles.

    Each tile is described as a photo of its own; where tiles overlap they are blended linearly, so that no
    seam shows. A network then sees less of a pixel's surroundings.

    Parameters
    ----------
    describe : callable
        Maps a photo, (H, W, 3), to features, (H, W, C).
    image : array, shape (H, W, 3)
        The photo.

    Raises
    ------
    MemoryError
        If memory does not suffice for the smallest tiles.

    Warns
    -----
    UserWarning
        Before it falls back to tiles.
    """
    for side in (None, *TILES):
        if side is not None:
            if side >= max(image.shape[:2]):
                continue
            warnings.warn(
                f"features: out of memory; computed in tiles of {side} pixels, which see less of the photo",
                UserWarning,
                stacklevel=3,
            )
        try:
            return describe(image) if side is None else _in_tiles(describe, image, side)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
    raise MemoryError("features: out of memory, even in tiles; shrink the photo or use another device")


def _is_out_of_memory(error: Exception) -> bool:
    # torch has an error of its own for CUDA only; elsewhere it is a RuntimeError that says so.
    return isinstance(error, MemoryError) or bool(_OUT_OF_MEMORY.search(str(error)))


def _in_tiles(
    describe: Callable[[np.ndarray], np.ndarray], image: Float64[np.ndarray, "H W 3"], side: int
) -> Float32[np.ndarray, "H W C"]:
    height, width = image.shape[:2]
    total: np.ndarray | None = None
    weights = np.zeros((height, width, 1), np.float32)
    for rows, columns in itertools.product(_spans(height, side), _spans(width, side)):
        features = describe(np.ascontiguousarray(image[rows, columns]))
        weight = (_ramps(features.shape[0])[:, None] * _ramps(features.shape[1]))[:, :, None]
        if total is None:
            total = np.zeros((height, width, features.shape[2]), np.float32)
        total[rows, columns] += weight * features
        weights[rows, columns] += weight
    assert total is not None  # every photo has a tile
    total /= weights
    return total


def _spans(length: int, side: int) -> list[slice]:
    """Cover a line by evenly spread spans of ``side`` pixels that overlap by OVERLAP or more."""
    side = min(side, length)
    count = 1 + -(-(length - side) // (side - OVERLAP)) if length > side else 1
    starts = np.linspace(0, length - side, count).astype(int).tolist()
    return [slice(start, start + side) for start in starts]


def _ramps(length: int) -> Float32[np.ndarray, " length"]:
    """Weights that rise from either end of a span until OVERLAP pixels in."""
    from_the_ends = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
    return np.minimum(from_the_ends / OVERLAP, 1).astype(np.float32)
