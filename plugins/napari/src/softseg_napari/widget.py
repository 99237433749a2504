"""The panel in napari: soft layers of an image, and a soft selection that follows what is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, Label, ProgressBar, PushButton, SpinBox, Widget
from napari.layers import Image, Points, Shapes
from napari.utils.notifications import show_info
from qtpy.QtWidgets import QApplication
from softseg.features import extractor_names

from softseg_napari.display import add_segmentation
from softseg_napari.frames import Frames, check_view, current_frame
from softseg_napari.jobs import Job, Segmenting
from softseg_napari.messages import one_line, tell_error, tell_warning
from softseg_napari.segmentations import Former, Segmentation, known_of, outdate
from softseg_napari.selection import LiveSelection

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

CURRENT_FRAME, ALL_FRAMES = "current frame", "all frames"
# In how many steps the bar moves, and the most layers that can be asked for: there are forty initial ones.
BAR_STEPS = 1000
MOST_LAYERS = 40


class SoftLayers(Container[Widget]):
    """The panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Its images can be segmented.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self._viewer = napari_viewer
        self._job: Job | None = None
        self._source: Image | None = None  # the image of the job
        self._told: set[str] = set()  # what the user has been warned of since the job or the drawing began
        self._make_controls()
        super().__init__(
            widgets=[
                self.image,
                self.frames,
                self.automatic,
                self.n_layers,
                self.features,
                Container(widgets=[self.segment, self.cancel], layout="horizontal", labels=False),
                self.bar,
                self.stage,
                self.foreground,
                self.background,
                self.hint,
            ]
        )
        for label in (self.stage, self.hint):
            label.native.setWordWrap(True)
        self.selection = LiveSelection(
            napari_viewer, self.native, self._say_hint, lambda error: self._tell_once(tell_error, error)
        )
        self._connect()
        self._offer_frames()

    def _make_controls(self) -> None:
        self.image = ComboBox(label="Image", choices=self._images, tooltip="What is made soft layers of")
        self.frames = ComboBox(
            label="Frames",
            choices=[CURRENT_FRAME, ALL_FRAMES],
            tooltip="Of a stack: the frame that is shown, or each one by itself",
        )
        self.automatic = CheckBox(
            label="",
            text="As many as objects",
            tooltip="Two to ten layers, as many as the photo seems to have objects",
        )
        self.n_layers = SpinBox(label="Layers", value=5, min=1, max=MOST_LAYERS)
        self.features = ComboBox(
            label="Features",
            choices=list(extractor_names()),
            value="default",
            tooltip="What tells objects apart: a network, or colors alone (low-level)",
        )
        self.segment = PushButton(text="Segment")
        self.cancel = PushButton(text="Cancel", enabled=False)
        self.bar = ProgressBar(label="", min=0, max=BAR_STEPS, value=0, visible=False)
        self.stage = Label(label="", value="")
        tooltip = "Points, and shapes: lines and paths are scribbles, closed ones are outlines"
        self.foreground = ComboBox(
            label="Select with", choices=self._drawings, nullable=True, tooltip=tooltip
        )
        self.background = ComboBox(label="but not", choices=self._drawings, nullable=True, tooltip=tooltip)
        self.hint = Label(label="", value="")

    def _connect(self) -> None:
        layers = self._viewer.layers.events
        for event in (layers.inserted, layers.removed, layers.reordered, layers.renamed):
            event.connect(self._refresh_choices)
        layers.removed.connect(self._stop_for_removed)
        self.image.changed.connect(self._offer_frames)
        self.automatic.changed.connect(lambda checked: setattr(self.n_layers, "enabled", not checked))
        self.segment.changed.connect(self.start)
        self.cancel.changed.connect(self.stop)
        for box in (self.image, self.foreground, self.background):
            box.changed.connect(self._watch)
        self._refresh_choices()
        self.native.destroyed.connect(self.shut_down)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.shut_down)

    # What can be chosen.

    def _images(self, *_: Any) -> list[Image]:
        """Return the layers that may be segmented: images, but no soft layers or masks."""
        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image) and isinstance(known_of(layer), Segmentation | Former | None)
        ]

    def _drawings(self, *_: Any) -> list[Layer]:
        return [layer for layer in self._viewer.layers if isinstance(layer, Points | Shapes)]

    def _refresh_choices(self, event: Any = None) -> None:
        self.reset_choices()
        for image in self._images():
            image.events.data.connect(outdate)  # once, however often

    def _offer_frames(self, event: Any = None) -> None:
        image = self.image.value
        self.frames.visible = image is not None and len(Frames.of(image).all()) > 1

    # Segmenting.

    def start(self, event: Any = None) -> None:
        """Segment the chosen image in a thread."""
        image = self.image.value
        if self._job is not None:
            return
        try:
            work = self._read_wish(image)
        except (TypeError, ValueError) as error:
            tell_error(error)
            return
        job = Job(work)
        job.told.connect(self._show_progress)
        job.warned.connect(self._show_warning)
        job.returned.connect(lambda segmentation: self._finish(job, image, segmentation))
        job.errored.connect(lambda error: self._fail(job, error))
        job.finished.connect(lambda: self._come_to_rest(job))
        image.events.data.connect(self._stop_for_new_data)
        self._job, self._source = job, image
        self._told.clear()
        self.segment.enabled, self.cancel.enabled, self.bar.visible = False, True, True
        job.start()

    def stop(self, event: Any = None) -> None:
        """Stop segmenting, within about a second; the viewer stays as it is."""
        if self._job is not None:
            self._job.quit()
            self.cancel.enabled = False
            self.stage.value = "stopping"

    def shut_down(self, *_: Any) -> None:
        """Stop all work, because the panel or the program is closed."""
        job, self._job = self._job, None
        if job is not None:
            job.quit()
        self.selection.close()

    def _read_wish(self, image: Image | None) -> Segmenting:
        if image is None:
            raise ValueError("image: expected an image layer, got none; open a photo first")
        check_view(image, self._viewer)
        photos = Frames.of(image)
        all_frames = self.frames.value == ALL_FRAMES
        return Segmenting(
            photos,
            photos.all() if all_frames else (current_frame(image, self._viewer),),
            "auto" if self.automatic.value else self.n_layers.value,
            self.features.value,
        )

    def _show_progress(self, stage: str, share: float) -> None:
        if self._job is not None and not self._job.abort_requested:
            self.bar.value = round(share * BAR_STEPS)
            self.stage.value = stage

    def _show_warning(self, warning: tuple[Any, ...]) -> None:
        self._tell_once(tell_warning, warning[0])

    def _finish(self, job: Job, image: Image, segmentation: Segmentation) -> None:
        if job is not self._job or job.abort_requested:
            return
        try:
            add_segmentation(self._viewer, image, segmentation)
        except Exception as error:  # nothing may leave the viewer half changed, or the panel stuck
            tell_error(error)
        self._watch()

    def _fail(self, job: Job, error: Exception) -> None:
        if job is self._job and not job.abort_requested:
            tell_error(error)

    def _come_to_rest(self, job: Job) -> None:
        if job is not self._job:
            return
        if self._source is not None:
            self._source.events.data.disconnect(self._stop_for_new_data)
        self._job = self._source = None
        self.segment.enabled, self.cancel.enabled, self.bar.visible = True, False, False
        self.bar.value, self.stage.value = 0, ""

    def _stop_for_removed(self, event: Any) -> None:
        if self._job is not None and event.value is self._source:
            self.stop()

    def _stop_for_new_data(self, event: Any = None) -> None:
        source: Image | None = self._source
        if self._job is not None and source is not None and not self._job.abort_requested:
            self.stop()
            show_info(f"Segmenting was stopped: {source.name} has other data now.")

    # Selecting.

    def _watch(self, event: Any = None) -> None:
        self._told.clear()
        self.selection.watch(self.image.value, self.foreground.value, self.background.value)

    def _say_hint(self, text: str) -> None:
        self.hint.value = text

    def _tell_once(self, tell: Any, message: Any) -> None:
        """Tell the user what was not told before: drawing goes on after errors, and frames follow."""
        text = one_line(message) if isinstance(message, Exception) else str(message)
        if text not in self._told:
            self._told.add(text)
            tell(message)
