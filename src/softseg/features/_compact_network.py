"""The compact network itself: ``softseg.features.compact`` runs it, ``softseg.features.training`` trains it.

Imports torch at the top, and is therefore imported only when a network is used.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Width and number of residual blocks at strides 4, 8, 16 and 32.
_STAGES = ((32, 2), (64, 2), (112, 3), (160, 2))
_STEM = 24
_PYRAMID = 64
_HIDDEN = 128
_CHANNELS = 32

# Brings the colors of photos to about zero mean and unit variance.
_MEAN, _DEVIATION = 0.45, 0.27


class CompactNetwork(nn.Module):
    """A residual encoder to stride 32 and a feature pyramid back to stride 4, with features of length one.

    Plain 3x3 convolutions (He et al. 2016) rather than the depthwise ones of mobile networks: on a CPU they
    cost less time for twice the parameters. The pyramid is that of Lin et al. (2017). Its coarsest level gets
    the mean over the photo added, so that every pixel knows what else there is, and its finest is put beside
    the colors themselves.

    Edges are padded by repeating them. Zeros would tell a pixel how far the border is, and make a photo of
    one color look different there.
    """

    #: Height and width of the input are multiples of this.
    multiple = 32

    def __init__(self) -> None:
        super().__init__()
        width = _STAGES[0][0]
        self.stem = nn.Sequential(_convolution(3, _STEM, stride=2), _convolution(_STEM, width, stride=2))
        stages = []
        for k, (wider, depth) in enumerate(_STAGES):
            first = _ResidualBlock(width) if k == 0 else _convolution(width, wider, stride=2)
            stages.append(nn.Sequential(first, *(_ResidualBlock(wider) for _ in range(depth - 1))))
            width = wider
        self.stages = nn.ModuleList(stages)
        self.surroundings = nn.Conv2d(width, _PYRAMID, 1)
        self.laterals = nn.ModuleList(_convolution(w, _PYRAMID, size=1, activation=False) for w, _ in _STAGES)
        self.merges = nn.ModuleList(_convolution(_PYRAMID, _PYRAMID) for _ in _STAGES)
        self.head = nn.Sequential(
            _convolution(_PYRAMID + 3, _HIDDEN, size=1), nn.Conv2d(_HIDDEN, _CHANNELS, 1)
        )

    def normalize(self, photos: Tensor) -> Tensor:
        """Map RGB in [0, 1] to what the network takes."""
        return (photos - _MEAN) / _DEVIATION

    def forward(self, inputs: Tensor) -> Tensor:
        """Map normalized photos (N, 3, H, W) to features (N, 32, H / 4, W / 4) of length one."""
        levels = []
        x = self.stem(inputs)
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        top = self.surroundings(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        for level, lateral, merge in zip(levels[::-1], self.laterals[::-1], self.merges[::-1], strict=True):
            if top.shape[2:] != level.shape[2:]:
                top = functional.interpolate(top, scale_factor=2, mode="bilinear", align_corners=False)
            top = merge(lateral(level) + top)
        colors = functional.avg_pool2d(inputs, 4).to(top.dtype)
        return functional.normalize(self.head(torch.cat([top, colors], 1)).float(), dim=1)

    def parameter_groups(self, lr: float, weight_decay: float) -> list[dict[str, Any]]:
        """Return the optimizer's groups: only the weights of convolutions decay."""
        weights = [p for p in self.parameters() if p.ndim > 1]
        others = [p for p in self.parameters() if p.ndim <= 1]
        return [
            {"params": weights, "lr": lr, "weight_decay": weight_decay},
            {"params": others, "lr": lr, "weight_decay": 0.0},
        ]


class _ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_convolution(width, width), _convolution(width, width, activation=False))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.body(x))


class _RepeatEdges(nn.Module):
    # As ReplicationPad2d(1), whose gradient takes longer than the convolution that follows.
    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x[:, :, :1], x, x[:, :, -1:]], 2)
        return torch.cat([x[..., :1], x, x[..., -1:]], 3)


def _convolution(
    inputs: int, outputs: int, *, size: int = 3, stride: int = 1, activation: bool = True
) -> nn.Sequential:
    layers: list[nn.Module] = [_RepeatEdges()] if size > 1 else []
    layers += [nn.Conv2d(inputs, outputs, size, stride, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if activation else nn.Sequential(*layers)
