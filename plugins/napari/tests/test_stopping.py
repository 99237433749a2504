"""Cancel, errors, and what changes or vanishes while an image is segmented."""

from __future__ import annotations

import gc

import dask.array as da
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from panels import PATIENCE, Panel, two_halves
from softseg_napari.segmentations import KEY


def state(viewer):
    return [(layer, layer.name, layer.visible, dict(layer.metadata)) for layer in viewer.layers]


@pytest.fixture
def photo(viewer, panel):
    return viewer.add_image(two_halves(), name="photo")


def test_progress_is_shown(panel, photo, slow):
    panel.start(photo)
    panel.wait(lambda: panel.widget.stage.value == "eigenvectors")
    assert panel.widget.bar.value == 500  # three stages of six
    assert not panel.widget.segment.enabled
    slow.go_on.set()
    panel.wait(lambda: panel.rests)
    assert (panel.widget.bar.value, panel.widget.stage.value) == (0, "")


def test_cancel_leaves_the_viewer_as_it_was(viewer, panel, photo, slow, messages):
    before = state(viewer)
    panel.start(photo)
    panel.wait(slow.running.is_set)
    panel.widget.cancel.native.click()
    panel.wait(lambda: panel.rests)
    assert slow.ended.is_set()
    assert state(viewer) == before
    assert not list(messages)


def test_the_real_work_stops_too(viewer, panel, photo, messages):
    before = state(viewer)
    panel.start(photo)
    panel.widget.cancel.native.click()
    panel.wait(lambda: panel.rests)
    assert state(viewer) == before
    assert len(panel.segment(photo)) == 2  # and can begin again


def test_a_second_click_starts_nothing(panel, photo, slow):
    panel.start(photo)
    panel.wait(slow.running.is_set)
    job = panel.widget._job
    panel.widget.start()
    assert panel.widget._job is job


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("image: too\nsmall"), "image: too small"),
        (KeyError("x"), "KeyError: 'x'"),
        (MemoryError(), "MemoryError"),
        (RuntimeError("broken"), "RuntimeError: broken"),
    ],
)
def test_errors_are_one_line_and_change_nothing(viewer, panel, photo, slow, messages, error, line):
    before = state(viewer)
    slow.error = error
    slow.go_on.set()
    panel.start(photo)
    panel.wait(lambda: len(messages) == 1 and panel.rests)
    assert list(messages) == [line]
    assert state(viewer) == before


def test_an_error_while_cancelling_is_not_told(panel, photo, slow, messages):
    slow.error = ValueError("nobody wants to know")
    panel.start(photo)
    panel.wait(slow.running.is_set)
    panel.widget._job._abort_requested = True
    slow.go_on.set()
    panel.wait(lambda: panel.rests)
    assert not list(messages)


@pytest.mark.parametrize("shape", [(1, 1), (2, 40), (2, 2, 3), (1, 50, 3)])
def test_tiny_images_are_refused(viewer, panel, messages, shape):
    before = state(viewer)
    layer = viewer.add_image(np.zeros(shape, np.uint8), rgb=len(shape) == 3)
    before = state(viewer)
    panel.segment(layer)
    (message,) = messages
    assert message.startswith("image: expected")
    assert "\n" not in message
    assert state(viewer) == before


def test_grays_that_are_no_numbers_are_refused(viewer, panel, messages):
    panel.segment(viewer.add_image(np.full((9, 9), np.nan), contrast_limits=(0, 1)))
    (message,) = messages
    assert message.startswith("image: ")
    assert "\n" not in message


def test_frames_that_cannot_be_read_are_an_error(viewer, panel, messages):
    def fail(block):
        raise OSError("the disk is gone")

    frames = da.zeros((3, 20, 30), chunks=(1, 20, 30)).map_blocks(fail, dtype=float, meta=np.empty((0,) * 3))
    layer = viewer.add_image(da.zeros((3, 20, 30)), contrast_limits=(0, 1))
    layer._data = frames  # the viewer itself could not show it
    panel.segment(layer, frames="all frames")
    assert list(messages) == ["the disk is gone"]


def test_without_an_image(panel, messages):
    panel.start()
    assert list(messages) == ["image: expected an image layer, got none; open a photo first"]


def test_three_dimensional_rendering_is_refused(viewer, panel, messages):
    layer = viewer.add_image(np.zeros((4, 20, 30)))
    viewer.dims.ndisplay = 3
    panel.start(layer)
    (message,) = messages
    assert message.startswith("viewer: expected a 2-D view, got 3-D rendering")
    assert panel.rests


