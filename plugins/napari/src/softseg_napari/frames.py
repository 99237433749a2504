"""The photos in an image layer: which of its axes are the picture, and which count frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from softseg_napari.geometry import at_the_viewer

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

#: A place along a layer's leading axes; ``()`` is the only frame of a layer without any.
Frame = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Frames:
    """An image layer's photos, as they were when it was looked at.

    A photo is what the layer shows along its last two axes: colors if napari takes the layer as RGB, and
    otherwise grays between its contrast limits. All axes before these count frames.

    Attributes
    ----------
    data : array_like, shape (..., H, W) or (..., H, W, 3 or 4)
        The layer's, at full resolution; it may be lazy.
    colored : bool
        Whether the last axis is that of colors.
    limits : (float, float)
        What is black and what is white in a gray layer.
    """

    data: Any
    colored: bool
    limits: tuple[float, float]

    @classmethod
    def of(cls, layer: Image) -> Frames:
        """Return an image layer's photos."""
        data = layer.data[0] if layer.multiscale else layer.data
        low, high = layer.contrast_limits
        return cls(data, bool(layer.rgb), (float(low), float(high)))

    @property
    def shape(self) -> tuple[int, ...]:
        """How many frames there are along each leading axis."""
        return tuple(self.data.shape[: -3 if self.colored else -2])

    @property
    def size(self) -> tuple[int, int]:
        """A photo's height and width, in pixels."""
        height, width = self.data.shape[len(self.shape) :][:2]
        return int(height), int(width)

    def all(self) -> tuple[Frame, ...]:
        """Return all frames, in order."""
        return tuple(np.ndindex(self.shape))

    def photo(self, frame: Frame) -> np.ndarray:
        """Return a frame's photo as `softseg.segment` takes it; this may read files, or compute."""
        pixels = np.asarray(self.data[frame])
        if self.colored:
            return pixels
        low, high = self.limits
        grays = (pixels.astype(float) - low) / max(high - low, np.finfo(float).tiny)
        return np.clip(grays, 0, 1)


def check_view(layer: Image, viewer: ViewerModel) -> None:
    """Raise ValueError, in one line, unless the viewer shows the layer's photos."""
    if viewer.dims.ndisplay != 2:
        raise ValueError("viewer: expected a 2-D view, got 3-D rendering; switch back to 2-D first (Ctrl+Y)")
    missing = viewer.dims.ndim - layer.ndim
    shown = sorted(axis - missing for axis in viewer.dims.displayed)
    if shown != [layer.ndim - 2, layer.ndim - 1]:
        raise ValueError(
            f"viewer: expected the last two axes of {layer.name!r} to be shown, got axes {shown} of "
            f"{layer.ndim}; roll the dimensions back (Ctrl+E)"
        )


def current_frame(layer: Image, viewer: ViewerModel) -> Frame:
    """Return the frame of a layer that the viewer's sliders are at.

    Raises
    ------
    ValueError
        If they are at none.
    """
    shape = Frames.of(layer).shape
    frame = tuple(int(n) for n in np.rint(at_the_viewer(layer, viewer)[: len(shape)]))
    if not all(0 <= place < count for place, count in zip(frame, shape, strict=True)):
        raise ValueError(f"viewer: {layer.name!r} has no frame where the sliders are; move them")
    return frame
