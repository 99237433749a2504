"""The semantic affinity: touching superpixels attract or repel by the distance of their features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from scipy import sparse
from scipy.special import erf

from softseg._checks import check_finite, check_positive
from softseg.affinity.base import Affinity

if TYPE_CHECKING:
    from softseg.scene import Scene


@final
@dataclass(frozen=True)
class SemanticAffinity(Affinity):
    """Attraction in [-1, 1] between 8-connected neighbouring superpixels, by their mean features.

        W[a, b] = erf(steepness * (1 - |f_a - f_b| - threshold))

    so that features nearer than ``1 - threshold`` attract and farther ones repel: the negative entries
    carry the semantic cuts. Entries lie between the superpixels' representative pixels.

    Parameters
    ----------
    steepness : float
        How sharply attraction turns into repulsion.
    threshold : float
        Similarity (1 minus the distance of mean features, which lie in [0, 1] each) at the turning point.

    References
    ----------
    Aksoy et al. 2018, Section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import Scene, SemanticAffinity
    >>> halves = np.repeat([[0, 0, 0, 1, 1, 1]], 3, axis=0)
    >>> features = np.repeat(halves[:, :, None].astype(float), 3, axis=2)
    >>> W = SemanticAffinity().matrix(Scene(np.zeros((3, 6, 3)), features=features, superpixels=halves))
    >>> float(W[7, 10])                        # (y, x) = (1, 1) and (1, 4), features sqrt(3) apart
    -1.0
    """

    steepness: float = 20.0
    threshold: float = 0.85

    def __post_init__(self) -> None:
        check_positive("steepness", self.steepness)
        check_finite("threshold", self.threshold)

    def matrix(self, scene: Scene) -> sparse.csr_array:
        """Return the semantic affinities, (H*W, H*W) (see `Affinity.matrix`)."""
        a, b = scene.touching_superpixels.T
        features = scene.superpixel_means(scene.features)
        distance = np.linalg.norm(features[a] - features[b], axis=1)
        return scene.superpixel_matrix(a, b, erf(self.steepness * (1 - distance - self.threshold)))