def test_rolled_dimensions_are_refused(viewer, panel, messages):
    layer = viewer.add_image(np.zeros((4, 20, 30)), name="stack")
    viewer.dims.roll()
    panel.start(layer)
    (message,) = messages
    assert message.startswith("viewer: expected the last two axes of 'stack' to be shown, got axes [0, 1]")


def test_transposed_dimensions_are_the_same_picture(viewer, panel, messages):
    layer = viewer.add_image(two_halves())
    viewer.dims.transpose()
    assert len(panel.segment(layer)) == 2
    assert not list(messages)


def test_sliders_beyond_the_stack(viewer, panel, messages):
    short = viewer.add_image(np.zeros((2, 20, 30)), name="short")
    viewer.add_image(np.zeros((9, 20, 30)))
    viewer.dims.set_point(0, 7)
    panel.start(short, frames="current frame")
    assert list(messages) == ["viewer: 'short' has no frame where the sliders are; move them"]


def test_removing_the_image_stops_the_work(viewer, panel, photo, slow, messages):
    panel.start(photo)
    panel.wait(slow.running.is_set)
    viewer.layers.remove(photo)
    panel.wait(lambda: panel.rests)
    assert list(viewer.layers) == []
    assert slow.ended.is_set()
    assert not list(messages)


def test_new_data_stop_the_work(viewer, panel, photo, slow, messages):
    panel.start(photo)
    panel.wait(slow.running.is_set)
    photo.data = two_halves(30, 40)
    panel.wait(lambda: panel.rests)
    assert list(viewer.layers) == [photo]
    assert KEY not in photo.metadata
    assert list(messages) == ["Segmenting was stopped: photo has other data now."]


def test_other_data_and_other_layers_do_not(viewer, panel, photo, slow):
    other = viewer.add_image(two_halves(), name="other")
    panel.start(photo)
    panel.wait(slow.running.is_set)
    panel.widget.image.value = other  # another choice
    photo.translate = (3, 4)  # moved, and the layers with it
    photo.name = "moved"
    viewer.layers.remove(other)
    slow.go_on.set()
    panel.wait(lambda: panel.rests)
    layers = [layer for layer in viewer.layers if layer.name.startswith("moved: ")]
    assert len(layers) == 3  # two soft layers and the labels
    assert all(np.array_equal(layer.translate, (3, 4)) for layer in layers)


def test_an_error_while_layers_are_made_changes_nothing(viewer, panel, photo, slow, messages, monkeypatch):
    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr("softseg_napari.display.soft_layers", fail)
    before = state(viewer)
    slow.go_on.set()
    panel.start(photo)
    panel.wait(lambda: panel.rests)
    assert list(messages) == ["MemoryError: no room"]
    assert state(viewer) == before


def test_closing_the_viewer_ends_the_thread(window, qtbot, slow, messages):
    panel = Panel(window, qtbot)
    panel.start(window.add_image(two_halves(), name="photo"))
    panel.wait(slow.running.is_set)
    del panel
    window.close()
    qtbot.waitUntil(slow.ended.is_set, timeout=PATIENCE)
    gc.collect()
    qtbot.wait(50)  # whatever is still on its way arrives, at nobody
    assert not slow.go_on.is_set()
    assert not list(messages)


def test_closing_the_panel_ends_the_thread(window, qtbot, slow):
    panel = Panel(window, qtbot)
    photo = window.add_image(two_halves(), name="photo")
    before = state(window)
    panel.start(photo)
    panel.wait(slow.running.is_set)
    window.window.remove_dock_widget("all")
    panel.widget.native.deleteLater()
    panel.wait(slow.ended.is_set)
    qtbot.wait(50)
    assert state(window) == before
    window.add_points(np.zeros((1, 2)))  # nobody listens any more
    window.layers.remove(photo)
    qtbot.wait(50)


def test_cancelling_in_a_window(window, qtbot, slow):
    panel = Panel(window, qtbot)
    photo = window.add_image(two_halves(), name="photo")
    before = state(window)
    panel.start(photo)
    panel.wait(slow.running.is_set)
    panel.widget.cancel.native.click()
    panel.wait(lambda: panel.rests)
    assert state(window) == before
    slow.go_on.set()
    assert len(panel.segment(photo)) == 2


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("ending", ["cancel", "error", "success"])
def test_blas_has_its_threads_back(panel, photo, slow, ending):
    before = blas_threads()
    slow.error = ValueError("image: bad") if ending == "error" else None
    panel.start(photo)
    panel.wait(slow.running.is_set)
    assert set(blas_threads()) == {1}
    if ending == "cancel":
        panel.widget.cancel.native.click()
    else:
        slow.go_on.set()
    panel.wait(lambda: panel.rests)
    panel.settle()
    assert blas_threads() == before
