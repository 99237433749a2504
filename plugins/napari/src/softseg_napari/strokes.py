"""What the user drew in a Points or Shapes layer, as pixels and outlines of a photo."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Layer, Points, Shapes
from skimage.draw import line, polygon2mask

from softseg_napari.geometry import at_the_viewer, carry

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

# The shapes that are scribbles; all others are outlines.
OPEN_SHAPES = ("line", "path")
# An ellipse becomes an outline of so many corners. Chosen by the project.
ELLIPSE_CORNERS = 64
# An outline with fewer corners, equal ones counted once, is one that the user has only begun.
LEAST_CORNERS = 3


@dataclass(frozen=True, eq=False)
class Strokes:
    """What was drawn over a photo of ``size`` pixels.

    Attributes
    ----------
    pixels : ndarray of int, shape (n, 2)
        The pixels (x, y) of points and scribbles, those outside the photo left out.
    outlines : list of ndarray, shape (m, 2)
        The corners (x, y) of closed shapes.
    size : (int, int)
        The photo's height and width.
    """

    pixels: np.ndarray
    outlines: list[np.ndarray]
    size: tuple[int, int]

    def __bool__(self) -> bool:
        """Whether anything was drawn."""
        return len(self.pixels) > 0 or len(self.outlines) > 0

    def filled(self) -> np.ndarray:
        """Return the pixels (x, y) of all strokes and of what is inside the outlines."""
        inside = [
            np.argwhere(polygon2mask(self.size, outline[:, ::-1]))[:, ::-1] for outline in self.outlines
        ]
        return np.concatenate([self.pixels, *inside])


def read_strokes(layer: Layer, image: Image, size: tuple[int, int], viewer: ViewerModel) -> Strokes:
    """Return what is drawn in a layer where the viewer shows it.

    Parameters
    ----------
    layer : Points or Shapes
        Other dimensions, scales and transformations than the photo's are minded.
    image : Image
        The layer of the photo.
    size : (int, int)
        The photo's height and width.
    viewer : ViewerModel
        It shows both.
    """
    pieces: list[np.ndarray] = []
    outlines: list[np.ndarray] = []
    for kind, corners in _shown_shapes(layer, viewer):
        # A photo's pixel (x, y) is where its layer's last coordinates are (y, x).
        drawn = carry(_outline_of(kind, corners), layer, image, viewer)[:, :-3:-1]
        if kind == "point" or kind in OPEN_SHAPES:
            pieces.append(_draw(drawn))
        elif len(np.unique(drawn, axis=0)) >= LEAST_CORNERS:
            outlines.append(drawn)
    pixels = np.concatenate([np.empty((0, 2), dtype=int), *pieces])
    inside = ((pixels >= 0) & (pixels < np.array(size[::-1]))).all(axis=1)
    return Strokes(pixels[inside], outlines, size)


def _shown_shapes(layer: Layer, viewer: ViewerModel) -> list[tuple[str, np.ndarray]]:
    """Return the kinds and corners of the shapes at the sliders' place; points are shapes of one corner."""
    if isinstance(layer, Points):
        shapes = [("point", point[None]) for point in np.asarray(layer.data)[np.asarray(layer.shown)]]
    elif isinstance(layer, Shapes):
        shapes = [
            (str(kind), np.asarray(corners))
            for kind, corners in zip(layer.shape_type, layer.data, strict=True)
        ]
    else:
        raise TypeError(f"strokes: expected a Points or Shapes layer, got {type(layer).__name__}")
    here = np.rint(at_the_viewer(layer, viewer)[:-2])
    return [(kind, corners) for kind, corners in shapes if (np.rint(corners[:, :-2]) == here).all()]


def _outline_of(kind: str, corners: np.ndarray) -> np.ndarray:
    """Return the corners of a shape's outline; those of an ellipse's layer are its bounding box."""
    if kind != "ellipse":
        return corners
    center, across, down = corners.mean(axis=0), corners[1] - corners[0], corners[3] - corners[0]
    angles = np.linspace(0, 2 * np.pi, ELLIPSE_CORNERS, endpoint=False)[:, None]
    return np.asarray(center + np.cos(angles) * across / 2 + np.sin(angles) * down / 2)


def _draw(corners: np.ndarray) -> np.ndarray:
    """Return the pixels (x, y) along a line through corners (x, y)."""
    rounded = np.rint(corners).astype(int)
    pieces = [np.stack(line(*start, *end), axis=1) for start, end in pairwise(rounded)]
    return np.concatenate([rounded[:1], *pieces])


def is_about_pixels(outline: np.ndarray, size: tuple[int, int], working_size: tuple[int, ...]) -> bool:
    """Return whether there is a pixel inside an outline, at the size that softseg worked at.

    Its area would not say so: that of a figure of eight, as freehand outlines may be, is the difference of
    its halves.

    Parameters
    ----------
    outline : ndarray, shape (n, 2)
        Corners (x, y) in the photo.
    size, working_size : (int, int)
        Height and width of the photo, and of what it was shrunk to.
    """
    scale = np.array(working_size) / size
    return bool(polygon2mask(working_size, (outline[:, ::-1] + 0.5) * scale - 0.5).any())
