"""What the colors of the sure pixels nearby say about the alphas of the unknown ones.

Sampling pairs of known colors is an old means of matting; see Wang and Cohen, "Optimized Color Sampling for
Robust Matting", CVPR 2007. Only the distance of a color from the line between the two is used here.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64
from scipy import ndimage
from scipy.spatial import cKDTree

from softseg.refinement._kernels import mix_best_pairs

# How many sure pixels of each side are looked at for an unknown one, of the nearest. Chosen by the project.
SAMPLES = 16

# How wide the rim of the sure pixels is that samples are taken of, in pixels, and which share of its pixels:
# one in five, so that sixteen reach a little along the edge. Chosen by the project.
RIM = 3
ONE_IN = 5

# How far a color may lie from a mixture of two known ones, in colors of [0, 1], before it says little.
# Chosen by the project.
NOISE = 0.06


def guess_alphas(
    photo: Float64[np.ndarray, "H W 3"],
    front: Bool[np.ndarray, "H W"],
    back: Bool[np.ndarray, "H W"],
) -> tuple[Float64[np.ndarray, " U"], Float64[np.ndarray, " U"]]:
    """Guess the alphas of the pixels that are neither sure front nor sure back.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3)
        RGB in [0, 1].
    front, back : ndarray of bool, shape (H, W)
        Where the object is surely opaque, and where it surely is not. Both have pixels.

    Returns
    -------
    alphas, confidences : ndarray, shape (U,)
        Of the unknown pixels in row-major order, in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.refinement.samples import guess_alphas
    >>> photo = np.tile(np.array([0.0, 0.0, 0.25, 1.0, 1.0])[:, None], (3, 1, 3))
    >>> columns = np.tile(np.arange(5), (3, 1))
    >>> alphas, confidences = guess_alphas(photo, columns > 2, columns < 2)
    >>> alphas.round(2), confidences.round(2)
    (array([0.25, 0.25, 0.25]), array([1., 1., 1.]))
    """
    unknown = np.argwhere(~(front | back))
    colors = photo[tuple(unknown.T)]
    alphas, confidences = np.empty(len(unknown)), np.empty(len(unknown))
    mix_best_pairs(
        colors,
        _nearest_colors(photo, front, unknown),
        _nearest_colors(photo, back, unknown),
        NOISE,
        alphas,
        confidences,
    )
    return alphas, confidences


def _nearest_colors(
    photo: Float64[np.ndarray, "H W 3"], sure: Bool[np.ndarray, "H W"], unknown: np.ndarray
) -> Float64[np.ndarray, "U S 3"]:
    """Return the colors of the sampled pixels of a sure region's rim that are nearest to each unknown one."""
    rim = sure & ndimage.binary_dilation(~sure, iterations=RIM)
    y, x = np.nonzero(rim)
    chosen = (x + 2 * y) % ONE_IN == 0  # a lattice: as dense in all directions
    if chosen.sum() < SAMPLES:
        chosen[:] = True
    points = np.stack([y[chosen], x[chosen]], axis=1)
    nearest = cKDTree(points).query(unknown, k=np.arange(1, min(SAMPLES, len(points)) + 1), workers=-1)[1]
    return photo[tuple(points.T)][nearest]
