"""Features of plain regions: where a photo has one color, nothing in it tells one pixel from another.

A network's features differ there all the same, because they depend on how far the edges of the region and of
the photo are. Drawings, frames and plain backgrounds would be cut into bands of features.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Int

# Colors that differ by less than about this in every channel, of [0, 1], are one color: far below the step
# of 16-bit photos, and above the rounding of a photo that was shrunk. Chosen by the project.
SAME_COLOR = 1e-5

# A connected region of one color is plain if it covers at least this share of the photo. Chosen by the
# project.
LEAST_REGION = 0.01

# Plain regions count only where they cover at least this share of the photo together. In photographs they
# are shadows and highlights that are cut off, and belong to objects: they cover 15 % of scikit-image's
# retina, 9 % of its astronaut, and no more than 3 % of its other photographs, all at 320x240.
LEAST_SHARE = 0.2

# A pixel with two plain colors within this many pixels along each axis may lie on an edge between them, which
# anti-aliasing or shrinking has softened. Lanczos resampling, the widest in use, changes three pixels on
# either side of an edge.
EDGE = 6


def level_plain_regions(
    features: Float32[np.ndarray, "H W C"], image: Float64[np.ndarray, "H W 3"]
) -> Float32[np.ndarray, "H W C"]:
    """Give all plain regions of one color the same features, the mean of their pixels'.

    Plain regions are connected, have exactly one color, and cover at least 1 % of the photo. If all of them
    together cover less than a fifth of it, nothing is changed. The pixels of a soft edge between two plain
    colors go with the nearer one: otherwise they would make layers of lines.

    Parameters
    ----------
    features : array of float32, shape (H, W, C)
        Preprocessed features.
    image : array of float64, shape (H, W, 3)
        The photo, RGB in [0, 1].

    Returns
    -------
    array of float32, shape (H, W, C)
        The features themselves where there is nothing to change, or a new array.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.features.plain import level_plain_regions
    >>> image = np.zeros((4, 6, 3)); image[:, 3:] = 1
    >>> columns = np.tile(np.arange(6, dtype=np.float32)[:, None], (4, 1, 1))
    >>> level_plain_regions(columns, image)[0, :, 0]
    array([1., 1., 1., 4., 4., 4.], dtype=float32)
    """
    found = _find_plain_colors(image)
    if np.count_nonzero(found >= 0) < LEAST_SHARE * found.size:
        return features
    several = np.ptp(found[found >= 0]) > 0
    colors = (_add_soft_edges(found, image) if several else found).ravel()
    plain = colors >= 0
    leveled = features.reshape(colors.size, -1).copy()
    inner = found.ravel()
    counts = np.maximum(np.bincount(inner[inner >= 0]), 1)
    for channel in leveled.T:
        means = np.bincount(inner[inner >= 0], channel[inner >= 0]) / counts
        channel[plain] = means[colors[plain]]
    return leveled.reshape(features.shape)


def _find_plain_colors(image: Float64[np.ndarray, "H W 3"]) -> Int[np.ndarray, "H W"]:
    """Return for each pixel in a plain region the number of its color, and -1 elsewhere."""
    from skimage.measure import label

    levels = np.rint(image / SAME_COLOR).astype(np.int64)
    base = int(levels.max()) + 1
    codes = (levels[..., 0] * base + levels[..., 1]) * base + levels[..., 2]
    colors = np.unique(codes, return_inverse=True)[1].reshape(codes.shape)
    regions = label(colors + 1, connectivity=1)  # 0 would be taken for background
    large = np.bincount(regions.ravel()) >= LEAST_REGION * colors.size
    return np.where(large[regions], colors, -1)


def _add_soft_edges(
    colors: Int[np.ndarray, "H W"], image: Float64[np.ndarray, "H W 3"]
) -> Int[np.ndarray, "H W"]:
    """Number the pixels of soft edges between two plain colors as well: by the nearest color of the two.

    What lies between two plain colors, and is unlike both, is no edge but a thing of its own, such as an
    outline. A mixture of two colors is at most half their distance away from one of them.
    """
    padded = np.pad(colors, EDGE, constant_values=-1)
    palette = np.zeros((int(colors.max()) + 1, 3))
    palette[colors[colors >= 0]] = image[colors >= 0]
    y, x = np.nonzero(colors < 0)
    first, nearest = np.full(y.size, -1), np.full(y.size, -1)
    apart, least = np.zeros(y.size), np.full(y.size, np.inf)
    for down, right in np.ndindex(2 * EDGE + 1, 2 * EDGE + 1):
        near = padded[y + down, x + right]
        first = np.where(first < 0, near, first)
        distance = np.where(near >= 0, np.linalg.norm(image[y, x] - palette[near], axis=1), np.inf)
        nearest, least = np.where(distance < least, near, nearest), np.minimum(distance, least)
        between = np.where(near >= 0, np.linalg.norm(palette[first] - palette[near], axis=1), 0)
        apart = np.maximum(apart, between)
    mixed = (apart > 0) & (least <= apart / 2)
    whole = colors.copy()
    whole[y[mixed], x[mixed]] = nearest[mixed]
    return whole
