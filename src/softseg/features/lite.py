"""Features of the network that softseg is shipped with: what ``features="default"`` means."""

from __future__ import annotations

import functools
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64

from softseg._threads import on_all_cores
from softseg.features._inference import (
    as_batch,
    as_features,
    describe_within_memory,
    find_device,
    freeze,
    one_thread,
)
from softseg.features._weights import hash_file, load_network
from softseg.features.base import FeatureExtractor

if TYPE_CHECKING:
    from torch import Tensor

    from softseg.features._lite_network import LiteNetwork

NETWORK = "lite"
BUNDLED = Path(__file__).parent / "weights" / "lite.safetensors"

# How many pixels the network sees: photos outside this range are resized to it. It was trained on photos of
# 16 to 155 thousand pixels, at 0.5 to 1.6 times their width and height, and knows objects at the sizes they
# have there. Measured at 30, 60, 100, 160 and 240 thousand pixels, the AUC of no set of photos gains more
# than 0.01 beyond this range, and most lose.
_LEAST, _MOST = 30_000, 160_000


@dataclass(frozen=True)
class LiteFeatures(FeatureExtractor):
    """Features of a convolutional network that began from ImageNet; its weights are part of softseg.

    32 channels of length one, so that distances run from 0 to 2. ``docs/reference/model-card.md`` says on
    what the network was trained, how well it does and what it does badly.

    Parameters
    ----------
    checkpoint : str or path, optional
        Other weights of the same network, as ``softseg train-features`` writes them. Default: those shipped.
    device : str
        Where torch computes, such as ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    FileNotFoundError
        When features are extracted: if there is no such checkpoint.
    ValueError
        When features are extracted: if the file is no checkpoint of this network or damaged, or the device
        cannot be used.

    Warns
    -----
    UserWarning
        If memory does not suffice for the whole photo, so that it is described in overlapping tiles.

    Notes
    -----
    The photo is resized to multiples of 32 pixels, and to between 30 000 and 160 000 in all; the features
    are resized back bilinearly. They are the mean of those of the photo and of its mirror image.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.features import LiteFeatures
    >>> LiteFeatures().extract(np.random.default_rng(0).random((20, 30, 3))).shape
    (20, 30, 32)
    """

    checkpoint: str | os.PathLike[str] | None = None
    device: str = "cpu"

    def extract(self, image: Float64[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W C"]:
        """Return the network's features.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1].

        Returns
        -------
        array of float32, shape (H, W, 32)
            In [-1, 1].
        """
        import torch
        from torch.nn.functional import interpolate

        path = self._path()
        device = find_device(self.device)
        network = _load_network(os.fspath(path), path.stat().st_mtime_ns if path.exists() else 0, self.device)

        def describe(part: Float64[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w C"]:
            height, width = part.shape[:2]
            size = working_size(height, width, network.multiple)
            with torch.inference_mode():
                photo = network.normalize(
                    interpolate(as_batch(part, device), size, mode="bilinear", antialias=True)
                )
                straight, mirrored = _look_at_all(network, [photo, photo.flip(3)])
                maps = (straight + mirrored.flip(3)) / 2
                return as_features(interpolate(maps, (height, width), mode="bilinear"))

        with one_thread():
            return describe_within_memory(describe, image)

    def fingerprint(self) -> str:
        """Name the weights by their content.

        Returns
        -------
        str
            Equal for extractors that compute equal features.
        """
        return f"{self!r} {hash_file(self._path())}"

    def _path(self) -> Path:
        return BUNDLED if self.checkpoint is None else Path(self.checkpoint)


def working_size(height: int, width: int, multiple: int) -> tuple[int, int]:
    """Return the size at which the network sees a photo: about its own, within limits, in multiples.

    Examples
    --------
    >>> from softseg.features.lite import working_size
    >>> working_size(321, 481, 32)
    (320, 480)
    """
    pixels = min(max(height * width, _LEAST), _MOST)
    scale = math.sqrt(pixels / (height * width))
    wanted = (max(round(n * scale / multiple), 1) * multiple for n in (height, width))
    return next(wanted), next(wanted)


def _look_at_all(network: LiteNetwork, photos: list[Tensor]) -> list[Tensor]:
    """Return the network's maps of photos (1, 3, H, W), each in a thread of its own."""
    import torch

    maps = [torch.empty(0)] * len(photos)

    def look(start: int, stop: int) -> None:
        torch.set_num_threads(1)  # each thread has a number of its own; the caller puts it back
        with torch.inference_mode():
            for k in range(start, stop):
                maps[k] = network(photos[k].contiguous(memory_format=torch.channels_last))

    on_all_cores(look, len(photos))
    return maps


@functools.lru_cache(maxsize=2)
def _load_network(checkpoint: str, changed: int, device: str) -> LiteNetwork:
    """Load a network, or return the one loaded before; ``changed`` tells the file from an earlier one."""
    from softseg.features._lite_network import LiteNetwork

    place = find_device(device)
    return freeze(load_network(checkpoint, NETWORK, lambda _: LiteNetwork()), place)
