"""Colour and texture, smoothed within regions: features that need no network.

CIELAB colour is diffused in three rounds of growing reach. The smoothed colours of one round are the guide
that stops the next at edges, so regions flatten and what remains between them sharpens. Texture is what the
finest smoothing removes; it is diffused along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from softseg.features import _kernels
from softseg.features.base import FeatureExtractor

# Colour differences as large as this many times the photo's own colour spread (root mean square distance from
# its mean colour) stop the diffusion altogether. Two colours alone are at least two spreads apart, whatever
# area each covers; so below 2, flat regions of a two-colour image never mix, however alike the two are.
_BARRIER = 1.9

# Each round's reach, as a fraction of the photo's side (the root of its area), and its sharpness: how fast
# the passage between neighbours falls with their distance. As all constants here: chosen by how well feature
# distances tell pairs of pixels of one region from pairs of two, on BSDS500 and MSRC photos. Half the
# sharpness scores about the same there, but lets small objects (a face) dissolve into what surrounds them.
_ROUNDS = ((0.05, 4), (0.15, 8), (0.4, 16))
_TEXTURE_ROUND = (0.01, 2)

# CIELAB units per unit of feature. Colours then fill [-5, 5], where preprocessing clips. Lightness counts
# half: it varies with shading within an object more than the two colour axes do.
_COLOUR_UNITS = np.array([40.0, 20.0, 20.0])[:, None, None]

# About the smallest difference in CIELAB that is seen. Texture grows linearly up to it, then logarithmically.
_VISIBLE = 2.0

_PASSES = 3  # passes over rows and columns in each round: fewer leave streaks along them


@dataclass(frozen=True)
class LowLevelFeatures(FeatureExtractor):
    """Colour and texture of each pixel's surroundings, six channels: a stand-in where there is no network.

    Channels 0-2 are CIELAB lightness / 40, a / 20 and b / 20, smoothed without crossing edges; channels 3-5
    are the texture of each, log(1 + contrast / 2) smoothed likewise, with the contrast in CIELAB units.

    Notes
    -----
    The smoothing is the recursive filter of Gastal and Oliveira, Domain Transform for Edge-Aware Image and
    Video Processing, ACM TOG 30(4), 2011, with another edge term: the weight between neighbours of colour
    distance d is multiplied by (1 - d / r)^m, which is exactly zero from the distance r on. r is 1.9 times
    the photo's own colour spread. An image of exactly two flat colours therefore gets features of exactly two
    values, whatever the boundary's shape.

    The features tell nothing of where a pixel is, nor what it shows: two objects alike in colour and texture
    have the same features.

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
        """
        lab = _lab_planes(image)
        barrier = _BARRIER * _spread(lab)
        contrast = np.abs(lab - _diffused(lab, lab, barrier, *_TEXTURE_ROUND))
        planes = np.concatenate([lab, np.log1p(contrast / _VISIBLE)])
        for reach, sharpness in _ROUNDS:
            planes = _diffused(planes, planes[:3], barrier, reach, sharpness)
        planes[:3] /= _COLOUR_UNITS
        return np.moveaxis(planes, 0, -1).astype(np.float32, order="C")


def _lab_planes(image: Float64[np.ndarray, "H W 3"]) -> Float64[np.ndarray, "3 H W"]:
    from skimage.color import rgb2lab

    return np.ascontiguousarray(np.moveaxis(rgb2lab(image), -1, 0))


def _spread(lab: Float64[np.ndarray, "3 H W"]) -> float:
    """Return the root mean square distance of the colours from their mean."""
    return float(np.sqrt(lab.var(axis=(1, 2)).sum()))


def _diffused(
    planes: Float64[np.ndarray, "C H W"],
    guide: Float64[np.ndarray, "3 H W"],
    barrier: float,
    reach: float,
    sharpness: int,
) -> Float64[np.ndarray, "C H W"]:
    """Smooth planes over ``reach`` photo sides, not across edges of the guide."""
    height, width = guide.shape[1:]
    across = np.zeros((height, width))
    down = np.zeros((height, width))
    across[:, 1:] = _passage(np.diff(guide, axis=2), barrier, sharpness)
    down[1:] = _passage(np.diff(guide, axis=1), barrier, sharpness)
    smoothed = planes.copy()
    _kernels.diffuse(smoothed, across, down, _decays(reach * np.sqrt(height * width)))
    return smoothed


def _passage(
    difference: Float64[np.ndarray, "3 h w"], barrier: float, sharpness: int
) -> Float[np.ndarray, "h w"]:
    """How much passes between neighbours: 1 if their colours are equal, 0 from the barrier on."""
    distance = np.sqrt((difference**2).sum(axis=0))
    # The spread of a photo of one colour may be 0; all that matters then is that 0 distance passes.
    return np.maximum(1 - distance / max(barrier, np.finfo(float).tiny), 0) ** sharpness


def _decays(sigma: float) -> Float64[np.ndarray, " passes"]:
    """Return the weight kept per pixel in each pass: halving reaches whose variances sum to sigma^2.

    Source: Gastal and Oliveira 2011; to and fro, weights exp(-sqrt(2) / s) have the standard deviation s.
    """
    halves = 2.0 ** np.arange(_PASSES - 1, -1, -1)
    return np.exp(-np.sqrt(2 * (4**_PASSES - 1) / 3) / (sigma * halves))
