"""Segmenting images of all kinds from the panel."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Labels
from softseg.layers.arrangement import distinct_colors

from panels import two_halves
from softseg_napari.segmentations import Segmentation, known_of


def sums(layers):
    return sum(np.asarray(layer.data) for layer in layers)


def halves(layers, split=13):
    """Return the layers' alphas inside the two halves, the layer of the left half first."""
    left = [float(layer.data[..., 3:-3, 3 : split - 3].mean()) for layer in layers]
    right = [float(layer.data[..., 3:-3, split + 3 : -3].mean()) for layer in layers]
    return np.array(sorted(zip(left, right, strict=True), reverse=True))


def test_a_photo_becomes_additive_layers_in_softsegs_colors_and_labels(viewer, panel, messages):
    photo = viewer.add_image(two_halves(), name="photo")
    above = viewer.add_image(np.zeros((5, 5)), name="above")

    layers = panel.segment(photo)

    assert not list(messages)
    assert [layer.name.split(": ")[0] for layer in layers] == ["photo", "photo"]
    assert {layer.blending for layer in layers} == {"additive"}
    assert sums(layers) == pytest.approx(1, abs=1e-5)  # float32 alphas that sum to one
    assert halves(layers) == pytest.approx(np.eye(2), abs=0.02)
    for index, layer in enumerate(layers):
        last = layer.colormap.colors[-1, :3] * 255
        assert last == pytest.approx(distinct_colors(2)[index], abs=0.01)
        assert tuple(layer.contrast_limits) == (0, 1)
    (labels,) = (layer for layer in viewer.layers if isinstance(layer, Labels))
    assert (labels.data == np.argmax([layer.data for layer in layers], axis=0) + 1).all()
    for index in range(2):
        assert labels.colormap.map(index + 1)[:3] * 255 == pytest.approx(distinct_colors(2)[index], abs=0.01)
    assert [layer.name for layer in viewer.layers] == [
        "photo",
        *(layer.name for layer in layers),
        "photo: labels",
        "above",
    ]
    assert above.visible
    assert not photo.visible
    assert all(layer.visible for layer in layers)
    assert viewer.layers.selection == set(layers)
    assert isinstance(known_of(photo), Segmentation)


def test_segmenting_again_keeps_the_first_layers_and_hides_them(viewer, panel):
    photo = viewer.add_image(two_halves(), name="photo")
    first = panel.segment(photo)
    second = panel.segment(photo)
    assert all(layer in viewer.layers and not layer.visible for layer in first)
    assert all(layer.visible for layer in second)
    assert len({layer.name for layer in viewer.layers}) == len(viewer.layers)


def test_the_number_of_layers_may_be_automatic(viewer, panel):
    photo = viewer.add_image(two_halves(), name="photo")
    panel.widget.n_layers.value = 7
    assert panel.widget.n_layers.enabled
    layers = panel.segment(photo, automatic=True)
    assert not panel.widget.n_layers.enabled
    assert len(layers) == 2


def test_softsegs_warnings_are_notifications_of_one_line(viewer, panel, messages):
    photo = viewer.add_image(two_halves(), name="photo")
    layers = panel.segment(photo, n_layers=9)
    assert len(layers) < 9
    (message,) = messages
    assert message.startswith("n_layers: 9 asked for, but only")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("dtype", "top"), [("uint16", 65535), ("float32", 1), ("float64", 1), ("uint8", 255)]
)
def test_colors_of_any_type(viewer, panel, dtype, top):
    photo = (two_halves() / 255 * top).astype(dtype)
    layers = panel.segment(viewer.add_image(photo, rgb=True))
    assert halves(layers) == pytest.approx(np.eye(2), abs=0.02)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "bool", "int64"])
def test_grays_are_seen_between_the_contrast_limits(viewer, panel, dtype):
    low, high = (0, 1) if dtype == "bool" else (20, 90)
    gray = np.where(two_halves()[..., 0] > 0, high, low).astype(dtype)
    layers = panel.segment(viewer.add_image(gray, contrast_limits=(low, high)))
    assert layers[0].data.shape == gray.shape
    assert halves(layers) == pytest.approx(np.eye(2), abs=0.02)
    image = known_of(viewer.layers[0]).results[()].image
    assert (image.min(), image.max()) == (0, 1)


