"""Losses over pairs of pixels, which draw features of one region together and push others apart.

Each loss takes three tensors: the features (B, n, C) of n pixels in each of B crops, the agreement (B, n, n)
in [0, 1] that two pixels belong together, and the weight (B, n, n) of each pair in [0, 1], which is 0 where
the agreement is not known.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

# Crops in which pairs of different regions have at most this share of the weight are left out by
# `ProjectedBCE`. Chosen by the project.
_LEAST_DIFFERENT = 0.05

# The least squared distance of two pixels. The root's slope is infinite at 0, the distance of each pixel to
# itself. Chosen by the project.
_LEAST_SQUARE = 1e-8

# The least range of a component before it is stretched to [0, 1], in units of the features. Chosen by the
# project.
_LEAST_RANGE = 1e-3


class NPairL2(nn.Module):
    """The published loss: the N-pair loss with L2 distances in place of inner products.

    Two pixels at the distance d cost ``log((1 + exp(d)) / 2)`` if they belong together, and
    ``log(1 + exp(-d)) / 2`` if they do not (Aksoy et al. 2018, Section 4.2). Where annotators differ, the two
    are averaged by the agreement.
    """

    def forward(self, features: Tensor, agreement: Tensor, known: Tensor) -> Tensor:
        """Return the mean over all pairs, by their weights."""
        d = _compute_distances(features)
        same = functional.softplus(d) - math.log(2)
        different = functional.softplus(-d) / 2
        return (known * (agreement * same + (1 - agreement) * different)).sum() / known.sum().clamp_min(1)


class CosineBCE(nn.Module):
    """Binary cross-entropy of "one region", with the cosine similarity, scaled and shifted, as its logit.

    Scale and shift are learned. Unlike :class:`NPairL2`, this loss can train a network from random weights.
    With those, all pairs are at nearly the same distance, where the N-pair loss has hardly a gradient.
    """

    def __init__(self) -> None:
        super().__init__()
        # The first values make a cosine of one half the point of indifference. Chosen by the project.
        self.log_scale = nn.Parameter(torch.tensor(8.0).log())
        self.shift = nn.Parameter(torch.tensor(-4.0))

    def forward(self, features: Tensor, agreement: Tensor, known: Tensor) -> Tensor:
        """Return the mean over crops. In each, pairs that belong together weigh as much as the others."""
        unit = functional.normalize(features, dim=-1)
        logits = self.log_scale.exp() * unit @ unit.mT + self.shift
        return _compute_balanced_cross_entropy(logits, agreement, known).mean()


class ProjectedBCE(nn.Module):
    """Binary cross-entropy of "one region" on the distances that the affinities will use.

    The preprocessing keeps three principal components of a photo's features and stretches each to [0, 1]
    (:func:`softseg.features.preprocess`). This loss does the same to the sampled pixels of each crop. Its
    logit is a learned threshold minus the distance, times a learned scale. The gradient takes the projection
    for a constant: the features are trained for the projection of the current step, and the next step
    computes a new one.
    """

    def __init__(self, n_components: int = 3) -> None:
        super().__init__()
        self.n_components = n_components
        # The first values of the learned scale and threshold. Chosen by the project.
        self.log_scale = nn.Parameter(torch.tensor(8.0).log())
        self.threshold = nn.Parameter(torch.tensor(0.5))

    def forward(self, features: Tensor, agreement: Tensor, known: Tensor) -> Tensor:
        """Return the mean over the crops in which enough pairs do not belong together."""
        several = ((1 - agreement) * known).mean((1, 2)) > _LEAST_DIFFERENT
        if not several.any():
            return features.sum() * 0.0
        d = _compute_distances(_stretch_components(features[several], self.n_components))
        logits = self.log_scale.exp() * (self.threshold - d)
        return _compute_balanced_cross_entropy(logits, agreement[several], known[several]).mean()


class CombinedLoss(nn.Module):
    """The sum of :class:`CosineBCE` on the features and :class:`ProjectedBCE` on their components."""

    def __init__(self) -> None:
        super().__init__()
        self.cosine = CosineBCE()
        self.projected = ProjectedBCE()

    def forward(self, features: Tensor, agreement: Tensor, known: Tensor) -> Tensor:
        """Return the sum of both losses."""
        return self.cosine(features, agreement, known) + self.projected(features, agreement, known)


def build(name: str) -> nn.Module:
    """Return a new loss by its name: ``"n-pair"``, ``"cosine"`` or ``"combined"``.

    Raises
    ------
    ValueError
        If there is no loss of that name.
    """
    if name not in _LOSSES:
        raise ValueError(f"loss: expected one of {', '.join(_LOSSES)}, got {name!r}")
    return _LOSSES[name]()


# The losses by their names in a configuration.
_LOSSES: dict[str, type[nn.Module]] = {"n-pair": NPairL2, "cosine": CosineBCE, "combined": CombinedLoss}


def _compute_distances(features: Tensor) -> Tensor:
    """Return the distances (B, n, n) of all pairs of pixels."""
    squares = features.square().sum(-1)
    d2 = squares[:, :, None] + squares[:, None, :] - 2 * features @ features.mT
    return d2.clamp_min(_LEAST_SQUARE).sqrt()


def _stretch_components(features: Tensor, n: int) -> Tensor:
    """Return the n principal components of each crop's features, each scaled to a range of 1."""
    centered = features - features.mean(1, keepdim=True)
    with torch.no_grad():
        _, vectors = torch.linalg.eigh(centered.mT @ centered)
        axes = vectors[..., -n:]
        components = centered @ axes
        ranges = components.amax(1, keepdim=True) - components.amin(1, keepdim=True)
        axes = axes / ranges.clamp_min(_LEAST_RANGE)
    return centered @ axes


def _compute_balanced_cross_entropy(logits: Tensor, agreement: Tensor, known: Tensor) -> Tensor:
    """Return, for each crop, the mean of the means over pairs that belong together and over the others."""
    together, apart = agreement * known, (1 - agreement) * known
    positive = (together * functional.softplus(-logits)).sum((1, 2)) / together.sum((1, 2)).clamp_min(1)
    negative = (apart * functional.softplus(logits)).sum((1, 2)) / apart.sum((1, 2)).clamp_min(1)
    return (positive + negative) / 2
