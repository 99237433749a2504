"""What a result looks like: as a figure, and as the picture that a notebook shows of it."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from softseg._extras import require
from softseg.layers.arrangement import distinct_colors
from softseg.layers.edits import composite
from softseg.layers.sheet import contact_sheet, layers_in_colors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from softseg.layers.stack import Decomposition, LayerStack

# How many pictures a figure has in a row, and how wide each is, in inches. Chosen by the project.
COLUMNS = 4
PANEL = 3.2
# The checkerboard that stands for transparency, as in image editors: how many squares lie along the longer
# side of a photo, and the two grays, 1 being white. Chosen by the project.
CHECKS = 24
LIGHT, DARK = 0.95, 0.82


def show(result: LayerStack) -> Figure:
    """Draw the photo, its layers in distinct colors, and each layer, from back to front.

    Needs ``pip install "softseg[plot]"``. Titles give a layer's index (from 0) and its share of the photo's
    area; a checkerboard shows through where it is transparent.

    Parameters
    ----------
    result : SoftSegmentation
        What to draw.

    Returns
    -------
    matplotlib.figure.Figure
        The figure is one of pyplot's: ``matplotlib.pyplot.show()`` opens it, its ``savefig`` writes it.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from softseg import segment
    >>> segment("photo.jpg").show().savefig("figure.png")  # doctest: +SKIP
    """
    pyplot = require("matplotlib.pyplot", "show()")
    height, width, count = result.alphas.shape
    checks = checkerboard(height, width)
    pictures = [result.image, layers_in_colors(result.alphas)]
    pictures += [composite(result, checks, [k]) for k in result.order]
    areas = result.alphas.mean(axis=(0, 1), dtype=float)
    titles = ["photo", "layers", *(f"[{k}]  {areas[k]:.0%}" for k in result.order)]
    inks = [None, None, *(distinct_colors(count)[list(result.order)] / 255)]

    rows, columns = math.ceil((count + 2) / COLUMNS), min(count + 2, COLUMNS)
    size = columns * PANEL, rows * (PANEL * height / width + 0.4)
    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, picture, title, ink in zip(axes.flat, pictures, titles, inks, strict=False):
        axis.imshow(picture)
        axis.set_title(title, loc="left")
        if ink is not None:
            axis.set_title("■", loc="right", color=ink)
    return figure


def preview(result: Decomposition) -> bytes:
    """Return the contact sheet as a PNG, for notebooks; its layers are called by their indices.

    Parameters
    ----------
    result : SoftSegmentation
        What to draw.

    Returns
    -------
    bytes
        The PNG file.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.layers import preview
    >>> from softseg.testing import random_result
    >>> preview(random_result(np.random.default_rng(0), 20, 30, 3))[1:4]
    b'PNG'
    """
    sheet = contact_sheet(result, [f"[{k}]" for k in range(result.alphas.shape[2])])
    file = io.BytesIO()
    sheet.save(file, format="PNG")
    return file.getvalue()


def checkerboard(height: int, width: int) -> Float[np.ndarray, "{height} {width} 3"]:
    """Return light and dark gray squares, which stand for nothing.

    Parameters
    ----------
    height, width : int
        In pixels.

    Returns
    -------
    ndarray, shape (height, width, 3)
        In [0, 1].

    Examples
    --------
    >>> from softseg.layers.display import checkerboard
    >>> checkerboard(1, 48)[0, :4, 0]
    array([0.95, 0.95, 0.82, 0.82])
    """
    side = max(math.ceil(max(height, width) / CHECKS), 1)
    y, x = np.indices((height, width)) // side
    return np.repeat(np.where((x + y) % 2, DARK, LIGHT)[..., None], 3, axis=2)