def test_grays_beyond_the_contrast_limits_are_black_and_white(viewer, panel):
    gray = np.tile(np.arange(32.0), (31, 1))
    layer = viewer.add_image(gray, contrast_limits=(10, 20))
    panel.segment(layer)
    image = known_of(layer).results[()].image
    assert np.array_equal(image[0, :, 0], np.clip((np.arange(32) - 10) / 10, 0, 1))


def test_what_is_transparent_becomes_a_layer(viewer, panel, messages):
    photo = np.dstack([two_halves(), np.full((31, 32), 255, np.uint8)])
    photo[:8, :, 3] = 0
    layers = panel.segment(viewer.add_image(photo))
    assert not list(messages)  # nobody is told that it lay over white
    assert len(layers) == 3
    assert np.array_equal(layers[-1].data, 1 - photo[..., 3] / 255)
    assert sums(layers) == pytest.approx(1, abs=1e-5)


def test_layers_lie_where_the_image_lies(viewer, panel):
    photo = viewer.add_image(
        two_halves(),
        name="photo",
        scale=(2, 3),
        translate=(5, -7),
        rotate=30,
        shear=[0.2],
        affine=[[1.5, 0.1, 4], [0, 1, 0], [0, 0, 1]],
    )
    layers = panel.segment(photo)
    assert len(layers) == 2
    for layer in [*layers, viewer.layers["photo: labels"]]:
        for corner in [(0, 0), (30, 0), (0, 31), (11, 17)]:
            assert layer.data_to_world(corner) == pytest.approx(photo.data_to_world(corner), abs=1e-9)


def test_units_and_axis_labels_are_kept(viewer, panel):
    photo = viewer.add_image(two_halves(), units=("um", "um"), axis_labels=("y", "x"))
    for layer in panel.segment(photo):
        assert layer.units == photo.units
        assert layer.axis_labels == photo.axis_labels


@pytest.mark.parametrize("colored", [False, True])
@pytest.mark.parametrize("lazy", [False, True])
def test_all_frames_of_a_stack(viewer, panel, colored, lazy):
    # The split moves, and the layers go on with their numbers.
    frames = np.stack([two_halves(split=split) for split in (12, 13, 14)])
    frames = frames if colored else frames[..., 0]
    data = da.from_array(frames, chunks=(1, *frames.shape[1:])) if lazy else frames
    stack = viewer.add_image(data, rgb=colored, name="stack", scale=(10, 1, 1))
    layers = panel.segment(stack, frames="all frames")

    assert [layer.data.shape for layer in layers] == [(3, 31, 32)] * 2
    assert sums(layers) == pytest.approx(1, abs=1e-5)
    assert halves(layers) == pytest.approx(np.eye(2), abs=0.05)
    assert [layer.name for layer in layers] == ["stack: layer 1", "stack: layer 2"]
    assert all(np.array_equal(layer.scale, (10, 1, 1)) for layer in layers)
    assert viewer.layers["stack: labels"].data.shape == (3, 31, 32)


def test_the_current_frame_of_a_stack_stays_at_its_place(viewer, panel):
    stack = viewer.add_image(
        np.stack([np.zeros((31, 32, 3), np.uint8), two_halves(), two_halves()]),
        rgb=True,
        scale=(10, 2, 1),
        translate=(3, 0, 0),
    )
    viewer.dims.set_point(0, 13)  # the second frame
    layers = panel.segment(stack, frames="current frame")
    assert [layer.data.shape for layer in layers] == [(1, 31, 32)] * 2
    for layer in layers:
        assert layer.data_to_world((0, 4, 5)) == pytest.approx(stack.data_to_world((1, 4, 5)))
    assert list(known_of(stack).results) == [(1,)]


def test_two_leading_axes(viewer, panel):
    frames = np.stack([[two_halves(), two_halves()], [two_halves(), two_halves()]])[..., 0]
    layers = panel.segment(viewer.add_image(frames), frames="all frames")
    assert layers[0].data.shape == (2, 2, 31, 32)
    assert sums(layers) == pytest.approx(1, abs=1e-5)


