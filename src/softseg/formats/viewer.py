"""A result as one page to look at: layers light up, can be selected, changed and saved, without a network.

The page is made of the files `viewer.*` beside this one, which are put into it as they are. Its pixels are
PNG files, which the page's script decodes itself, because a browser's canvas rounds colors, and may even add
noise to them against fingerprinting.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.measure import approximate_polygon, find_contours

from softseg._files import whole_files
from softseg.formats.names import given_names, layer_names
from softseg.formats.png import STRATEGY
from softseg.images import eight_bits, shrink
from softseg.layers.arrangement import distinct_colors
from softseg.layers.stack import LayerStack, color_strips

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# Photos of more pixels are shrunk to this many, so that a page with five layers has about 10 MB.
MOST_PIXELS = 1_000_000
# What stands for an alpha of 1 on the page, in 12 bits: so fine that the rounding of ten layers adds up to
# less than a step of 8 bits.
STEPS = 4095
# The opacity that a layer is taken to have where there is none of it, of 1: it keeps its color there when the
# photo is shrunk. Chosen by the project's own tests.
TRACE = 1e-4
# Of the outlines, in pixels of the page: how far they are smoothed, how far they may be off once they are
# simplified, and the shortest one that is drawn, in corners, about one a pixel: what is shorter is a speck.
# Chosen by the project's own tests.
SMOOTHING, TOLERANCE, SHORTEST = 1.0, 0.25, 24
# The page's scripts, in the order in which they run.
SCRIPTS = ("viewer_png.js", "viewer_pixels.js", "viewer.js")


def save_html(path: Path, result: Decomposition, names: Iterable[str] | None = None) -> None:
    """Write one self-contained page with the photo and its layers, which connects to nothing.

    The layer under the pointer lights up. Layers can be selected, hidden, dimmed, tinted and put before a
    plain background, and a selection can be saved as an RGBA PNG: with the pointer, by touch or with the
    keyboard.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there. Its name without the suffix is the page's title.
    result : SoftSegmentation
        What to write. A photo above a million pixels is shrunk to that, and the page says so.
    names : iterable of str, optional
        What the layers are called, in the order of ``result.alphas``. Default: the result's own names,
        or where they are (`softseg.formats.layer_names`).

    Raises
    ------
    TypeError, ValueError
        If the names are not one line of text for each layer, all different
        (`softseg.formats.names.checked_names`).

    Notes
    -----
    Colors have 8 bits, alphas 12. A million pixels with five layers make a page of about 10 MB.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> with TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/photo.html")
    ...     page = Path(folder, "photo.html").read_text(encoding="utf-8")
    >>> "<title>photo" in page
    True
    """
    title = path.stem.encode("utf-8", "replace").decode()  # a file's name may hold bytes that are no text
    page = make_page(result, title, names)
    with whole_files(path.parent) as scratch:
        (scratch / path.name).write_text(page, encoding="utf-8")


def make_page(result: Decomposition, title: str, names: Iterable[str] | None = None) -> str:
    """Return the page that `save_html` writes, with this title."""
    called = given_names(result, names) or layer_names(result)
    return _write_page(title, _collect_content(title, result, called))


def _write_page(title: str, content: dict[str, Any]) -> str:
    style, script = _read_part("viewer.css"), "".join(map(_read_part, SCRIPTS))
    policy = (
        f"default-src 'none'; style-src {_name_source(style)}; script-src {_name_source(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return Template(_read_part("viewer.html")).substitute(
        title=html.escape(title),
        policy=policy,
        style=style,
        script=script,
        data=json.dumps(content).replace("<", "\\u003c"),  # no name closes the script element
    )


def _read_part(name: str) -> str:
    return (files("softseg.formats") / name).read_text(encoding="utf-8")


def _name_source(text: str) -> str:
    """Return what a content security policy calls this text."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _collect_content(title: str, result: Decomposition, names: Sequence[str]) -> dict[str, Any]:
    """Return what the page's script needs: sizes, and the layers from back to front."""
    order = list(result.order)
    alphas, colors = (values[:, :, order] for values in _shrink_to_page(result))
    height, width, count = alphas.shape
    colors_of_layers = distinct_colors(count).tolist()
    return {
        "name": title,
        "width": width,
        "height": height,
        "photo": [result.image.shape[1], result.image.shape[0]],
        "layers": [
            {
                "number": k + 1,
                "name": names[k],
                "color": "#" + bytes(colors_of_layers[k]).hex(),
                "share": round(float(alphas[:, :, place].mean(dtype=float)), 4),
                "outline": outline,
                "alpha": _encode_png(_round_to_twelve_bits(alphas[:, :, place])),
                "colors": _encode_png(eight_bits(colors[:, :, place])),
            }
            for place, (k, outline) in enumerate(zip(order, _trace_outlines(alphas), strict=True))
        ],
    }


