"""The layers' colors: the smoothest ones that add up to the photo, found from coarse to fine.

Multi-level foreground estimation (Germer, Uelwer, Conrad, Harmeling, ICPR 2020), extended from two layers to
K at once and with their data term replaced by what it stands for: the exact sum.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32

from softseg.layers._kernels import link_pixels, sweep

# All three chosen by the error on composites with known layers (docs/colors.md).
LEAST_LINK = 0.03  # of neighbors with the same alphas; 1 is the link between two layers
SWEEPS = 10  # over each level of the pyramid
OVER = 1.8  # over-relaxation


def layer_colors(
    image: Float[np.ndarray, "H W 3"], alphas: Float[np.ndarray, "H W K"]
) -> Float32[np.ndarray, "H W K 3"]:
    """Return the smoothest colors of the layers that add up to the image.

    Minimises, over colors F in [0, 1] with ``sum_k alpha_k F_k = image`` at every pixel,
    ``sum_(p,q) w_pq sum_k |F_k(p) - F_k(q)|^2`` over neighbors p, q, where
    ``w_pq = 0.03 + 1/2 sum_k |alpha_k(p) - alpha_k(q)|``: colors are smoothest where layers give way to each
    other. Where a layer is alone it has the photo's colors, where it is not at all it continues its colors
    from elsewhere.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        In [0, 1].
    alphas : ndarray, shape (H, W, K)
        In [0, 1], summing to 1.

    Returns
    -------
    ndarray, shape (H, W, K, 3)
        Float32, in [0, 1]; ``sum_k alphas_k * colors_k`` is the image to 1e-5, or as near as alphas allow
        whose sum is not quite 1. The same bits on any number of cores.

    References
    ----------
    Germer, Uelwer, Conrad, Harmeling, "Fast Multi-Level Foreground Estimation", ICPR 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.layers import layer_colors
    >>> alpha = np.linspace(0, 1, 32)[None, :, None].repeat(24, axis=0)
    >>> alphas = np.concatenate([alpha, 1 - alpha], axis=2)
    >>> image = alphas @ np.array([[0.9, 0.1, 0.2], [0.1, 0.6, 0.3]])
    >>> layer_colors(image, alphas)[12, 16].round(2)
    array([[0.9, 0.1, 0.2],
           [0.1, 0.6, 0.3]], dtype=float32)
    """
    *finer, (photo, opacities) = _pyramid(_rows_of_planes(image), _rows_of_planes(alphas))
    colors = photo[:, None].repeat(opacities.shape[1], axis=1)  # a single pixel
    for photo, opacities in reversed(finer):
        colors = _doubled(colors, photo.shape[0], photo.shape[2])
        _relax(colors, photo, opacities)
    return np.ascontiguousarray(np.moveaxis(colors, 3, 1))


def _rows_of_planes(values: Float[np.ndarray, "H W C"]) -> Float32[np.ndarray, "H C W"]:
    """Return values in the order that the kernels want."""
    return np.ascontiguousarray(np.swapaxes(values, 1, 2), dtype=np.float32)


def _pyramid(
    image: Float32[np.ndarray, "H 3 W"], alphas: Float32[np.ndarray, "H K W"]
) -> Iterator[tuple[Float32[np.ndarray, "h 3 w"], Float32[np.ndarray, "h K w"]]]:
    """Yield image and alphas, then at half the size, and so on down to one pixel."""
    yield image, alphas
    while max(image.shape[0], image.shape[2]) > 1:
        image, alphas = _halved(image), _halved(alphas)
        yield image, alphas


def _halved(values: Float32[np.ndarray, "H C W"]) -> Float32[np.ndarray, "h C w"]:
    """Return the means of 2x2 pixels; a last odd row or column counts twice."""
    height, _, width = values.shape
    values = np.pad(values, ((0, height % 2), (0, 0), (0, width % 2)), mode="edge")
    values = values[::2] + values[1::2]
    return (values[..., ::2] + values[..., 1::2]) / 4


def _doubled(
    colors: Float32[np.ndarray, "h K 3 w"], height: int, width: int
) -> Float32[np.ndarray, "H K 3 W"]:
    """Return every pixel four times, cut to size."""
    return np.ascontiguousarray(colors.repeat(2, axis=0).repeat(2, axis=3)[:height, ..., :width])


def _relax(
    colors: Float32[np.ndarray, "H K 3 W"],
    image: Float32[np.ndarray, "H 3 W"],
    alphas: Float32[np.ndarray, "H K W"],
) -> None:
    """Bring colors near the minimum, in place; they then add up to the image."""
    height, _, width = image.shape
    across = np.zeros((height, width + 1), np.float32)
    down = np.zeros((height + 1, width), np.float32)
    link_pixels(alphas, np.float32(LEAST_LINK), across, down)
    for number in range(SWEEPS):
        # Colors from the coarser level do not add up: first to ones that do. The last sweep ends on such.
        over = OVER if 0 < number < SWEEPS - 1 else 1.0
        for board_color in (0, 1):
            sweep(colors, image, alphas, across, down, board_color, np.float32(over))
