"""Fixtures: the panel in a viewer, and photos and results that are made at once."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari import Viewer
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from npe2 import PluginManager
from softseg.testing import random_result

from softseg_napari import jobs
from softseg_napari.segmentations import Segmentation
from softseg_napari.widget import SoftLayers

# Milliseconds within which anything here is done, on a machine that is busy.
PATIENCE = 60_000

__all__ = ["PATIENCE", "Panel", "messages", "panel", "segmentation", "slow", "two_halves", "viewer", "window"]


def two_halves(height=31, width=32, split=13):
    """Return a photo of two colors, uint8.

    Below 31 pixels a side napari takes none for RGB by itself; above 1000 pixels softseg takes longer.
    """
    photo = np.zeros((height, width, 3), dtype=np.uint8)
    photo[:, split:] = (255, 200, 0)
    return photo


@pytest.fixture
def viewer(qapp):
    """A viewer without a window, which is made at once; all that the panel asks of a viewer is there."""
    PluginManager.instance().discover()  # as a window does
    return ViewerModel()


@pytest.fixture
def window(make_napari_viewer):
    """A viewer with its window, for what only happens there."""
    return make_napari_viewer()


class Panel:
    """The panel in a viewer, as a user handles it."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.widget = SoftLayers(viewer)
        if isinstance(viewer, Viewer):
            viewer.window.add_dock_widget(self.widget, name="Soft layers")
        self.widget.features.value = "low-level"
        self.widget.n_layers.value = 2

    def wait(self, condition):
        self.qtbot.waitUntil(condition, timeout=PATIENCE)

    def start(self, image=None, **choices):
        if image is not None:
            self.widget.image.value = image
        for name, value in choices.items():
            getattr(self.widget, name).value = value
        self.widget.segment.native.click()

    @property
    def rests(self):
        return self.widget.segment.enabled and not self.widget.cancel.enabled

    def segment(self, image=None, **choices):
        """Segment an image, and return its soft layers."""
        before = set(self.viewer.layers)
        self.start(image, **choices)
        self.wait(lambda: self.rests)
        return [
            layer for layer in self.viewer.layers if layer not in before and type(layer).__name__ == "Image"
        ]

    def settle(self):
        """Wait until the selection follows no longer."""
        self.qtbot.wait(30)
        self.wait(lambda: self.widget.selection.rests)


@pytest.fixture
def panel(viewer, qtbot):
    panel = Panel(viewer, qtbot)
    yield panel
    panel.widget.shut_down()
    panel.widget.native.deleteLater()
    qtbot.wait(1)


@pytest.fixture
def messages():
    """The texts of the notifications since the test began."""
    start = len(notification_manager.records)

    class Messages:
        def __iter__(self):
            return (record.message for record in notification_manager.records[start:])

        def __len__(self):
            return len(list(iter(self)))

        def __repr__(self):
            return repr(list(self))

    return Messages()


@pytest.fixture
def segmentation():
    """Return a function that makes a segmentation of random layers, at once."""

    def make(height=20, width=30, count=3, frames=((),)):
        rng = np.random.default_rng(0)
        return Segmentation.of({frame: random_result(rng, height, width, count) for frame in frames})

    return make


@pytest.fixture
def slow(monkeypatch):
    """Replace `segment` by work that goes on, and tells so, until it is stopped or told to fail or to end."""

    class Slow:
        def __init__(self):
            self.running = threading.Event()
            self.ended = threading.Event()
            self.go_on = threading.Event()
            self.error = None

        def __call__(self, image, progress, **options):
            try:
                self.running.set()
                for _ in range(6000):
                    progress("eigenvectors", 3, 6)
                    if self.go_on.wait(0.01):
                        break
                if self.error is not None:
                    raise self.error
                return random_result(np.random.default_rng(0), *image.shape[:2], 2)
            finally:
                self.ended.set()

    slow = Slow()
    monkeypatch.setattr(jobs, "segment", slow)
    yield slow
    slow.go_on.set()
