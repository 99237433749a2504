"""The non-local color affinity: superpixels of the same color attract each other across a gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree
from scipy.special import erf

from softseg._checks import check_finite, check_positive
from softseg.affinity.base import Affinity

if TYPE_CHECKING:
    from softseg.scene import Scene


@final
@dataclass(frozen=True)
class ColorAffinity(Affinity):
    """Attraction in [0, 1] between superpixels of similar mean color that lie within a radius.

    For two superpixels a and b of the mean colors c_a and c_b, it is::

        W[a, b] = (erf(steepness * (1 - |c_a - c_b| - threshold)) + 1) / 2

    The attraction is 1 up to a color distance slightly below ``1 - threshold``, and falls to 0 slightly above
    it. The matrix has its entries at the superpixels' representative pixels (`Scene.representative_pixels`).

    Parameters
    ----------
    radius : float
        The largest distance of two superpixels' centroids, above 0. The image's height and width both count
        as 1.
    steepness : float
        How fast the attraction falls with the color distance, above 0.
    threshold : float
        The similarity (1 minus the distance of the mean RGB colors, each in [0, 1]) at which the attraction
        is a half.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a finite number, or ``radius`` or ``steepness`` is not above 0.

    References
    ----------
    Aksoy et al. 2018, Section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import ColorAffinity, Scene
    >>> halves = np.repeat([[0, 0, 0, 1, 1, 1]], 3, axis=0)
    >>> scene = Scene(np.full((3, 6, 3), 0.5), superpixels=halves)
    >>> float(ColorAffinity(radius=0.5).matrix(scene)[7, 10])      # half the width apart, same color
    0.9997965239912775
    """

    radius: float = 0.2
    steepness: float = 50.0
    threshold: float = 0.95

    def __post_init__(self) -> None:
        check_positive("radius", self.radius)
        check_positive("steepness", self.steepness)
        check_finite("threshold", self.threshold)

    def matrix(self, scene: Scene) -> sparse.csr_array:
        """Return the non-local color affinities.

        Parameters
        ----------
        scene : Scene
            The image, and its superpixels. Features are not used.

        Returns
        -------
        scipy.sparse.csr_array, shape (H*W, H*W)
            Symmetric, entries in [0, 1], at the superpixels' representative pixels; see `Affinity.matrix`.
        """
        a, b = self._find_pairs_within_radius(scene).T
        colors = scene.superpixel_means(scene.image)
        distance = np.linalg.norm(colors[a] - colors[b], axis=1)
        affinity = (erf(self.steepness * (1 - distance - self.threshold)) + 1) / 2
        alike = affinity > 0  # for most pairs erf is exactly -1, so that the affinity is 0
        return scene.superpixel_matrix(a[alike], b[alike], affinity[alike])

    def _find_pairs_within_radius(self, scene: Scene) -> np.ndarray:
        height, width = scene.shape
        y, x = np.divmod(scene.representative_pixels, width)
        centroids = np.stack([(y + 1) / height, (x + 1) / width], axis=1)
        return cKDTree(centroids).query_pairs(self.radius, output_type="ndarray")
