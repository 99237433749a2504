"""A soft mask that follows what the user draws, while it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer
from qtpy.QtCore import QObject, QTimer
from softseg import SoftSegmentation
from softseg.layers import select

from softseg_napari.display import add_mask, mask_layer
from softseg_napari.frames import Frame, check_view, current_frame
from softseg_napari.geometry import placement, put
from softseg_napari.jobs import Job
from softseg_napari.segmentations import Segmentation, known_of
from softseg_napari.strokes import Strokes, is_about_pixels, read_strokes

if TYPE_CHECKING:
    from napari.components import ViewerModel

# What the user reads where nothing is selected.
HINT = "Draw in the foreground layer: points, lines and paths, or a polygon about an object."
NOT_SEGMENTED = "Segment the image first."
FRAME_NOT_SEGMENTED = "This frame is not segmented."
# What changes the photo or the strokes, and where they are.
EVENTS = ("data", "scale", "translate", "rotate", "shear", "affine", "units")


def masked(result: SoftSegmentation, foreground: Strokes, background: Strokes | None) -> np.ndarray:
    """Return the mask that strokes mean, (H, W) in [0, 1].

    Points and scribbles mean one object together. Each outline is about an object of its own, and they are
    added to the rest; those about no pixel, outside the photo or only begun, are left out.

    Raises
    ------
    ValueError
        If there is a background and nothing but outlines, whose outside is their background.
    """
    masks = [np.zeros(foreground.size, dtype=np.float32)]
    outside = background.filled() if background else ()
    if len(foreground.pixels):
        behind = outside if len(outside) else None
        masks.append(select(result, foreground=foreground.pixels, background=behind))
    elif len(outside):
        raise ValueError("background: goes with points and scribbles; an outline has its outside")
    masks += [
        select(result, lasso=outline)
        for outline in foreground.outlines
        if is_about_pixels(outline, foreground.size, result.superpixels.shape)
    ]
    return np.asarray(np.maximum.reduce(masks))


@dataclass(frozen=True, eq=False)
class _Wish:
    """Which strokes are to be made the mask of which frame."""

    image: Image
    segmentation: Segmentation
    frame: Frame
    foreground: Layer
    strokes: Strokes
    background: Strokes | None

    def __call__(self, tell: Callable[[str, float], None]) -> np.ndarray:
        return masked(self.segmentation.results[self.frame], self.strokes, self.background)


class LiveSelection:
    """Watches a foreground and a background layer, and keeps a mask layer up to date with them.

    Masks are computed in a thread, one after the other. While one is computed, changes wait, and the next
    mask is of how things are then.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layers are.
    owner : QObject
        When it is deleted, this ends.
    say : callable
        Is given a line for the user, which may be empty.
    complain : callable
        Is given an error.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        owner: QObject,
        say: Callable[[str], None],
        complain: Callable[[Exception], None],
    ) -> None:
        self._viewer, self._say, self._complain = viewer, say, complain
        self._image: Image | None = None
        self._foreground: Layer | None = None
        self._background: Layer | None = None
        self._masks: dict[tuple[Segmentation, Layer], Image] = {}
        self._job: Job | None = None
        self._waiting = False
        # Several changes at a time, such as those of a shape's corners, are looked at once.
        self._timer = QTimer(owner)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        viewer.dims.events.current_step.connect(self.refresh)

    @property
    def rests(self) -> bool:
        """Whether the mask is up to date, and nothing is computed."""
        return self._job is None and not self._waiting and not self._timer.isActive()

    def watch(self, image: Image | None, foreground: Layer | None, background: Layer | None) -> None:
        """Follow these layers from now on."""
        for layer in _distinct(self._image, self._foreground, self._background):
            for event in EVENTS:
                getattr(layer.events, event).disconnect(self.refresh)
        self._image, self._foreground, self._background = image, foreground, background
        self._masks = {key: mask for key, mask in self._masks.items() if mask in self._viewer.layers}
        for layer in _distinct(image, foreground, background):
            for event in EVENTS:
                getattr(layer.events, event).connect(self.refresh)
        self.refresh()

    def refresh(self, event: Any = None) -> None:
        """Look at the layers again, soon."""
        self._timer.start()

    def close(self) -> None:
        """Watch nothing any more, and stop what is computed."""
        self._viewer.dims.events.current_step.disconnect(self.refresh)
        self._image = self._foreground = self._background = None
        self._waiting = False
        if self._job is not None:
            self._job.quit()
            self._job = None

    def _look(self) -> None:
        """Compute the mask of what is drawn now, or have it wait for the one that is being computed."""
        if self._job is not None:
            self._waiting = True
            return
        try:
            wish = self._read()
        except (TypeError, ValueError) as error:
            self._complain(error)
            return
        if wish is None:
            return
        if not wish.strokes:
            self._say(HINT)
            self._show(wish, np.zeros(wish.segmentation.size, dtype=np.float32))
            return
        self._start(wish)

    def _read(self) -> _Wish | None:
        """Return what is drawn now; None if there is nothing that it could select."""
        image, foreground, background = self._image, self._foreground, self._background
        if image is None or foreground is None:
            self._say("")
            return None
        segmentation = known_of(image)
        if not isinstance(segmentation, Segmentation):
            self._say(NOT_SEGMENTED)
            return None
        check_view(image, self._viewer)
        frame = current_frame(image, self._viewer)
        if frame not in segmentation.results:
            self._say(FRAME_NOT_SEGMENTED)
            return None
        if background is foreground:
            raise ValueError("background: expected another layer than the foreground")
        size = segmentation.size
        strokes = read_strokes(foreground, image, size, self._viewer)
        behind = None if background is None else read_strokes(background, image, size, self._viewer)
        return _Wish(image, segmentation, frame, foreground, strokes, behind)

    def _start(self, wish: _Wish) -> None:
        job = Job(wish)
        job.returned.connect(lambda mask: self._finish(job, wish, mask))
        job.errored.connect(lambda error: self._fail(job, error))
        self._job = job
        job.start()

    def _finish(self, job: Job, wish: _Wish, mask: np.ndarray) -> None:
        if job is not self._job:
            return  # closed in the meantime
        self._job = None
        self._say(f"{mask.mean():.1%} of the image is selected.")
        self._show(wish, mask)
        self._go_on()

    def _fail(self, job: Job, error: Exception) -> None:
        if job is not self._job:
            return
        self._job = None
        self._complain(error)
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting:
            self._waiting = False
            self.refresh()

    def _show(self, wish: _Wish, mask: np.ndarray) -> None:
        """Write a mask into its layer, which is made when there is something to be seen."""
        key = wish.segmentation, wish.foreground
        layer = self._masks.get(key)
        where = placement(wish.image, (*wish.segmentation.origin, 0, 0))
        if layer is None or layer not in self._viewer.layers:
            if not mask.any() or wish.image not in self._viewer.layers:
                return
            if wish.foreground not in self._viewer.layers:
                return
            layer = mask_layer(wish.image.name, wish.foreground.name, wish.segmentation, where)
            add_mask(self._viewer, wish.image, layer, below=wish.foreground)
            self._masks[key] = layer
        put(layer, where)
        layer.data[wish.segmentation.place(wish.frame)] = mask
        layer.refresh()


def _distinct(*layers: Layer | None) -> set[Layer]:
    return {layer for layer in layers if layer is not None}
