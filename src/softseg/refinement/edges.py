"""Where an object's edge lies, as seen from the edge of a mask that may be too small or too large.

Positions are signed distances to the mask's edge: positive inside, in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

# The standard deviation, in pixels, by which signed distances are smoothed before their gradient says which
# way is into the object. Chosen by the project.
DIRECTION_SMOOTHING = 1.0

# An edge whose median lies nearer to the mask's than this, in pixels, is taken to lie there: a mask's edge is
# known to half a pixel. A mask of hairs loses them when it is moved by a pixel. Chosen by the project:
# docs/notes/refining.md.
LEAST_SHIFT = 1.5

# How far along the edge its spread is averaged: the standard deviation, as a share of the picture's longer
# side. Chosen by the project: docs/notes/refining.md.
ALONG = 30 / 320

# A mask has filled the gaps between hairs if it is too large, and the rough matte takes this share or more of
# what should be surely inside near the edge for background. Chosen by the project: docs/notes/refining.md.
GAPS = 0.15

# The weight that the spread of the whole edge has in the average of each place, as a share of the mean weight
# of the places that have any. Chosen by the project.
WHOLE_EDGE = 0.1


@final
@dataclass(frozen=True)
class Edge:
    """Where an object's edge lies beside that of a mask.

    Parameters
    ----------
    shift : float
        The median position of the edge, in pixels: negative where the mask is too small.
    spread : ndarray, shape (H, W)
        How far the edge is spread about that, in pixels, near each place: little at the edge of a table, much
        in hair.
    gaps : float
        How deep inside the mask there may be gaps that it does not show, as between hairs, in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.refinement import Edge
    >>> edge = Edge(shift=-1.5, spread=np.ones((4, 6)))         # in a copy of half the size
    >>> edge.enlarged(2.0, (8, 12)).shift
    -3.0
    """

    shift: float
    spread: Float[np.ndarray, "H W"]
    gaps: float = 0.0

    def enlarged(self, factor: float, shape: tuple[int, int]) -> Edge:
        """Return the same edge in a picture that is larger by a factor and has another shape.

        Parameters
        ----------
        factor : float
            By how much lengths grow.
        shape : tuple of int
            Height and width of the larger picture, in pixels.

        Returns
        -------
        Edge
            In pixels of the larger picture.
        """
        rows, columns = (
            np.minimum(np.arange(new) * old // new, old - 1)
            for new, old in zip(shape, self.spread.shape, strict=True)
        )
        return Edge(factor * self.shift, factor * self.spread[np.ix_(rows, columns)], factor * self.gaps)


def signed_distance(inside: Bool[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """Return how far each pixel is inside of a mask, in pixels, and negative outside.

    The edge lies between the pixels.

    Parameters
    ----------
    inside : ndarray of bool, shape (H, W)
        The mask, with pixels of both kinds.

    Returns
    -------
    ndarray, shape (H, W)
        At least 0.5 inside, at most -0.5 outside.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.refinement import signed_distance
    >>> signed_distance(np.array([[False, False, True, True, True]]))
    array([[-1.5, -0.5,  0.5,  1.5,  2.5]])
    """
    within = ndimage.distance_transform_edt(inside) - 0.5
    outside = ndimage.distance_transform_edt(~inside) - 0.5
    return np.where(inside, within, -outside)


def find_edge(alpha: Float[np.ndarray, "H W"], distance: Float[np.ndarray, "H W"], reach: float) -> Edge:
    """Find where a rough matte rises across the edge of a mask.

    A pixel's weight is the square of the slope at which the matte rises into the mask: a sharp edge says more
    about its place than a faint one. The shift is the weighted median of the pixels' signed distances, and
    the spread their mean absolute deviation from it, averaged over the places nearby and scaled so that over
    the whole edge it is the median absolute deviation, which a few false edges cannot change.

    Parameters
    ----------
    alpha : ndarray, shape (H, W)
        The rough matte, in [0, 1].
    distance : ndarray, shape (H, W)
        Signed distances to the mask's edge, in pixels, as `signed_distance` returns them.
    reach : float
        How far from the mask's edge, in pixels, the matte was free.

    Returns
    -------
    Edge
        In pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.refinement import find_edge, signed_distance
    >>> columns = np.arange(20)
    >>> mask = np.tile(columns >= 10, (20, 1))
    >>> alpha = np.tile(np.clip((columns - 6) / 2, 0, 1), (20, 1))       # the mask is three pixels too small
    >>> edge = find_edge(alpha, signed_distance(mask), reach=8.0)
    >>> edge.shift, bool((edge.spread <= 1).all())
    (-2.5, True)
    """
    weights = _weigh(alpha, distance, reach)
    seen = weights > 0
    if not seen.any():
        return Edge(0.0, np.full(alpha.shape, float(reach)))
    shift = _weighted_median(distance[seen], weights[seen])
    if abs(shift) < LEAST_SHIFT:
        shift = 0.0
    deviation = abs(distance - shift)
    whole = float(np.average(deviation, weights=weights))
    typical = _weighted_median(deviation[seen], weights[seen])

    def smooth(values: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(values, ALONG * max(alpha.shape), mode="constant", truncate=3)

    near = smooth(weights)
    least = WHOLE_EDGE * float(near[seen].mean())
    spread = (smooth(weights * deviation) + least * whole) / (near + least)
    return Edge(shift, spread * (typical / whole if whole > 0 else 0.0))


def has_filled_gaps(
    alpha: Float[np.ndarray, "H W"],
    distance: Float[np.ndarray, "H W"],
    front: Bool[np.ndarray, "H W"],
    reach: float,
) -> bool:
    """Say whether a mask is too large, and has filled gaps of the object, as between hairs.

    Parameters
    ----------
    alpha : ndarray, shape (H, W)
        The rough matte, in [0, 1].
    distance : ndarray, shape (H, W)
        Signed distances to the mask's edge.
    front : ndarray of bool, shape (H, W)
        What should be surely inside, as far as the edge and its spread say.
    reach : float
        How far from the mask's edge, in pixels, the matte was free.

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.refinement.edges import has_filled_gaps, signed_distance
    >>> mask = np.tile(np.arange(40) >= 10, (40, 1))
    >>> alpha = np.tile(np.arange(40) >= 12, (40, 1)).astype(float)
    >>> alpha[::3, :20] = 0                                     # gaps between hairs
    >>> distance = signed_distance(mask)
    >>> has_filled_gaps(alpha, distance, distance > 4, reach=14.0)
    True
    """
    weights = _weigh(alpha, distance, reach)
    rises = weights > 0
    if not rises.any() or _weighted_median(distance[rises], weights[rises]) <= 0:
        return False
    near = front & (distance <= reach)
    return bool(near.any() and np.mean(alpha[near] < 0.5) >= GAPS)


def _weigh(
    alpha: Float[np.ndarray, "H W"], distance: Float[np.ndarray, "H W"], reach: float
) -> Float[np.ndarray, "H W"]:
    """Return what each pixel says about the place of the edge."""
    return _rise(alpha, distance) ** 2 * (abs(distance) <= reach)


def _rise(alpha: Float[np.ndarray, "H W"], distance: Float[np.ndarray, "H W"]) -> np.ndarray:
    """Return how much the matte rises over a pixel into the mask; 0 where it falls."""
    inward = np.gradient(ndimage.gaussian_filter(distance, DIRECTION_SMOOTHING))
    slope = np.gradient(alpha)
    along = slope[0] * inward[0] + slope[1] * inward[1]
    length = np.hypot(*inward)
    return np.maximum(np.divide(along, length, out=np.zeros_like(along), where=length > 0), 0.0)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the value up to which lies half of the weight."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
