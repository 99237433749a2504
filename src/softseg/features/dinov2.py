"""Features of DINOv2, a vision transformer trained on photos alone, without labels."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from softseg._extras import require
from softseg.features._inference import as_features, describe_within_memory, find_device, freeze
from softseg.features.base import FeatureExtractor
from softseg.features.module import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    at_full_size,
    normalized_batch,
    size_in_cells,
)

# Photos are resized to about the square of this many pixels. It is the side of the photos in the last phase
# of the published models' training (Oquab et al. 2024).
_SIDE = 518


@dataclass(frozen=True)
class DINOv2Features(FeatureExtractor):
    """DINOv2's last patch tokens, one for 14x14 pixels, brought to the photo's size along its edges.

    They need ``pip install "softseg[dinov2]"``. At first use, the transformers library downloads the weights
    (Apache-2.0) into its own cache.

    Parameters
    ----------
    model : str
        The name of a DINOv2 model on the Hugging Face hub, or a folder that such a model was saved to.
    device : str
        The device that torch computes on, such as ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    ImportError
        When features are extracted: if the transformers library is not installed.
    OSError
        When features are extracted: if the weights are not in the cache and cannot be fetched.
    ValueError
        When features are extracted: if the device cannot be used.

    Warns
    -----
    UserWarning
        If memory does not suffice for the whole photo, so that it is described in overlapping tiles.

    Notes
    -----
    Source: Oquab et al., DINOv2: Learning Robust Visual Features without Supervision, TMLR 2024.

    The photo is resized to about 518 * 518 pixels, as in the training. A token depends on its position, so
    that the pixels of a photo of one color do not all have the same features.

    Examples
    --------
    >>> from softseg.features.dinov2 import DINOv2Features
    >>> DINOv2Features()
    DINOv2Features(model='facebook/dinov2-small', device='cpu')
    """

    model: str = "facebook/dinov2-small"
    device: str = "cpu"

    def extract(self, image: Float64[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W C"]:
        """Return the patch tokens at the photo's size, 384 channels for the small model.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1].

        Returns
        -------
        array of float32, shape (H, W, C)
            They have no unit; preprocessing clips them to [-5, 5].
        """
        import torch

        network = _load_network(self.model, self.device)
        patch = network.config.patch_size

        def describe(part: Float64[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w C"]:
            size = size_in_cells(part.shape, patch, _SIDE)
            batch = normalized_batch(part, size, IMAGENET_MEAN, IMAGENET_STD, network.device)
            with torch.inference_mode():
                # The first token is left out, because it describes the whole photo.
                tokens = network(pixel_values=batch).last_hidden_state[:, 1:]
            maps = tokens.transpose(1, 2).unflatten(2, (size[0] // patch, size[1] // patch))
            return at_full_size(as_features(maps), part)

        return describe_within_memory(describe, image)


@functools.lru_cache(maxsize=2)
def _load_network(model: str, device: str) -> Any:
    """Load a DINOv2 model by the transformers library, or return one that was loaded before."""
    transformers = require("transformers", "DINOv2Features")
    place = find_device(device)
    try:
        network: Any = transformers.Dinov2Model.from_pretrained(model)
    except OSError as error:
        raise OSError(
            f"model: {model} is not in the cache of transformers and cannot be fetched; are you offline?"
        ) from error
    return freeze(network, place)
