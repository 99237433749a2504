"""Networks whose weights take no memory and no random numbers, because a file's weights will replace them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch.overrides import TorchFunctionMode

Network = TypeVar("Network", bound=torch.nn.Module)

_DRAWS = (torch.Tensor.normal_, torch.Tensor.uniform_)


class _WithoutDraws(TorchFunctionMode):
    """Leave out the random first values of weights.

    Placeholders have no values that could be drawn. But torch imports its whole compiler to find that out, a
    second and a half at every start.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return args[0] if func in _DRAWS else func(*args, **(kwargs or {}))


def build_placeholder(build: Callable[[], Network]) -> Network:
    """Return the network that a function builds, on the device "meta" and without first weights."""
    with torch.device("meta"), _WithoutDraws():
        return build()
