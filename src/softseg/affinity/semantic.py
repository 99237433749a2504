"""The semantic affinity: the features of two touching superpixels decide whether they attract or repel."""

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
    """Attraction in [-1, 1] between superpixels that share an edge or a corner, by their mean features.

    For two superpixels a and b of the mean features f_a and f_b, it is::

        W[a, b] = erf(steepness * (1 - |f_a - f_b| - threshold))

    Superpixels whose features are nearer than ``1 - threshold`` attract each other, and others repel each
    other. The negative entries make the semantic cuts. The matrix has its entries at the superpixels'
    representative pixels (`Scene.representative_pixels`).

    Parameters
    ----------
    steepness : float
        How fast the attraction turns into repulsion with the distance of the features, above 0.
    threshold : float
        The similarity (1 minus the distance of the mean features, each in [0, 1]) at which it is neither.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a finite number, or ``steepness`` is not above 0.

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
        """Return the semantic affinities.

        Parameters
        ----------
        scene : Scene
            The features and superpixels. The image's colors are not used.

        Returns
        -------
        scipy.sparse.csr_array, shape (H*W, H*W)
            Symmetric, entries in [-1, 1], at the superpixels' representative pixels; see `Affinity.matrix`.
        """
        a, b = scene.touching_superpixels.T
        features = scene.superpixel_means(scene.features)
        distance = np.linalg.norm(features[a] - features[b], axis=1)
        return scene.superpixel_matrix(a, b, erf(self.steepness * (1 - distance - self.threshold)))
