"""The layers' colors: the smoothest ones that add up to the photo, found from coarse to fine.

Multi-level foreground estimation (Germer, Uelwer, Conrad, Harmeling, ICPR 2020), extended from two layers to
K at once and with their data term replaced by what it stands for: the exact sum.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32

from softseg.layers._kernels import link_pixels, sweep

# All three are chosen by the error on composites whose layers are known (measured: docs/colors.md).
# The link of two neighbors with the same alphas; the link of two pixels of different opaque layers is 1 more.
LEAST_LINK = 0.03
# How many times the equations of each size of the pyramid are gone through.
SWEEPS = 10
# How many times the way to an equation's solution a sweep goes: over-relaxation.
OVER = 1.8


def layer_colors(
    image: Float[np.ndarray, "H W 3"], alphas: Float[np.ndarray, "H W K"]
) -> Float32[np.ndarray, "H W K 3"]:
    """Return the smoothest colors of the layers that add up to the image.

    They minimize, over colors F in [0, 1] with ``sum_k alpha_k F_k = image`` at every pixel,
    ``sum_(p,q) w_pq sum_k |F_k(p) - F_k(q)|^2`` over neighbors p, q, where
    ``w_pq = 0.03 + 1/2 sum_k |alpha_k(p) - alpha_k(q)|``: colors are smoothest where layers give way to each
    other. Where a layer is alone it has the photo's colors; where there is none of it, it continues its
    colors from elsewhere.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        The photo, in [0, 1].
    alphas : ndarray, shape (H, W, K)
        The layers' opacities, in [0, 1], summing to 1.

    Returns
    -------
    ndarray, shape (H, W, K, 3)
        The layers' colors, float32 in [0, 1]; ``sum_k alphas_k * colors_k`` is the image to 1e-5, or as near
        as alphas allow whose sum is not quite 1. Their bits do not depend on the number of cores.

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
    *finer, (photo, opacities) = _yield_sizes(_arrange_in_rows(image), _arrange_in_rows(alphas))
    colors = photo[:, None].repeat(opacities.shape[1], axis=1)  # a single pixel
    for photo, opacities in reversed(finer):
        colors = _double(colors, photo.shape[0], photo.shape[2])
        _relax(colors, photo, opacities)
    return np.ascontiguousarray(np.moveaxis(colors, 3, 1))


def _arrange_in_rows(values: Float[np.ndarray, "H W C"]) -> Float32[np.ndarray, "H C W"]:
    """Return values in the order that the kernels want."""
    return np.ascontiguousarray(np.swapaxes(values, 1, 2), dtype=np.float32)


def _yield_sizes(
    image: Float32[np.ndarray, "H 3 W"], alphas: Float32[np.ndarray, "H K W"]
) -> Iterator[tuple[Float32[np.ndarray, "h 3 w"], Float32[np.ndarray, "h K w"]]]:
    """Yield image and alphas, then at half the size, and so on down to one pixel."""
    yield image, alphas
    while max(image.shape[0], image.shape[2]) > 1:
        image, alphas = _halve(image), _halve(alphas)
        yield image, alphas


def _halve(values: Float32[np.ndarray, "H C W"]) -> Float32[np.ndarray, "h C w"]:
    """Return the means of 2x2 pixels; a last odd row or column counts twice."""
    height, _, width = values.shape
    values = np.pad(values, ((0, height % 2), (0, 0), (0, width % 2)), mode="edge")
    values = values[::2] + values[1::2]
    return (values[..., ::2] + values[..., 1::2]) / 4


def _double(
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
        # Colors from the coarser size do not add up to the image. A sweep that is not over-relaxed ends on
        # colors that do: so the first one, and the last.
        over = OVER if 0 < number < SWEEPS - 1 else 1.0
        for board_color in (0, 1):
            sweep(colors, image, alphas, across, down, board_color, np.float32(over))
