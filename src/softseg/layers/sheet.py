"""A result on one page: the photo, the features, the layers in distinct colors and each layer's alpha."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from softseg.images import eight_bits
from softseg.layers.arrangement import distinct_colors

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# The page's measures, in pixels, chosen by the project's own tests.
WIDTH, HEIGHT = 1600, 1200  # the largest page
MARGIN, GAP = 32, 20  # around all panels, and between two of them
HEADER, LABEL = 76, 36  # the heights of the title, and of the line above a panel
TITLE_SIZE, TEXT_SIZE = 40, 22  # of the letters
LEAST_CELL = 150  # the narrowest column, in which the widest label fits

# The page's colors: of the background, the names, the notes beside them, and the frames of panels.
PAPER, INK, FAINT, FRAME = "#ffffff", "#1a1a1a", "#6b6b6b", "#c9c9c9"


@dataclass(frozen=True)
class _Panel:
    """A picture on the page, with a label above it, the color that stands for it, and a note."""

    label: str
    pixels: UInt8[np.ndarray, "H W 3"]
    color: tuple[int, int, int] | None = None
    note: str = ""


def contact_sheet(result: Decomposition, names: Sequence[str] | None = None) -> Image.Image:
    """Draw a result on one page, at most 1600 pixels wide.

    Its panels are the photo; the semantic features as red, green and blue; the layers, each in a color of its
    own and mixed by their alphas; and each layer's alpha from black (0) to white (1), with the share of the
    photo that it covers. From the eleventh layer on the colors repeat.

    Parameters
    ----------
    result : SoftSegmentation
        What to draw.
    names : sequence of str, optional
        What the layers are called. Default: layer 1, layer 2, ..., like files of them.

    Returns
    -------
    PIL.Image.Image
        The page, as an RGB image.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.layers import contact_sheet
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> contact_sheet(result).mode
    'RGB'
    """
    count = result.alphas.shape[2]
    panels = _make_panels(result, names or [f"layer {k + 1}" for k in range(count)])
    height, width = result.image.shape[:2]
    columns, (w, h) = _arrange_panels(len(panels), width / height)
    cell = max(w, LEAST_CELL)
    rows = math.ceil(len(panels) / columns)

    subtitle = (
        f"{count} soft layer{'s' * (count > 1)}   ·   {width} x {height} pixels   ·   "
        f"{sum(result.timings.values()):.1f} s"
    )
    inner = columns * cell + (columns - 1) * GAP
    left_of_subtitle = _load_font(TITLE_SIZE).getlength("softseg") + 1.5 * GAP
    inner = max(inner, math.ceil(left_of_subtitle + _load_font(TEXT_SIZE).getlength(subtitle)))
    sheet = Image.new(
        "RGB", (2 * MARGIN + inner, MARGIN + HEADER + rows * (LABEL + h + GAP) - GAP + MARGIN), PAPER
    )

    draw = ImageDraw.Draw(sheet)
    baseline = MARGIN + TITLE_SIZE - 6
    draw.text((MARGIN, baseline), "softseg", INK, _load_font(TITLE_SIZE), anchor="ls")
    draw.text((MARGIN + left_of_subtitle, baseline), subtitle, FAINT, _load_font(TEXT_SIZE), anchor="ls")
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        corner = (MARGIN + column * (cell + GAP), MARGIN + HEADER + row * (LABEL + h + GAP))
        _draw_panel(sheet, panel, corner, cell, (w, h))
    return sheet


def layers_in_colors(alphas: Float[np.ndarray, "H W K"]) -> Float[np.ndarray, "H W 3"]:
    """Return each layer in a color of its own, mixed by the alphas.

    Parameters
    ----------
    alphas : ndarray, shape (H, W, K)
        In [0, 1].

    Returns
    -------
    ndarray, shape (H, W, 3)
        In [0, 1].
    """
    return np.clip(alphas @ (distinct_colors(alphas.shape[2]) / 255), 0, 1)


def _make_panels(result: Decomposition, names: Sequence[str]) -> list[_Panel]:
    panels = [
        _Panel("photo", eight_bits(result.image)),
        _Panel("features", eight_bits(result.features)),
        _Panel("layers", eight_bits(layers_in_colors(result.alphas))),
    ]
    colors = distinct_colors(len(names)).tolist()
    for k, (name, color) in enumerate(zip(names, colors, strict=True)):
        alpha = result.alphas[..., k]
        gray = np.repeat(eight_bits(alpha)[..., None], 3, axis=2)
        panels.append(_Panel(name, gray, tuple(color), f"{alpha.mean():.0%}"))
    return panels


def _arrange_panels(count: int, aspect: float) -> tuple[int, tuple[int, int]]:
    """Return the number of columns, and the width and height of a panel, that make the panels large.

    Empty places at the end of the last row count like smaller panels.
    """

    def width(columns: int) -> float:
        rows = math.ceil(count / columns)
        across = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns
        down = (HEIGHT - 2 * MARGIN - HEADER - (rows - 1) * GAP) / rows - LABEL
        return min(across, down * aspect)

    def merit(columns: int) -> float:
        return width(columns) * count / (columns * math.ceil(count / columns))

    # There are no more columns than the labels leave room for.
    most = (WIDTH - 2 * MARGIN + GAP) // (LEAST_CELL + GAP)
    columns = max(range(1, min(count, most) + 1), key=merit)
    w = width(columns)
    return columns, (max(int(w), 1), max(int(w / aspect), 1))


def _draw_panel(
    sheet: Image.Image, panel: _Panel, corner: tuple[int, int], cell: int, size: tuple[int, int]
) -> None:
    (left, top), (w, h) = corner, size
    draw = ImageDraw.Draw(sheet)
    baseline = top + LABEL - 12
    text = left
    if panel.color is not None:
        draw.rectangle((left, baseline - 15, left + 15, baseline), panel.color, FRAME)
        text += 24
    draw.text((text, baseline), panel.label, INK, _load_font(TEXT_SIZE), anchor="ls")
    draw.text((left + cell, baseline), panel.note, FAINT, _load_font(TEXT_SIZE), anchor="rs")
    picture = Image.fromarray(panel.pixels).resize((w, h), Image.Resampling.BICUBIC)
    sheet.paste(picture, (left, top + LABEL))
    draw.rectangle((left - 1, top + LABEL - 1, left + w, top + LABEL + h), outline=FRAME)


@cache
def _load_font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow returns another type only if no size is given
    return font
