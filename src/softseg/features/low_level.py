"""Color and texture, smoothed within regions: features that need no network.

CIELAB color is smoothed by diffusion in three rounds of growing reach. Edges in the smoothed colors of one
round stop the next round, so that regions become flat and the edges between them sharp. Texture is what the
finest smoothing removes from the colors. It is smoothed in the same rounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from softseg.features import _kernels
from softseg.features.base import FeatureExtractor

# The project chose all constants of this module by how well feature distances tell pairs of pixels of one
# region from pairs of two regions, on photos of BSDS500 and MSRC (docs/guides/features.md has the scores of
# the result).

# Colors that differ by at least this many times the photo's own color spread (the root mean square distance
# from its mean color) stop the diffusion completely. An image of two colors has them at least two spreads
# apart, whatever area each covers. So with a value below 2, its flat regions never mix, however alike the two
# colors are.
_BARRIER = 1.9

# The reach and the sharpness of each round. The reach is a fraction of the photo's side, which is the root of
# its area. The sharpness is the exponent by which less passes between neighbors, the farther apart their
# colors are. Half the sharpness has about the same score, but lets small objects, such as a face, mix with
# what surrounds them.
_ROUNDS = ((0.05, 4), (0.15, 8), (0.4, 16))

# The reach and the sharpness of the finest smoothing, which separates texture from color.
_TEXTURE_ROUND = (0.01, 2)

# CIELAB units per unit of feature, for lightness, a and b. The features then fill [-5, 5], to which
# preprocessing clips them. Lightness counts half, because shading within an object changes it more than the
# two axes of color.
_COLOR_UNITS = np.array([40.0, 20.0, 20.0])[:, None, None]

# About the smallest visible difference, in CIELAB units. Texture grows linearly with contrasts up to it, and
# logarithmically above it.
_VISIBLE = 2.0

# Passes over rows and columns in each round. Fewer passes leave streaks along rows and columns.
_PASSES = 3


@dataclass(frozen=True)
class LowLevelFeatures(FeatureExtractor):
    """Color and texture of each pixel's surroundings, in six channels, for use without a network.

    Channels 0-2 are CIELAB lightness / 40, a / 20 and b / 20, smoothed without crossing edges. Channels 3-5
    are the texture of each, log(1 + contrast / 2), smoothed likewise, with the contrast in CIELAB units.

    Notes
    -----
    The smoothing is the recursive filter of Gastal and Oliveira, Domain Transform for Edge-Aware Image and
    Video Processing, ACM TOG 30(4), 2011, with another edge term. The weight between neighbors of color
    distance d is multiplied by (1 - d / r)^m, which is exactly zero from the distance r on. This r is 1.9
    times the photo's own color spread. An image of exactly two flat colors therefore gets features of exactly
    two values, whatever the shape of the boundary.

    The features depend neither on where a pixel is nor on what it shows. Two objects that are alike in color
    and texture have the same features.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.features import LowLevelFeatures
    >>> LowLevelFeatures().extract(np.random.default_rng(0).random((20, 30, 3))).shape
    (20, 30, 6)
    """

    def extract(self, image: Float64[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W 6"]:
        """Return the six channels described above.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1].

        Returns
        -------
        array of float32, shape (H, W, 6)
            Their useful range lies within [-5, 5].
        """
        lab = _convert_to_lab(image)
        barrier = _BARRIER * _compute_spread(lab)
        contrast = np.abs(lab - _diffuse(lab, lab, barrier, *_TEXTURE_ROUND))
        planes = np.concatenate([lab, np.log1p(contrast / _VISIBLE)])
        for reach, sharpness in _ROUNDS:
            planes = _diffuse(planes, planes[:3], barrier, reach, sharpness)
        planes[:3] /= _COLOR_UNITS
        return np.moveaxis(planes, 0, -1).astype(np.float32, order="C")


def _convert_to_lab(image: Float64[np.ndarray, "H W 3"]) -> Float64[np.ndarray, "3 H W"]:
    """Return the planes of CIELAB lightness, in 0..100, and of a and b."""
    from skimage.color import rgb2lab

    return np.ascontiguousarray(np.moveaxis(rgb2lab(image), -1, 0))


def _compute_spread(lab: Float64[np.ndarray, "3 H W"]) -> float:
    """Return the root mean square distance of the colors from their mean, in CIELAB units."""
    return float(np.sqrt(lab.var(axis=(1, 2)).sum()))


def _diffuse(
    planes: Float64[np.ndarray, "C H W"],
    guide: Float64[np.ndarray, "3 H W"],
    barrier: float,
    reach: float,
    sharpness: int,
) -> Float64[np.ndarray, "C H W"]:
    """Return planes smoothed over ``reach`` times the photo's side, but not across edges of the guide."""
    height, width = guide.shape[1:]
    across = np.zeros((height, width))
    down = np.zeros((height, width))
    across[:, 1:] = _compute_passage(np.diff(guide, axis=2), barrier, sharpness)
    down[1:] = _compute_passage(np.diff(guide, axis=1), barrier, sharpness)
    smoothed = planes.copy()
    _kernels.diffuse(smoothed, across, down, _compute_decays(reach * np.sqrt(height * width)))
    return smoothed


def _compute_passage(
    difference: Float64[np.ndarray, "3 h w"], barrier: float, sharpness: int
) -> Float[np.ndarray, "h w"]:
    """Return how much passes between neighbors: 1 if their colors are equal, 0 from the barrier on."""
    distance = np.sqrt((difference**2).sum(axis=0))
    # The barrier of a photo of one color may be 0. The result must then be 1, because all distances are 0.
    return np.maximum(1 - distance / max(barrier, np.finfo(float).tiny), 0) ** sharpness


def _compute_decays(sigma: float) -> Float64[np.ndarray, " passes"]:
    """Return, for each pass, the share of a weight that is left after one pixel.

    Each pass has half the reach of the one before, and their variances sum to sigma^2. A recursion with the
    share exp(-sqrt(2) / s), run forward and backward, smooths with the standard deviation s (Gastal and
    Oliveira 2011).
    """
    halves = 2.0 ** np.arange(_PASSES - 1, -1, -1)
    return np.exp(-np.sqrt(2 * (4**_PASSES - 1) / 3) / (sigma * halves))
