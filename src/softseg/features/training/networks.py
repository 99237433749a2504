"""The networks that can be trained, by name, and what a network must offer for that."""

from __future__ import annotations

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


def build(name: str) -> nn.Module:
    """Return a network with random weights.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name == "compact":
        from softseg.features._compact_network import CompactNetwork

        return CompactNetwork()
    if name == "sss":
        from softseg.features._sss_network import SSSNetwork

        return SSSNetwork()
    raise ValueError(f"network: expected compact or sss, got {name!r}")
