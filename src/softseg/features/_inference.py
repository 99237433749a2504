"""Running networks on photos: on a given device, on the whole photo if memory suffices, and else in tiles."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Float32, Float64

from softseg._warnings import warn

if TYPE_CHECKING:
    import torch
    from torch import nn

# Sides of the tiles in pixels, in the order in which they are tried. Chosen by the project.
TILES = (1024, 512, 256)

# Pixels by which neighboring tiles overlap at least, and over which they are blended. Chosen by the project.
OVERLAP = 64

# The messages of the RuntimeErrors by which torch's backends say that memory ran out;
# tests/features/test_inference.py has examples.
_OUT_OF_MEMORY = re.compile("out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


def _keep_to_one_thread() -> None:
    """Keep torch on one thread in this process: one that was forked would wait for its parent's for ever.

    Whoever forks wants several processes at once, and so one thread for each is no loss.
    """
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_to_one_thread)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch on one thread, so that its results do not depend on the number of cores.

    With more of them it chooses other ways to convolve, whose sums are rounded otherwise.

    Examples
    --------
    >>> import torch
    >>> from softseg.features._inference import one_thread
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def find_device(name: str) -> torch.device:
    """Return torch's device of that name.

    Parameters
    ----------
    name : str
        A name such as ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    ValueError
        If there is no such device, or it cannot be used here.

    Examples
    --------
    >>> from softseg.features._inference import find_device
    >>> find_device("cpu")
    device(type='cpu')
    """
    import torch

    try:
        return torch.empty(0, device=name).device
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device: expected one that torch can use here, got {name!r}: {reason}") from error


def as_batch(image: Float[np.ndarray, "H W 3"], device: torch.device) -> torch.Tensor:
    """Return a photo as networks in torch take it: (1, 3, H, W), float32, on the device."""
    import torch

    return torch.from_numpy(np.moveaxis(image, 2, 0)[None].astype(np.float32, order="C")).to(device)


def as_features(maps: torch.Tensor) -> Float32[np.ndarray, "h w C"]:
    """Return a network's maps, (1, C, h, w), as a float32 array with the channels last.

    Raises
    ------
    ValueError
        If the maps hold NaN or infinity.
    """
    features = np.ascontiguousarray(maps[0].permute(1, 2, 0).float().cpu().numpy())
    if not np.isfinite(features).all():
        raise ValueError("features: expected finite values, got NaN or infinity from the network")
    return features


def freeze(network: nn.Module, device: torch.device) -> Any:
    """Move a network to a device for computing features: in evaluation mode, and without gradients."""
    return network.to(device).eval().requires_grad_(False)


def describe_within_memory(
    describe: Callable[[Float64[np.ndarray, "H W 3"]], Float32[np.ndarray, "H W C"]],
    image: Float64[np.ndarray, "H W 3"],
) -> Float32[np.ndarray, "H W C"]:
    """Return ``describe(image)``, or, if memory runs out, features put together from overlapping tiles.

    Each tile is described as if it were a photo. Where tiles overlap, their features are blended linearly, so
    that no seam shows. In a tile, a network sees less of a pixel's surroundings.

    Parameters
    ----------
    describe : callable
        A function of a photo, (H, W, 3), that returns its features, (H, W, C).
    image : array of float64, shape (H, W, 3)
        The photo, RGB in [0, 1].

    Returns
    -------
    array of float32, shape (H, W, C)

    Raises
    ------
    MemoryError
        If memory does not even suffice for the smallest tiles.

    Warns
    -----
    UserWarning
        Whenever memory has run out and tiles, or smaller tiles, are tried next.
    """
    for side in (None, *TILES):
        if side is not None:
            if side >= max(image.shape[:2]):
                continue
            warn(f"features: out of memory; computed in tiles of {side} pixels, which see less of the photo")
        try:
            return describe(image) if side is None else _describe_in_tiles(describe, image, side)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
    raise MemoryError("features: out of memory, even in tiles; shrink the photo or use another device")


def _is_out_of_memory(error: Exception) -> bool:
    # torch has a class of its own for this error on CUDA only. On other devices only the message of a
    # RuntimeError tells.
    return isinstance(error, MemoryError) or bool(_OUT_OF_MEMORY.search(str(error)))


def _describe_in_tiles(
    describe: Callable[[np.ndarray], np.ndarray], image: Float64[np.ndarray, "H W 3"], side: int
) -> Float32[np.ndarray, "H W C"]:
    """Describe tiles of at most ``side`` pixels along each axis, and blend them into the photo's features."""
    height, width = image.shape[:2]
    total: np.ndarray | None = None
    weights = np.zeros((height, width, 1), np.float32)
    for rows, columns in itertools.product(_place_spans(height, side), _place_spans(width, side)):
        features = describe(np.ascontiguousarray(image[rows, columns]))
        weight = (_make_ramps(features.shape[0])[:, None] * _make_ramps(features.shape[1]))[:, :, None]
        if total is None:
            total = np.zeros((height, width, features.shape[2]), np.float32)
        total[rows, columns] += weight * features
        weights[rows, columns] += weight
    assert total is not None  # every photo has a tile
    total /= weights
    return total


def _place_spans(length: int, side: int) -> list[slice]:
    """Return evenly spread spans of ``side`` pixels that cover ``length`` pixels.

    Neighboring spans overlap by at least OVERLAP pixels.
    """
    side = min(side, length)
    count = 1 + -(-(length - side) // (side - OVERLAP)) if length > side else 1
    starts = np.linspace(0, length - side, count).astype(int).tolist()
    return [slice(start, start + side) for start in starts]


def _make_ramps(length: int) -> Float32[np.ndarray, " length"]:
    """Return weights that rise linearly from both ends of a span and reach 1 OVERLAP pixels inside it."""
    from_the_ends = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
    return np.minimum(from_the_ends / OVERLAP, 1).astype(np.float32)
