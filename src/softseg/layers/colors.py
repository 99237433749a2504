"""The layers' colors: the smoothest ones that add up to the photo, found from coarse to fine.

Multi-level foreground estimation (Germer, Uelwer, Conrad, Harmeling, ICPR 2020), extended from two layers to
K at once and with their data term replaced by what it stands for: the exact sum.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32

from softseg._threads import on_all_cores, row_blocks
from softseg.layers._kernels import link_pixels, sweep
from softseg.progress import tick

# All three are chosen by the error on composites whose layers are known (measured: docs/notes/colors.md).
# The link of two neighbors with the same alphas; the link of two pixels of different opaque layers is 1 more.
LEAST_LINK = 0.03
# How many times the equations of each size of the pyramid are gone through.
SWEEPS = 10
# How many times the way to an equation's solution a sweep goes: over-relaxation.
OVER = 1.8
# How many pixels are solved at once, so that colors that are not kept take little memory: 0.1 kB a pixel for
# five layers. Fewer would cost time, because each strip is begun some rows above and ended some below. And
# how many pixels are handed on at once: few enough for what is made of them to fit into a cache. Chosen by
# the project.
STRIP_PIXELS, PIECE_PIXELS = 2**21, 2**16


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
    height, width, count = alphas.shape
    colors = np.empty((height, width, count, 3), dtype=np.float32)
    for rows, piece in solve_in_pieces(image, alphas):
        colors[rows] = piece
    return colors


def solve_in_pieces(
    image: Float[np.ndarray, "H W 3"], alphas: Float[np.ndarray, "H W K"]
) -> Iterator[tuple[slice, Float32[np.ndarray, "h W K 3"]]]:
    """Yield the same colors as `layer_colors` a few rows at a time, so that they need not be held at once.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        The photo, in [0, 1].
    alphas : ndarray, shape (H, W, K)
        The layers' opacities, in [0, 1], summing to 1.

    Yields
    ------
    rows : slice
        The rows; they follow on those before.
    colors : ndarray, shape (h, W, K, 3)
        These rows' colors, bit by bit those of `layer_colors`.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.layers.colors import solve_in_pieces
    >>> image, alphas = np.full((24, 32, 3), 0.5), np.full((24, 32, 2), 0.5)
    >>> [(rows, colors.shape) for rows, colors in solve_in_pieces(image, alphas)]
    [(slice(0, 24, None), (24, 32, 2, 3))]
    """
    for rows, colors in _solve_in_strips(image, alphas):
        for piece in piece_rows(len(colors), image.shape[1]):
            tick()
            place = slice(rows.start + piece.start, rows.start + piece.stop)
            yield place, np.moveaxis(colors[piece], 3, 1)


def piece_rows(height: int, width: int) -> list[slice]:
    """Return slices that cut so many rows of so many pixels into pieces, which fit into a cache.

    Examples
    --------
    >>> from softseg.layers.colors import piece_rows
    >>> piece_rows(40, 4000)
    [slice(0, 16, None), slice(16, 32, None), slice(32, 40, None)]
    """
    return row_blocks(height, max(PIECE_PIXELS // width, 1))


def _solve_in_strips(
    image: Float[np.ndarray, "H W 3"], alphas: Float[np.ndarray, "H W K"]
) -> Iterator[tuple[slice, Float32[np.ndarray, "h K 3 W"]]]:
    """Yield strips of rows, and their colors in the kernels' order; before that, solve at half the size.

    A sweep moves each color of the board once, and looks one pixel far for that. So what a strip's rows
    become depends on as many rows above and below it as there are moves, and on none beyond.
    """
    height, width, _ = image.shape
    if height == width == 1:
        yield slice(0, 1), _arrange_in_rows(image)[:, None].repeat(alphas.shape[2], axis=1)
        return
    coarse = _solve(_halve(image), _halve(alphas))
    reach = 2 * SWEEPS
    # Even, so that strips begin on a row of the half size, and where the chessboard begins.
    step = max(STRIP_PIXELS // width // 2 * 2, reach)
    for rows in row_blocks(height, step):
        tick()
        seen = slice(max(rows.start - reach, 0), min(rows.stop + reach, height))
        colors = _double(coarse[seen.start // 2 : -(-seen.stop // 2)], seen.stop - seen.start, width)
        cut = seen.start > 0, seen.stop < height
        _relax(colors, _arrange_in_rows(image[seen]), _arrange_in_rows(alphas[seen]), cut)
        yield rows, colors[rows.start - seen.start : rows.stop - seen.start]


def _solve(
    image: Float[np.ndarray, "H W 3"], alphas: Float[np.ndarray, "H W K"]
) -> Float32[np.ndarray, "H K 3 W"]:
    """Return all rows' colors in the kernels' order."""
    height, width, count = alphas.shape
    colors = np.empty((height, count, 3, width), dtype=np.float32)
    for rows, strip in _solve_in_strips(image, alphas):
        colors[rows] = strip
    return colors


def _arrange_in_rows(values: Float[np.ndarray, "H W C"]) -> Float32[np.ndarray, "H C W"]:
    """Return values in the order that the kernels want."""
    return np.ascontiguousarray(np.swapaxes(values, 1, 2), dtype=np.float32)


def _halve(values: Float[np.ndarray, "H W C"]) -> Float32[np.ndarray, "h w C"]:
    """Return the means of 2x2 pixels; a last odd row or column counts twice. In memory, rows of planes."""
    height, width, channels = values.shape
    means = np.empty(((height + 1) // 2, channels, (width + 1) // 2), dtype=np.float32)
    for rows in piece_rows(len(means), width):
        strip = _arrange_in_rows(values[2 * rows.start : 2 * rows.stop])
        strip = np.pad(strip, ((0, len(strip) % 2), (0, 0), (0, width % 2)), mode="edge")
        strip = strip[::2] + strip[1::2]
        means[rows] = (strip[..., ::2] + strip[..., 1::2]) / 4
    return np.swapaxes(means, 1, 2)


def _double(
    colors: Float32[np.ndarray, "h K 3 w"], height: int, width: int
) -> Float32[np.ndarray, "H K 3 W"]:
    """Return every pixel four times, cut to size."""
    doubled = np.empty((height, *colors.shape[1:3], width), dtype=np.float32)

    def fill(start: int, stop: int) -> None:
        for row in range(start, stop):
            upper, lower = doubled[2 * row : 2 * row + 1], doubled[2 * row + 1 : 2 * row + 2]
            upper[..., ::2] = colors[row, ..., : (width + 1) // 2]
            upper[..., 1::2] = colors[row, ..., : width // 2]
            lower[:] = upper  # a last odd row has none

    on_all_cores(fill, len(colors))
    return doubled


def _relax(
    colors: Float32[np.ndarray, "H K 3 W"],
    image: Float32[np.ndarray, "H 3 W"],
    alphas: Float32[np.ndarray, "H K W"],
    cut: tuple[bool, bool],
) -> None:
    """Bring colors near the minimum, in place; they then add up to the image.

    Where the image is ``cut`` above or below, its outermost rows miss their neighbors beyond. Each move
    spoils one more row there, and so the next one leaves that row out.
    """
    height, _, width = image.shape
    across = np.zeros((height, width + 1), np.float32)
    down = np.zeros((height + 1, width), np.float32)
    link_pixels(alphas, np.float32(LEAST_LINK), across, down)
    for number in range(SWEEPS):
        # Colors from the coarser size do not add up to the image. A sweep that is not over-relaxed ends on
        # colors that do: so the first one, and the last.
        over = OVER if 0 < number < SWEEPS - 1 else 1.0
        for board_color in (0, 1):
            moves = 2 * number + board_color
            first, last = moves * cut[0], height - moves * cut[1]
            kept = slice(first, last)
            sweep(
                colors[kept],
                image[kept],
                alphas[kept],
                across[kept],
                down[first : last + 1],
                (board_color + first) % 2,
                np.float32(over),
            )
