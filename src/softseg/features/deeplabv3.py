"""Features of DeepLab-v3, a network for semantic segmentation that torchvision carries."""

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

# Pixels per cell of the coarsest model's feature map. Photos are resized to multiples of it for all models.
_STRIDE = 16

# Photos are resized to about the square of this many pixels. It is the shorter side of the photos that
# torchvision's weights were trained on.
_SIDE = 520


@dataclass(frozen=True)
class DeepLabV3Features(FeatureExtractor):
    """The last 256 channels before DeepLab-v3's classes, brought to the photo's size along its edges.

    They need ``pip install "softseg[torchvision]"``. At first use, torchvision downloads the weights into
    torch's cache.

    Parameters
    ----------
    model : str
        One of ``"deeplabv3_resnet50"``, ``"deeplabv3_resnet101"`` and ``"deeplabv3_mobilenet_v3_large"``.
    device : str
        The device that torch computes on, such as ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    ImportError
        When features are extracted: if torchvision is not installed.
    OSError
        When features are extracted: if the weights are not in the cache and cannot be fetched.
    ValueError
        If there is no such model; when features are extracted: if the device cannot be used.

    Warns
    -----
    UserWarning
        If memory does not suffice for the whole photo, so that it is described in overlapping tiles.

    Notes
    -----
    Source: Chen et al., Rethinking Atrous Convolution for Semantic Image Segmentation, 2017; weights trained
    on COCO photos with the 20 classes of Pascal VOC.

    The photo is resized to about 520 * 520 pixels, the scale of the training. The network pads with zeros, so
    that the pixels of a photo of one color do not all have the same features.

    Examples
    --------
    >>> from softseg.features.deeplabv3 import DeepLabV3Features
    >>> DeepLabV3Features()
    DeepLabV3Features(model='deeplabv3_resnet50', device='cpu')
    """

    model: str = "deeplabv3_resnet50"
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.model not in _MODELS:
            raise ValueError(f"model: expected one of {', '.join(_MODELS)}, got {self.model!r}")

    def extract(self, image: Float64[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W 256"]:
        """Return the channels described above.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1].

        Returns
        -------
        array of float32, shape (H, W, 256)
            They have no unit; preprocessing clips them to [-5, 5].
        """
        import torch

        place = find_device(self.device)
        network = _load_network(self.model, self.device)

        def describe(part: Float64[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 256"]:
            size = size_in_cells(part.shape, _STRIDE, _SIDE)
            batch = normalized_batch(part, size, IMAGENET_MEAN, IMAGENET_STD, place)
            with torch.inference_mode():
                maps = network.backbone(batch)["out"]
                for layer in list(network.classifier)[:-1]:  # the last one gives the classes
                    maps = layer(maps)
            return at_full_size(as_features(maps), part)

        return describe_within_memory(describe, image)


# The names of torchvision's DeepLab-v3 models.
_MODELS = ("deeplabv3_resnet50", "deeplabv3_resnet101", "deeplabv3_mobilenet_v3_large")


@functools.lru_cache(maxsize=2)
def _load_network(model: str, device: str) -> Any:
    """Load one of torchvision's models with its default weights, or return one that was loaded before."""
    models = require("torchvision.models", "DeepLabV3Features")
    place = find_device(device)
    try:
        network = models.get_model(model, weights="DEFAULT")
    except OSError as error:
        raise OSError(
            f"model: the weights of {model} are not in torch's cache and cannot be fetched; are you offline?"
        ) from error
    return freeze(network, place)
