"""Losses over pairs of pixels: features of one region close, of different regions far.

Each takes features (B, n, C) of n pixels in each of B crops; the agreement (B, n, n) that two pixels belong
together, in [0, 1]; and where that is known, (B, n, n).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class NPairL2(nn.Module):
    """The published loss: the N-pair loss with L2 distances in place of inner products.

    With the distance d of two pixels, ``log((1 + exp(d)) / 2)`` if they belong together, else
    ``log(1 + exp(-d)) / 2``; in between, the mixture by their agreement (Aksoy et al. 2018, section 4.2).
    """

    def forward(self, features: Tensor, agreement: Tensor, known: Tensor) -> Tensor:
        """Return the mean over all known pairs."""
        d = _distances(features)
        same = functional.softplus(d) - math.log(2)
        different = functional.softplus(-d) / 2
        return (known * (agreement * same + (1 - agreement) * different)).sum() / known.sum().clamp_min(1)


class CosineBCE(nn.Module):
    """Binary cross-entropy of "one region", with the cosine similarity, scaled and shifted, as its logit.

    Scale and shift are learned. Unlike :class:`NPairL2` it trains a network from random weights: all pairs
    start at the same distance, where the N-pair loss has the least to say.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(8.0).log())
        self.shift = nn.Parameter(torch.tensor(-4.0))

    def forward(self, features: Tensor, agreement: Tensor, known: Tensor) -> Tensor:
        """Return the mean over crops, pairs that belong together weighing as much as the others."""
        unit = functional.normalize(features, dim=-1)
        logits = self.log_scale.exp() * unit @ unit.mT + self.shift
        return _balanced_cross_entropy(logits, agreement, known).mean()


class ProjectedBCE(nn.Module):
    """Binary cross-entropy on the distances that the affinities will see.

    The preprocessing keeps the three principal components of a photo's features and stretches each to [0, 1]
    (:func:`softseg.features.preprocess`). This loss does the same to the sampled pixels of each crop, and
    takes a learned threshold minus the distance, scaled, as logit. The projection is a constant for the
    gradient: the features learn to fit it, and it follows them.
    """

    def __init__(self, n_components: int = 3) -> None:
        super().__init__()
        self.n_components = n_components
        self.log_scale = nn.Parameter(torch.tensor(8.0).log())
        self.threshold = nn.Parameter(torch.tensor(0.5))

    def forward(self, features: Tensor, agreement: Tensor, known: Tensor) -> Tensor:
        """Return the mean over the crops that have pairs to tell apart."""
        several = ((1 - agreement) * known).mean((1, 2)) > 0.05
        if not several.any():
            return features.sum() * 0.0
        d = _distances(_stretched_components(features[several], self.n_components))
        logits = self.log_scale.exp() * (self.threshold - d)
        return _balanced_cross_entropy(logits, agreement[several], known[several]).mean()


class CombinedLoss(nn.Module):
    """Sum of :class:`CosineBCE`, for the features, and :class:`ProjectedBCE`, for what is left of them."""

    def __init__(self) -> None:
        super().__init__()
        self.cosine = CosineBCE()
        self.projected = ProjectedBCE()

    def forward(self, features: Tensor, agreement: Tensor, known: Tensor) -> Tensor:
        """Return the sum of both losses."""
        return self.cosine(features, agreement, known) + self.projected(features, agreement, known)


def build(name: str) -> nn.Module:
    """Return a loss by name.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in _LOSSES:
        raise ValueError(f"loss: expected one of {', '.join(_LOSSES)}, got {name!r}")
    return _LOSSES[name]()


_LOSSES: dict[str, type[nn.Module]] = {"n-pair": NPairL2, "cosine": CosineBCE, "combined": CombinedLoss}


def _distances(features: Tensor) -> Tensor:
    # The root's slope is infinite at 0, where every pixel meets itself.
    squares = features.square().sum(-1)
    d2 = squares[:, :, None] + squares[:, None, :] - 2 * features @ features.mT
    return d2.clamp_min(1e-8).sqrt()


def _stretched_components(features: Tensor, n: int) -> Tensor:
    centered = features - features.mean(1, keepdim=True)
    with torch.no_grad():
        _, vectors = torch.linalg.eigh(centered.mT @ centered)
        axes = vectors[..., -n:]
        components = centered @ axes
        axes = axes / (components.amax(1, keepdim=True) - components.amin(1, keepdim=True)).clamp_min(1e-3)
    return centered @ axes


def _balanced_cross_entropy(logits: Tensor, agreement: Tensor, known: Tensor) -> Tensor:
    """Return, per crop, the mean of the mean over pairs that belong together and that over the others."""
    together, apart = agreement * known, (1 - agreement) * known
    positive = (together * functional.softplus(-logits)).sum((1, 2)) / together.sum((1, 2)).clamp_min(1)
    negative = (apart * functional.softplus(logits)).sum((1, 2)) / apart.sum((1, 2)).clamp_min(1)
    return (positive + negative) / 2