def _shrink_to_page(
    result: Decomposition | LayerStack,
) -> tuple[Float[np.ndarray, "h w K"], Float[np.ndarray, "h w K 3"]]:
    """Return alphas and colors, shrunk if need be so that alpha times color is the area's mean."""
    height, width = shrink(result.image, MOST_PIXELS).shape[:2]
    if (height, width) == result.image.shape[:2]:
        return result.alphas, result.colors
    # Each area is shrunk along its rows first, while its colors are at hand, and then along its columns.
    rows_count, _, count = result.alphas.shape
    narrow = np.empty((count, 4, rows_count, width), dtype=np.float32)
    for rows, colors in color_strips(result):
        weights = TRACE + (1 - TRACE) * result.alphas[rows, :, :, None].astype(float)
        planes = np.moveaxis(np.concatenate([weights, weights * colors], axis=3), (2, 3), (0, 1))
        for plane in np.ndindex(count, 4):
            narrow[plane][rows] = _average(planes[plane], width, len(colors))
    shrunk = np.empty((height, width, count, 4))
    for layer, channel in np.ndindex(count, 4):
        shrunk[:, :, layer, channel] = _average(narrow[layer, channel], width, height)
    return (shrunk[..., 0] - TRACE) / (1 - TRACE), shrunk[..., 1:] / shrunk[..., :1]


def _average(plane: Float[np.ndarray, "H W"], width: int, height: int) -> Float[np.ndarray, "h w"]:
    """Return the means of the areas that the pixels of a smaller plane cover."""
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))


def _trace_outlines(alphas: Float[np.ndarray, "h w K"]) -> Iterator[str]:
    """Yield where each layer is the largest, as closed SVG paths without the specks."""
    height, width, count = alphas.shape
    others = np.dstack([alphas, np.zeros((height, width))])  # a layer that is alone lies before nothing
    for k in range(count):
        lead = alphas[:, :, k] - np.delete(others, k, axis=2).max(axis=2)
        smooth = gaussian_filter(lead, SMOOTHING)
        loops = find_contours(np.pad(smooth, 1, constant_values=-1.0), 0.0)
        # Off the padding, and from pixels' centers to the page's coordinates.
        corners = [np.clip(loop - 0.5, 0, (height, width)) for loop in loops if len(loop) >= SHORTEST]
        yield "".join(_write_svg_path(approximate_polygon(loop, TOLERANCE)) for loop in corners)


def _write_svg_path(corners: Float[np.ndarray, "n 2"]) -> str:
    """Return a closed path through points given as row, column."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for y, x in corners[:-1]) + "Z"


def _round_to_twelve_bits(alpha: Float[np.ndarray, "h w"]) -> UInt16[np.ndarray, "h w"]:
    """Return an alpha as one of 4096 steps, stretched from 0 to 65535."""
    steps = np.rint(np.clip(alpha, 0, 1) * STEPS).astype(np.uint16)
    return steps << 4 | steps >> 8


def _encode_png(pixels: UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w"]) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_type=STRATEGY)
    return base64.b64encode(file.getvalue()).decode("ascii")