def test_frames_with_fewer_layers_get_empty_ones(viewer, panel):
    three = np.zeros((31, 32, 3), np.uint8)
    three[:, 11:22] = (255, 0, 0)
    three[:, 22:] = (0, 255, 255)
    stack = viewer.add_image(np.stack([two_halves(), three]), rgb=True)
    layers = panel.segment(stack, frames="all frames", automatic=True)
    counts = [sum(layer.data[frame].max() > 0.5 for layer in layers) for frame in (0, 1)]
    assert counts == [2, len(layers)]
    assert len(layers) > 2


def test_frames_that_cannot_be_segmented_are_left_out_and_named(viewer, panel, messages):
    frames = np.stack([two_halves()] * 6)[..., 0] / 255.0
    frames[[0, 3]] = np.nan
    stack = viewer.add_image(frames, contrast_limits=(0, 1))
    layers = panel.segment(stack, frames="all frames")
    assert list(messages) == [
        "2 of 6 frames were not segmented; frame 1: image: expected finite values, got NaN or infinity"
    ]
    known = known_of(stack)
    assert list(known.results) == [(1,), (2,), (4,), (5,)]
    assert [layer.data.shape for layer in layers] == [(5, 31, 32)] * 2
    for layer in layers:
        assert layer.data_to_world((0, 4, 5)) == pytest.approx(stack.data_to_world((1, 4, 5)))
    assert sums(layers)[[0, 1, 3, 4]] == pytest.approx(1, abs=1e-5)
    assert not sums(layers)[2].any()


def test_finished_frames_are_kept_where_memory_ends(viewer, panel, messages, monkeypatch):
    from softseg import segment

    from softseg_napari import jobs

    calls = []

    def fail_at_third(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 3:
            raise MemoryError("no room")
        return segment(*arguments, **options)

    monkeypatch.setattr(jobs, "segment", fail_at_third)
    layers = panel.segment(viewer.add_image(np.stack([two_halves()] * 5)[..., 0]), frames="all frames")
    assert len(calls) == 3
    assert [layer.data.shape for layer in layers] == [(2, 31, 32)] * 2
    assert list(messages) == ["3 of 5 frames were not segmented; frame 3: MemoryError: no room"]


def test_a_block_with_missing_corners(segmentation):
    known = segmentation(frames=[(1, 3), (2, 2)])
    assert known.origin == (1, 2)
    assert known.shape == (2, 2)
    filled = known.alphas()[0].any(axis=(-2, -1))
    assert np.array_equal(filled, [[False, True], [True, False]])


def test_the_choice_of_frames_is_for_stacks(viewer, panel):
    photo = viewer.add_image(two_halves(), name="photo")
    stack = viewer.add_image(np.zeros((3, 9, 9)), name="stack")
    panel.widget.native.show()
    panel.widget.image.value = photo
    assert not panel.widget.frames.native.isVisibleTo(panel.widget.native)
    panel.widget.image.value = stack
    assert panel.widget.frames.native.isVisibleTo(panel.widget.native)


def test_a_multiscale_image_is_segmented_at_full_resolution(viewer, panel):
    photo = two_halves()
    layer = viewer.add_image([photo, photo[::2, ::2]], multiscale=True)
    layers = panel.segment(layer)
    assert layers[0].data.shape == (31, 32)


def test_only_photos_are_offered(viewer, panel):
    photo = viewer.add_image(two_halves(), name="photo")
    viewer.add_labels(np.zeros((5, 5), int))
    panel.segment(photo)
    assert list(panel.widget.image.choices) == [photo]
    photo.name = "other"
    native = panel.widget.image.native
    assert [native.itemText(index) for index in range(native.count())] == ["other"]


def test_removing_layers_afterwards(viewer, panel):
    photo = viewer.add_image(two_halves(), name="photo")
    layers = panel.segment(photo)
    for layer in layers:
        viewer.layers.remove(layer)
    assert len(panel.segment(photo)) == 2
    viewer.layers.clear()
    assert panel.widget.image.value is None
    assert isinstance(viewer.add_image(two_halves()), Image)
