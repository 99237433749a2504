"""The paper's network: a ResNet-101 as in DeepLab, a hypercolumn of five layers, and a head for each pixel.

The network was trained in TensorFlow 1, with first weights that came from Caffe. Frameworks differ in where
they pad, in which convolution of a block has the stride, and in how they enlarge maps. This module does all
of these as the published network does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from softseg._checks import check_count

# All constants of this module are those of the published network (Aksoy et al. 2018, Section 4.3, and the
# released weights) unless they say otherwise.

# The mean blue, green and red, in 0..255, that are subtracted from a photo.
MEANS = (104.00698793, 116.66876762, 122.67891434)

# Pixels that are mirrored onto each side of the photo, and cut off from the features.
PADDING = 50

# What batch norm adds to a variance before it divides by its root.
BATCH_NORM_EPSILON = 1e-3

# The number of residual blocks in each of the four stages, and the dilation of their 3x3 convolutions.
BLOCKS = (3, 4, 23, 3)
DILATIONS = (1, 1, 2, 4)

# The network's input is divided by this before it becomes a part of the hypercolumn.
INPUT_SCALE = 128

# Channels of the first convolution, as published.
PUBLISHED_WIDTH = 64

# The fewest channels of the first convolution for which every layer has a channel (2 * width - 4 > 0). It
# follows from the layers below.
LEAST_WIDTH = 3

# The learning rate's factors for (whether a parameter is in the head, whether it is a bias).
_LEARNING_RATES = {(False, False): 1, (False, True): 1, (True, False): 10, (True, True): 20}

# The most pixels that the head describes at a time. Their hypercolumns take 134 MB at the published width.
# Chosen by the project; the features do not depend on it.
_PIXELS_PER_BAND = 2**15


class SSSNetwork(nn.Module):
    """A network that maps a photo to 2 * width features per pixel, which are 128 as published.

    Parameters
    ----------
    width : int
        Channels of the first convolution, at least 3, and 64 as published. The other layers' widths follow.

    Notes
    -----
    Source: Aksoy et al., Semantic Soft Segmentation, ACM TOG 37(4), 2018, section 4.3; DeepLab: Chen et al.,
    TPAMI 40(4), 2018; hypercolumns: Hariharan et al., CVPR 2015.

    Examples
    --------
    >>> import torch
    >>> from softseg.features._sss_network import SSSNetwork
    >>> network = SSSNetwork(width=4).eval()
    >>> photos = torch.rand(1, 3, 21, 34)
    >>> network(network.normalize(photos)).shape
    torch.Size([1, 8, 21, 34])
    """

    stride = 1

    def __init__(self, width: int = PUBLISHED_WIDTH) -> None:
        check_count("width", width, least=LEAST_WIDTH)
        super().__init__()
        self.conv1 = NormalizedConv(3, width, 7, stride=2)
        inputs, outputs = width, 4 * width
        for number, (blocks, dilation) in enumerate(zip(BLOCKS, DILATIONS, strict=True), start=1):
            stage = nn.ModuleList()
            for block in range(blocks):
                stage.append(
                    Bottleneck(
                        inputs,
                        outputs,
                        stride=2 if number == 2 and block == 0 else 1,
                        dilation=dilation,
                        projected=block == 0,
                    )
                )
                inputs = outputs
            self.add_module(f"stage{number}", stage)
            outputs = 2 * outputs
        self.hypercolumn = nn.ModuleDict(
            {
                "input": SameConv2d(3, 4, 1),
                "pool1": SameConv2d(width, 2 * width - 4, 1),
                "stage2": SameConv2d(8 * width, 2 * width, 1),
                "stage3": SameConv2d(16 * width, 4 * width, 3),
                "stage4": SameConv2d(32 * width, 8 * width, 3),
            }
        )
        self.head = Head(width)

    def normalize(self, photos: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N 3 H W"]:
        """Turn RGB in [0, 1] into what `forward` takes: BGR in 0..255 minus the mean color."""
        means = torch.tensor(MEANS, dtype=photos.dtype, device=photos.device)
        return 255 * photos.flip(1) - means[:, None, None]

    def forward(self, photos: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N C H W"]:
        """Return the features of normalized photos, at the photos' size."""
        height, width = photos.shape[2:]
        padded = reflect(photos, PADDING)
        layers = self.layers(padded)
        rows_per_band = max(_PIXELS_PER_BAND // width, 1)
        features = []
        # The head sees one pixel at a time, so that it may be run on one band of rows after the other.
        for start in range(0, height, rows_per_band):
            rows = range(PADDING + start, PADDING + min(start + rows_per_band, height))
            columns = range(PADDING, PADDING + width)
            size = padded.shape[2], padded.shape[3]
            enlarged = [resize_as_tensorflow(layer, size, rows, columns) for layer in layers]
            features.append(self.head(F.relu(torch.cat(enlarged, dim=1))))
        return torch.cat(features, dim=2)

    def layers(self, padded: Float[Tensor, "N 3 H W"]) -> list[Tensor]:
        """Return the five layers of the hypercolumn, in their order, each at its own size."""
        pool1 = max_pool(F.relu(self.conv1(padded)))
        stage1 = self._run_stage(1, pool1)
        stage2 = self._run_stage(2, stage1)
        stage3 = self._run_stage(3, stage2)
        stage4 = self._run_stage(4, stage3)
        sources = {
            "input": padded / INPUT_SCALE,
            "pool1": pool1,
            "stage2": F.relu(stage2),
            "stage3": F.relu(stage3),
            "stage4": stage4,  # as published, before its last ReLU
        }
        return [convolution(sources[name]) for name, convolution in self.hypercolumn.items()]

    def _run_stage(self, number: int, x: Tensor) -> Tensor:
        for block in self.get_submodule(f"stage{number}").children():
            # A block ends with its sum, so that the ReLU after it is applied here.
            x = block(F.relu(x))
        return x

    def use_batch_statistics(self) -> None:
        """Drop the moving averages: batch norm uses each batch's own mean and variance from now on."""
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean = module.running_var = None

    def parameter_groups(self, lr: float, weight_decay: float) -> list[dict[str, Any]]:
        """Return an optimizer's parameter groups with the published learning rates.

        The head's weights learn 10 times as fast as the rest, and its biases 20 times. The groups leave out
        batch norm's scale and shift, which are not trained. Only weights decay.

        Parameters
        ----------
        lr : float
            The learning rate, 2.5e-4 as published.
        weight_decay : float
            The weight decay, 5e-4 as published.
        """
        groups: dict[tuple[bool, bool], dict[str, Any]] = {
            (head, biases): {"params": [], "lr": factor * lr, "weight_decay": 0.0 if biases else weight_decay}
            for (head, biases), factor in _LEARNING_RATES.items()
        }
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                groups[name.startswith("head."), name.endswith(".bias")]["params"].append(parameter)
        return list(groups.values())


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding: of an odd number of zeros, one more comes last."""

    def __init__(
        self, inputs: int, outputs: int, size: int, stride: int = 1, dilation: int = 1, bias: bool = True
    ) -> None:
        super().__init__(inputs, outputs, size, stride=stride, dilation=dilation, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        extent = self.dilation[0] * (self.kernel_size[0] - 1) + 1
        return super().forward(pad_same(x, extent, self.stride[0], 0.0))


class NormalizedConv(nn.Module):
    """A convolution without bias, followed by batch norm whose scale and shift are not trained."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = SameConv2d(inputs, outputs, size, stride, dilation, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPSILON)
        self.norm.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Bottleneck(nn.Module):
    """A residual block up to its sum, without the ReLU that follows.

    The branches have the names of Caffe's ResNet. As there, the stride is in the 1x1 convolutions.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, dilation: int, projected: bool) -> None:
        super().__init__()
        inner = outputs // 4
        self.branch1 = NormalizedConv(inputs, outputs, 1, stride) if projected else nn.Identity()
        self.branch2a = NormalizedConv(inputs, inner, 1, stride)
        self.branch2b = NormalizedConv(inner, inner, 3, dilation=dilation)
        self.branch2c = NormalizedConv(inner, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.branch2c(F.relu(self.branch2b(F.relu(self.branch2a(x)))))
        return self.branch1(x) + residual


class Head(nn.Module):
    """The layers from a pixel's hypercolumn to its features.

    Two fully connected layers of low rank follow each other, and a third takes the outputs of both.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = LowRank(16 * width, 4 * width, 8 * width)
        self.fc2 = LowRank(8 * width, 4 * width, 8 * width)
        self.fc3 = nn.Conv2d(16 * width, 2 * width, 1)

    def forward(self, hypercolumns: Tensor) -> Tensor:
        first = F.relu(self.fc1(hypercolumns))
        second = F.relu(self.fc2(first))
        return self.fc3(torch.cat([first, second], dim=1))


class LowRank(nn.Module):
    """A fully connected layer whose matrix is the product of two smaller ones."""

    def __init__(self, inputs: int, rank: int, outputs: int) -> None:
        super().__init__()
        self.factor1 = nn.Conv2d(inputs, rank, 1, bias=False)
        self.factor2 = nn.Conv2d(rank, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.factor2(self.factor1(x))


def reflect(x: Float[Tensor, "N C H W"], padding: int) -> Float[Tensor, "N C h w"]:
    """Mirror the borders outward without repeating the outermost line, several times where x is too small."""
    rows, columns = (
        torch.from_numpy(np.pad(np.arange(n), padding, mode="reflect")).to(x.device) for n in x.shape[2:]
    )
    return x[:, :, rows][..., columns]


def max_pool(x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C h w"]:
    """Return the maxima of every second 3x3 window along each axis, with SAME padding."""
    return F.max_pool2d(pad_same(x, 3, 2, -torch.inf), 3, stride=2)


def pad_same(x: Float[Tensor, "N C H W"], extent: int, stride: int, value: float) -> Tensor:
    """Pad both axes so that ceil(size / stride) windows of ``extent`` fit; the smaller half comes first."""
    amounts: list[int] = []
    for n in (x.shape[3], x.shape[2]):  # torch's order: the last axis first
        total = max((-(-n // stride) - 1) * stride + extent - n, 0)
        amounts += [total // 2, total - total // 2]
    return F.pad(x, amounts, value=value)


def resize_as_tensorflow(
    x: Float[Tensor, "N C h w"], size: tuple[int, int], rows: range, columns: range
) -> Float[Tensor, "N C H W"]:
    """Enlarge ``x`` bilinearly to ``size`` as TensorFlow 1 does, and return the given rows and columns.

    Pixel i of n takes its value from position ``i * n_in / n``. Neither the corners of the two images are
    aligned nor, unlike in today's convention, their centers. A position beyond the last pixel takes that
    pixel's value.
    """
    above, below, down = _find_neighbors(x, x.shape[2], size[0], rows)
    left, right, across = _find_neighbors(x, x.shape[3], size[1], columns)
    lines = torch.lerp(x[:, :, above], x[:, :, below], down[:, None])
    return torch.lerp(lines[..., left], lines[..., right], across)


def _find_neighbors(x: Tensor, length: int, wanted: int, pixels: range) -> Iterator[Tensor]:
    """Yield the lines before and after each pixel's position, and how far it lies between them, in [0, 1]."""
    numerators = torch.tensor(pixels) * length
    before = numerators // wanted
    yield before.to(x.device)
    yield (before + 1).clamp(max=length - 1).to(x.device)
    yield (numerators % wanted / wanted).to(x)
