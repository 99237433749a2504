"""Features of any torch network that returns a feature map, brought to the photo's size along its edges."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Float64

from softseg._checks import check_count, check_positive
from softseg.features._inference import as_batch, as_features, describe_within_memory
from softseg.features.base import FeatureExtractor

if TYPE_CHECKING:
    import torch
    from torch import nn

# The mean and the standard deviation of red, green and blue, in [0, 1], over the photos of ImageNet. Networks
# whose training used them expect photos normalized by them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# The regularization, in squared color units of [0, 1], of the guided filter that brings a map to the photo's
# size. The filter's window is one cell of the map. The project measured both on region maps of BSDS500
# photos, which were averaged over cells of 7 or 14 pixels and enlarged again: this window and this
# regularization came nearest to the originals, and local affine models of the small photo overshot.
_MAP_EPSILON = 1e-4


@dataclass(frozen=True)
class ModuleFeatures(FeatureExtractor):
    """Features of a torch module, such as the trunk of a network for some other task.

    Parameters
    ----------
    module : torch.nn.Module
        The module. It maps normalized photos, (1, 3, h, w), to a feature map, (1, C, h / stride, w / stride),
        for every h and w that the stride divides. It must be in evaluation mode (``module.eval()``). It
        computes on the device that its parameters are on, and is compared by identity.
    mean, std : tuple of 3 floats
        The module gets ``(rgb - mean) / std``, with RGB in [0, 1].
    stride : int
        Pixels per cell of the feature map, along each axis.

    Raises
    ------
    TypeError, ValueError
        If mean, std or stride is not as above. When features are extracted: if the module is in training
        mode, or its map is not as above.

    Warns
    -----
    UserWarning
        If memory does not suffice for the whole photo, so that it is described in overlapping tiles.

    Notes
    -----
    The photo is enlarged to the next multiples of the stride. The map is resized bilinearly to the
    photo's size, and then filtered with the photo as the guide (:func:`softseg.features.guided_filter`), so
    that it follows the photo's edges.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from softseg.features.module import ModuleFeatures
    >>> trunk = torch.nn.Conv2d(3, 8, kernel_size=4, stride=4).eval()
    >>> extractor = ModuleFeatures(trunk, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), stride=4)
    >>> extractor
    ModuleFeatures(<Conv2d: 392 parameters>, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), stride=4)
    >>> extractor.extract(np.random.default_rng(0).random((21, 30, 3))).shape
    (21, 30, 8)
    """

    module: nn.Module
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    stride: int

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            object.__setattr__(self, name, _check_three_numbers(name, getattr(self, name)))
        for deviation in self.std:
            check_positive("std", deviation)
        check_count("stride", self.stride)

    def extract(self, image: Float64[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W C"]:
        """Return the module's features at the photo's size.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1].

        Returns
        -------
        array of float32, shape (H, W, C)
            They have the module's unit; preprocessing clips them to [-5, 5].
        """
        import torch

        if self.module.training:
            raise ValueError("module: expected one in evaluation mode; call its eval()")
        weights = next(iter(self.module.state_dict().values()), torch.empty(0))

        def describe(part: Float64[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w C"]:
            height, width = (-(-n // self.stride) * self.stride for n in part.shape[:2])
            batch = normalized_batch(part, (height, width), self.mean, self.std, weights.device)
            with torch.inference_mode():
                maps = self.module(batch)
            expected = (height // self.stride, width // self.stride)
            if not isinstance(maps, torch.Tensor) or maps.ndim != 4 or tuple(maps.shape[2:]) != expected:
                got = tuple(maps.shape) if isinstance(maps, torch.Tensor) else type(maps).__name__
                raise ValueError(
                    f"module: expected a map of shape (1, C, {expected[0]}, {expected[1]}), got {got}"
                )
            return at_full_size(as_features(maps), part)

        return describe_within_memory(describe, image)

    def fingerprint(self) -> str:
        """Return the module's and this extractor's repr with the hash of the weights.

        Returns
        -------
        str
            Equal for extractors that compute equal features.
        """
        digest = hashlib.sha256()
        for name, tensor in self.module.state_dict().items():
            digest.update(f"{name} {tensor.dtype}".encode())
            digest.update(tensor.cpu().float().numpy().tobytes())
        return f"{self.module!r} {self!r} {digest.hexdigest()}"

    def __repr__(self) -> str:
        count = sum(parameter.numel() for parameter in self.module.parameters())
        module = f"<{type(self.module).__name__}: {count} parameters>"
        return f"ModuleFeatures({module}, mean={self.mean}, std={self.std}, stride={self.stride})"


def normalized_batch(
    image: Float64[np.ndarray, "H W 3"],
    size: tuple[int, int],
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    device: torch.device,
) -> torch.Tensor:
    """Return a photo as a network takes it: (1, 3, h, w), resized, (rgb - mean) / std."""
    return as_batch((resize(image, size) - mean) / std, device)


def size_in_cells(shape: tuple[int, ...], stride: int, side: int) -> tuple[int, int]:
    """Return a height and width in multiples of the stride, for about side * side pixels.

    Their ratio is about that of ``shape``, whose first two numbers are the photo's height and width.

    Examples
    --------
    >>> from softseg.features.module import size_in_cells
    >>> size_in_cells((240, 320), stride=14, side=518)
    (448, 602)
    """
    scale = side / math.sqrt(shape[0] * shape[1])
    height, width = (max(round(n * scale / stride), 1) * stride for n in shape[:2])
    return height, width


def at_full_size(
    maps: Float32[np.ndarray, "h w C"], image: Float64[np.ndarray, "H W 3"]
) -> Float32[np.ndarray, "H W C"]:
    """Return a feature map of a whole photo at the photo's size, filtered so that it follows its edges."""
    from softseg.features.filtering import guided_filter

    height, width = image.shape[:2]
    cell = math.ceil(max(height / maps.shape[0], width / maps.shape[1]))
    return guided_filter(resize(maps, (height, width)), image, size=cell, epsilon=_MAP_EPSILON)


def resize(values: Float[np.ndarray, "h w C"], size: tuple[int, int]) -> Float[np.ndarray, "H W C"]:
    """Resize channels bilinearly, with anti-aliasing where they shrink."""
    from skimage import transform

    return transform.resize(values, size, order=1, mode="edge", anti_aliasing=True)


def _check_three_numbers(name: str, values: object) -> tuple[float, ...]:
    """Return values as three finite floats; raise a ValueError that begins with ``name`` if they are not."""
    numbers = np.asarray(values, dtype=object)
    try:
        triple = tuple(float(number) for number in numbers.ravel())
    except (TypeError, ValueError):
        triple = ()
    if len(triple) != 3 or not all(map(math.isfinite, triple)):
        raise ValueError(f"{name}: expected three numbers, got {values!r}")
    return triple
