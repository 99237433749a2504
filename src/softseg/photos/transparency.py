"""What is transparent: put over a color, or made a layer of its own."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64
from PIL import ImageColor

from softseg._warnings import warn

# The background that makes what is transparent a layer.
LAYER = "layer"
# A photo counts as opaque if nothing of it is more transparent than this: a step of 8 bits, which the
# rounding of other programs leaves.
OPAQUE = 254 / 255
# A layer is left out if multiplying it by the photo's opacity leaves at most this part of its largest alpha:
# it was the background under the photo. Such a layer keeps at most (1 - a) a = 1/4 at soft edges.
NOWHERE = 0.5
# It is also left out if that leaves at most the first of these parts of its area, and at most the second of
# its largest alpha. The background's layer may take in pixels beside the edge that are nearly opaque: 0.52 to
# 0.77 of it was left at some pixel of 11 of 80 cut-outs of four photos, in slivers of 0.1 to 4 % of the
# photo. Layers that also hold something white were left nearly whole somewhere, by 0.97 and more. Chosen by
# the project's own tests.
SLIVER = 0.2
NOWHERE_WHOLE = 0.8
# What each layer that is kept has at least, so that it can grow where those left out were.
TRACE = 1e-6


def parse_background(background: Any) -> tuple[float, float, float] | None:
    """Return a background as red, green and blue in [0, 1]; None for ``"layer"``.

    Parameters
    ----------
    background : str or sequence of three numbers
        ``"layer"``; a color as `PIL.ImageColor` reads it, such as ``"white"``, ``"#ffcc00"`` or
        ``"hsl(45, 100%, 50%)"``; or red, green and blue, in [0, 1], or as integers up to 255 if any is above
        1.

    Returns
    -------
    tuple of float or None
        In [0, 1].

    Raises
    ------
    TypeError, ValueError
        If it is none of these. The message has one line, which names ``background``.

    Examples
    --------
    >>> from softseg.photos.transparency import parse_background
    >>> parse_background("#ff0000"), parse_background((0.5, 0, 1))
    ((1.0, 0.0, 0.0), (0.5, 0.0, 1.0))
    """
    if isinstance(background, str):
        return None if background.strip().lower() == LAYER else _parse_name(background)
    if isinstance(background, np.ndarray):
        background = background.tolist()
    if not isinstance(background, (list, tuple)) or not all(
        isinstance(value, Real) and not isinstance(value, bool) for value in background
    ):
        raise TypeError(
            f"background: expected a color's name, '#rrggbb', three numbers or 'layer', got {background!r}"
        )
    scale = (
        255
        if background and all(isinstance(value, Integral) for value in background) and max(background) > 1
        else 1
    )
    if len(background) != 3 or not all(0 <= value <= scale for value in background):
        raise ValueError(f"background: expected three numbers in [0, 1], got {tuple(background)}")
    red, green, blue = (float(value) / scale for value in background)
    return red, green, blue


def _parse_name(text: str) -> tuple[float, float, float]:
    try:
        red, green, blue, *opacity = ImageColor.getrgb(text.strip())
    except ValueError:
        raise ValueError(
            f"background: expected a color such as 'white' or '#ffcc00', or 'layer', got {text!r}"
        ) from None
    if opacity and opacity[0] < 255:
        raise ValueError(f"background: expected an opaque color, got {text!r}")
    return red / 255, green / 255, blue / 255


def is_opaque(opacity: Float32[np.ndarray, "H W"]) -> bool:
    """Return whether a photo is opaque everywhere, up to a step of 8 bits."""
    return bool(opacity.min() >= OPAQUE)


def put_over(
    pixels: Float64[np.ndarray, "H W 3"],
    opacity: Float32[np.ndarray, "H W"],
    color: tuple[float, float, float],
) -> None:
    """Put straight colors over one color, in place; nothing shows of colors that are wholly transparent.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3)
        In [0, 1]; changed.
    opacity : ndarray, shape (H, W)
        In [0, 1].
    color : (float, float, float)
        In [0, 1].
    """
    for channel, value in enumerate(color):
        plane = pixels[:, :, channel]
        plane -= value
        plane *= opacity
        plane += value
    np.clip(pixels, 0.0, 1.0, out=pixels)


def warn_of_transparency(opacity: Float32[np.ndarray, "H W"], name: str) -> None:
    """Warn that a transparent photo was put over white, which nobody asked for."""
    share = 1 - float(opacity.mean(dtype=float))
    warn(
        f"{name}: {share:.1%} of it is transparent and was put over white; background= of segment or "
        "read_photo (--background) takes another color, or 'layer', which makes it a layer of its own"
    )


def with_transparent_layer(
    alphas: Float[np.ndarray, "H W K"], opacity: Float[np.ndarray, "H W"]
) -> Float32[np.ndarray, "H W K2"]:
    """Make what is transparent a layer, the last one, and take it off the others.

    The other layers are multiplied by the photo's opacity. A layer of which that leaves nothing, or a sliver
    along soft edges, was the background under the photo. It is left out, and the others grow in its place.

    Parameters
    ----------
    alphas : ndarray, shape (H, W, K)
        Layers of the photo over a background, which sum to 1.
    opacity : ndarray, shape (H, W)
        The photo's, in [0, 1].

    Returns
    -------
    ndarray of float32, shape (H, W, at most K + 1)
        Layers that sum to 1. The last one is ``1 - opacity``.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.photos import with_transparent_layer
    >>> alphas = np.array([[[0.0, 1.0], [1.0, 0.0]]])
    >>> with_transparent_layer(alphas, np.array([[0.0, 1.0]])).tolist()
    [[[0.0, 1.0], [1.0, 0.0]]]
    """
    opacity = opacity.astype(np.float32)
    kept = _find_layers_of_the_photo(alphas, opacity)
    made = np.empty((*opacity.shape, len(kept) + 1), dtype=np.float32)
    made[:, :, -1] = 1 - opacity if kept else 1
    total = np.zeros_like(opacity)
    for place, k in enumerate(kept):
        made[:, :, place] = alphas[:, :, k] + np.float32(TRACE)
        total += made[:, :, place]
    for place in range(len(kept)):
        made[:, :, place] *= opacity / total
    return made


def _find_layers_of_the_photo(
    alphas: Float[np.ndarray, "H W K"], opacity: Float[np.ndarray, "H W"]
) -> list[int]:
    """Return which layers are not only what lay under the photo; none if it is wholly transparent."""
    most = float(opacity.max())
    if most == 0:
        return []
    layers = range(alphas.shape[2])
    kept = [k for k in layers if not _lay_under(alphas[:, :, k], opacity, most)]
    return kept or list(layers)


def _lay_under(alpha: Float[np.ndarray, "H W"], opacity: Float[np.ndarray, "H W"], most: float) -> bool:
    """Return whether a layer was the background under a photo whose largest opacity is ``most``."""
    left = alpha * opacity
    peak, largest = float(left.max()), most * float(alpha.max())
    hardly_any = float(left.sum()) <= SLIVER * float(alpha.sum())
    return peak <= (NOWHERE_WHOLE if hardly_any else NOWHERE) * largest
