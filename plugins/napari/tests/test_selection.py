"""The mask that follows Points and Shapes."""

from __future__ import annotations

import numpy as np
import pytest
from softseg import segment
from softseg.layers import select

from panels import Panel, two_halves
from softseg_napari.segmentations import KEY, Mask, Segmentation, known_of
from softseg_napari.strokes import read_strokes

HALVES = two_halves(32, 40, 16)
RESULT = segment(HALVES, features="low-level", n_layers=2)
LEFT = np.array([[10.0, 5.0]])  # row, column
RIGHT = np.array([[10.0, 33.0]])


@pytest.fixture
def photo(viewer, panel):
    """A photo that is segmented."""
    return viewer.add_image(HALVES, name="photo", metadata={KEY: Segmentation.of({(): RESULT})})


@pytest.fixture
def masks(viewer):
    """A function that returns all masks."""
    return lambda: [layer for layer in viewer.layers if isinstance(known_of(layer), Mask)]


def choose(panel, foreground, background=None):
    panel.widget.foreground.value = foreground
    panel.widget.background.value = background
    panel.settle()


def is_left(mask):
    return mask[:, :12].min() > 0.9 and mask[:, 20:].max() < 0.1


def is_right(mask):
    return mask[:, 20:].min() > 0.9 and mask[:, :12].max() < 0.1


def test_a_click_selects_and_the_mask_follows_in_place(viewer, panel, photo, masks, messages):
    points = viewer.add_points(LEFT, name="clicks")
    choose(panel, points)
    (mask,) = masks()
    assert mask.name == "photo: mask of clicks"
    assert np.array_equal(mask.data, select(RESULT, point=(5, 10)))  # x is the column
    assert is_left(mask.data)
    array = mask.data

    points.data = RIGHT  # moved
    panel.settle()
    assert is_right(array)
    points.add(LEFT)  # one more
    panel.settle()
    assert array.min() > 0.9
    points.selected_data = {0, 1}
    points.remove_selected()
    panel.settle()
    assert not array.any()
    assert masks() == [mask]
    assert mask.data is array
    assert not list(messages)


def test_the_mask_lies_below_the_strokes_and_leaves_the_tool_in_the_hand(window, qtbot):
    panel, viewer = Panel(window, qtbot), window
    viewer.add_image(HALVES, name="photo", metadata={KEY: Segmentation.of({(): RESULT})})
    points = viewer.add_points(ndim=2, name="clicks")
    choose(panel, points)
    assert len(viewer.layers) == 2  # nothing is drawn yet
    viewer.layers.selection = {points}
    points.mode = "add"
    points.add(LEFT)
    panel.settle()
    assert [layer.name for layer in viewer.layers] == ["photo", "photo: mask of clicks", "clicks"]
    assert viewer.layers.selection.active is points
    assert points.mode == "add"


def test_the_photo_shows_under_the_mask_and_its_soft_layers_do_not(viewer, panel, masks):
    photo = viewer.add_image(HALVES, name="photo")
    layers = panel.segment(photo)
    assert not photo.visible
    choose(panel, viewer.add_points(LEFT))
    assert photo.visible
    assert not any(layer.visible for layer in layers)
    assert [layer.visible for layer in masks()] == [True]


def test_background_points(viewer, panel, photo, masks):
    foreground = viewer.add_points(LEFT)
    background = viewer.add_points(RIGHT)
    choose(panel, foreground, background)
    expected = select(RESULT, foreground=[(5, 10)], background=[(33, 10)])
    assert np.array_equal(masks()[0].data, expected)
    background.data = np.array([[30.0, 30.0]])
    panel.settle()
    assert np.array_equal(masks()[0].data, select(RESULT, foreground=[(5, 10)], background=[(30, 30)]))


@pytest.mark.parametrize(
    ("kind", "corners", "pixels"),
    [
        ("line", [(4, 3), (4, 7)], [(x, 4) for x in range(3, 8)]),
        ("path", [(4, 3), (6, 3), (6, 5)], [(3, 4), (3, 5), (3, 6), (4, 6), (5, 6)]),
    ],
)
def test_scribbles(viewer, panel, photo, masks, kind, corners, pixels):
    shapes = viewer.add_shapes([np.array(corners, float)], shape_type=kind)
    drawn = read_strokes(shapes, photo, (32, 40), viewer)
    assert sorted(set(map(tuple, drawn.pixels.tolist()))) == sorted(pixels)
    choose(panel, shapes)
    assert np.array_equal(masks()[0].data, select(RESULT, foreground=pixels))


@pytest.mark.parametrize("kind", ["polygon", "rectangle", "ellipse"])
def test_closed_shapes_are_lassos(viewer, panel, photo, masks, kind):
    corners = np.array([(-2, -2), (-2, 18), (34, 18), (34, -2)], float)
    shapes = viewer.add_shapes([corners], shape_type=kind)
    choose(panel, shapes)
    (mask,) = masks()
    assert is_left(mask.data[8:-8])  # an ellipse leaves the corners out
    if kind != "ellipse":
        assert np.array_equal(mask.data, select(RESULT, lasso=corners[:, ::-1]))


def test_an_ellipse_fills_its_box(viewer, photo):
    corners = np.array([(2, 4), (2, 24), (12, 24), (12, 4)], float)
    shapes = viewer.add_shapes([corners], shape_type="ellipse")
    (outline,) = read_strokes(shapes, photo, (32, 40), viewer).outlines
    assert np.ptp(outline, axis=0) == pytest.approx((20, 10))
    assert outline.mean(axis=0) == pytest.approx((14, 7))
    inside = ((outline - (14, 7)) / (10, 5)) ** 2
    assert inside.sum(axis=1) == pytest.approx(1)


def test_outlines_add_up_and_go_with_scribbles(viewer, panel, photo, masks):
    left = np.array([(-2, -2), (-2, 18), (34, 18), (34, -2)], float)
    shapes = viewer.add_shapes([left, RIGHT.repeat(2, axis=0)], shape_type=["polygon", "line"])
    choose(panel, shapes)
    expected = np.maximum(select(RESULT, lasso=left[:, ::-1]), select(RESULT, point=(33, 10)))
    assert np.array_equal(masks()[0].data, expected)


def test_closed_shapes_of_the_background_are_filled(viewer, panel, photo, masks):
    box = viewer.add_shapes([np.array([(8, 30), (8, 36), (12, 36), (12, 30)], float)], shape_type="polygon")
    choose(panel, viewer.add_points(LEFT), box)
    pixels = [(x, y) for x in range(30, 37) for y in range(8, 13)]
    drawn = read_strokes(box, photo, (32, 40), viewer).filled()
    assert set(map(tuple, drawn.tolist())) <= set(pixels)
    assert {(x, y) for x, y in pixels if 30 < x < 36 and 8 < y < 12} <= set(map(tuple, drawn.tolist()))
    assert is_left(masks()[0].data)


def test_an_outline_with_a_background_is_an_error_that_is_told_once(viewer, panel, photo, messages):
    box = np.array([(-2, -2), (-2, 18), (34, 18), (34, -2)], float)
    shapes = viewer.add_shapes([box], shape_type="polygon")
    choose(panel, shapes, viewer.add_points(RIGHT))
    shapes.data = [box + 1]
    panel.settle()
    assert list(messages) == ["background: goes with points and scribbles; an outline has its outside"]


def test_the_same_layer_twice_is_an_error(viewer, panel, photo, messages):
    points = viewer.add_points(LEFT)
    choose(panel, points, points)
    assert list(messages) == ["background: expected another layer than the foreground"]


def test_a_figure_of_eight_selects_what_is_in_both_halves(viewer, panel, photo, masks):
    # The halves turn in opposite senses and are equally large, so that the signed area is 0.
    eight = np.array([(-2, -2), (34, 18), (34, -2), (-2, 18)], float)
    choose(panel, viewer.add_shapes([eight], shape_type="polygon"))
    (mask,) = masks()
    assert np.array_equal(mask.data, select(RESULT, lasso=eight[:, ::-1]))
    assert mask.data.mean() > 0.1


@pytest.mark.parametrize(
    "corners",
    [
        [(50, 50), (50, 60), (60, 60)],  # outside the photo
        [(5, 3), (8, 6), (20, 18)],  # on a line, as while it is drawn
        [(5.2, 3.2), (5.2, 3.4), (5.4, 3.4)],  # between pixels
    ],
)
def test_outlines_about_no_pixel_are_left_out(viewer, panel, photo, masks, messages, corners):
    shapes = viewer.add_shapes([np.array(corners, float)], shape_type="polygon")
    choose(panel, shapes)
    assert masks() == []
    assert panel.widget.hint.value == "0.0% of the image is selected."
    shapes.add(LEFT.repeat(2, axis=0), shape_type="line")
    panel.settle()
    assert np.array_equal(masks()[0].data, select(RESULT, point=(5, 10)))
    assert not list(messages)


@pytest.mark.parametrize("corners", [[(50, 50), (50, 60), (60, 60)], [(5.2, 3.2), (5.2, 3.4), (5.4, 3.4)]])
def test_a_background_about_no_pixel_is_none(viewer, panel, photo, masks, messages, corners):
    shapes = viewer.add_shapes([np.array(corners, float)], shape_type="polygon")
    choose(panel, viewer.add_points(RIGHT), shapes)
    assert np.array_equal(masks()[0].data, select(RESULT, point=(33, 10)))
    box = np.array([(-2, -2), (-2, 18), (34, 18), (34, -2)], float)
    choose(
        panel, viewer.add_shapes([box], shape_type="polygon"), shapes
    )  # an outline has no other background
    assert np.array_equal(masks()[-1].data, select(RESULT, lasso=box[:, ::-1]))
    assert not list(messages)


def test_outlines_only_begun_and_strokes_outside_are_nothing(viewer, panel, photo, masks, messages):
    shapes = viewer.add_shapes([np.array([(4, 4), (4, 4), (4, 4)], float)], shape_type="polygon")
    choose(panel, shapes)
    choose(panel, viewer.add_points([[-5.0, 3.0], [10.0, 40.0], [32.0, 1.0]]))
    assert masks() == []
    assert not list(messages)
    assert panel.widget.hint.value.startswith("Draw in the foreground layer")


def test_coordinates_of_moved_scaled_and_turned_layers(viewer, panel, masks):
    photo = viewer.add_image(
        HALVES,
        scale=(2, 3),
        translate=(5, -7),
        rotate=30,
        shear=[0.2],
        affine=[[1.5, 0.1, 4], [0, 1, 0], [0, 0, 1]],
        metadata={KEY: Segmentation.of({(): RESULT})},
    )
    points = viewer.add_points(np.zeros((1, 2)), scale=(0.5, 4), translate=(1, 1), rotate=-15)
    shapes = viewer.add_shapes(np.zeros((2, 2)), shape_type="line", affine=[[2, 0, 9], [0, 3, 1], [0, 0, 1]])
    world = photo.data_to_world((10, 33))
    points.data = [points.world_to_data(world)]
    shapes.data = [[shapes.world_to_data(world), shapes.world_to_data(photo.data_to_world((10, 35)))]]
    assert read_strokes(points, photo, (32, 40), viewer).pixels.tolist() == [[33, 10]]
    drawn = read_strokes(shapes, photo, (32, 40), viewer).pixels.tolist()
    assert sorted(set(map(tuple, drawn))) == [(33, 10), (34, 10), (35, 10)]

    choose(panel, points)
    (mask,) = masks()
    assert np.array_equal(mask.data, select(RESULT, point=(33, 10)))
    assert mask.data_to_world((3, 4)) == pytest.approx(photo.data_to_world((3, 4)))
    points.data = np.array([points.world_to_data(photo.data_to_world((10, 5)))])
    panel.settle()
    assert is_left(mask.data)
    points.scale = points.scale * 1.0001  # a change of where the points are counts too
    points.translate = np.array(points.translate) + np.array(photo.data_to_world((10, 33))) - world
    panel.settle()
    assert is_left(mask.data)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1e-3), ("nm", 1e3), ("um", 1)])
def test_units_of_strokes_and_photo_may_differ(viewer, unit, factor):
    photo = viewer.add_image(HALVES, scale=(0.5, 0.25), translate=(2, 3), units=("um", "um"))
    where = np.array(photo.data_to_world((10, 33))) * factor
    points = viewer.add_points([where / 2], scale=(2, 2), units=(unit, unit))
    shapes = viewer.add_shapes([[where, where]], shape_type="line", units=(unit, unit))
    for strokes in points, shapes:
        drawn = read_strokes(strokes, photo, (32, 40), viewer).pixels
        assert set(map(tuple, drawn.tolist())) == {(33, 10)}


def test_units_that_cannot_be_compared_are_the_same_as_napari_shows_them(viewer):
    photo = viewer.add_image(HALVES, units=("um", "um"))
    points = viewer.add_points([(10, 33)])  # in pixels
    assert read_strokes(points, photo, (32, 40), viewer).pixels.tolist() == [[33, 10]]


def test_the_slider_may_count_other_units_than_the_photo(viewer, panel, masks):
    results = Segmentation.of({(0,): RESULT, (1,): RESULT, (2,): RESULT})
    units = ("s", "um", "um")
    viewer.add_image(np.stack([HALVES] * 3), rgb=True, units=units, metadata={KEY: results})
    points = viewer.add_points([[2000.0, 10, 33]], units=("ms", "um", "um"))
    viewer.dims.set_point(0, 2000)  # milliseconds, the smallest unit there is
    choose(panel, points)
    assert is_right(masks()[0].data[2])


def test_a_photo_that_is_moved_takes_its_mask_along(viewer, panel, photo, masks):
    points = viewer.add_points(LEFT)
    choose(panel, points)
    (mask,) = masks()
    photo.scale, photo.translate, photo.units = (0.5, 0.5), (5, 7), ("um", "um")
    photo.affine = [[1, 0, 3], [0, 1, 0], [0, 0, 1]]
    points.data = [photo.data_to_world(RIGHT[0])]
    panel.settle()
    assert masks() == [mask]
    assert is_right(mask.data)
    assert mask.data_to_world((3, 4)) == pytest.approx(photo.data_to_world((3, 4)))
    assert mask.units == photo.units


def test_a_photo_with_other_data_is_not_segmented(viewer, panel, masks):
    photo = viewer.add_image(HALVES, name="photo")
    first = panel.segment(photo)
    points = viewer.add_points(LEFT)
    choose(panel, points)
    (mask,) = masks()
    before = mask.data.copy()
    photo.data = two_halves(40, 50, 30)
    panel.settle()
    assert panel.widget.hint.value == "Segment the image first."
    points.data = [[35.0, 45.0]]
    panel.settle()
    assert np.array_equal(mask.data, before)
    assert photo in panel.widget.image.choices

    for layer in first:
        layer.visible = True
    second = panel.segment(photo)
    panel.settle()
    assert not any(layer.visible for layer in [*first, mask])  # they are of the former data
    assert {layer.data.shape for layer in second} == {(40, 50)}
    assert masks()[-1].data[35, 45] == pytest.approx(1)


def test_each_foreground_layer_has_its_mask(viewer, panel, photo, masks):
    first, second = viewer.add_points(LEFT, name="a"), viewer.add_points(RIGHT, name="b")
    choose(panel, first)
    choose(panel, second)
    assert [mask.name for mask in masks()] == ["photo: mask of a", "photo: mask of b"]
    assert is_left(masks()[0].data)
    assert is_right(masks()[1].data)


def test_a_removed_mask_comes_back_with_the_next_stroke(viewer, panel, photo, masks):
    points = viewer.add_points(LEFT)
    choose(panel, points)
    viewer.layers.remove(masks()[0])
    points.data = RIGHT
    panel.settle()
    (mask,) = masks()
    assert is_right(mask.data)


def test_removing_the_strokes_or_the_photo_ends_it(viewer, panel, photo, masks, messages):
    points = viewer.add_points(LEFT)
    choose(panel, points)
    viewer.layers.remove(points)
    assert panel.widget.foreground.value is None
    points.data = RIGHT
    panel.settle()
    assert is_left(masks()[0].data)  # it stays as it was

    others = viewer.add_points(LEFT)
    choose(panel, others)
    viewer.layers.remove(photo)
    others.data = RIGHT
    panel.settle()
    assert not list(messages)


def test_before_the_image_is_segmented(viewer, panel, masks):
    photo = viewer.add_image(HALVES, name="photo")
    choose(panel, viewer.add_points(LEFT))
    assert panel.widget.hint.value == "Segment the image first."
    panel.segment(photo)
    panel.settle()
    assert is_left(masks()[0].data)
    assert panel.widget.hint.value.endswith("% of the image is selected.")


def test_a_stack_is_selected_frame_by_frame(viewer, panel, masks):
    results = Segmentation.of({(0,): RESULT, (1,): RESULT, (2,): RESULT})
    viewer.add_image(np.stack([HALVES] * 3), rgb=True, scale=(10, 1, 1), metadata={KEY: results})
    points = viewer.add_points([[0.0, 10, 5], [2.0, 10, 33]], scale=(10, 1, 1))
    viewer.dims.set_point(0, 0)
    choose(panel, points)
    (mask,) = masks()
    assert mask.data.shape == (3, 32, 40)
    assert is_left(mask.data[0])
    viewer.dims.set_point(0, 20)
    panel.settle()
    assert is_right(mask.data[2])
    viewer.dims.set_point(0, 10)  # where no point is
    panel.settle()
    assert not mask.data[1].any()
    assert is_left(mask.data[0])


def test_flat_strokes_are_for_whichever_frame_is_shown(viewer, panel, masks):
    results = Segmentation.of({(0,): RESULT, (1,): RESULT})
    viewer.add_image(np.stack([HALVES] * 2), rgb=True, metadata={KEY: results})
    viewer.dims.set_point(0, 0)
    choose(panel, viewer.add_points(LEFT, ndim=2))
    viewer.dims.set_point(0, 1)
    panel.settle()
    assert all(is_left(mask) for mask in masks()[0].data)


def test_a_frame_that_is_not_segmented(viewer, panel, masks):
    stack = viewer.add_image(np.stack([HALVES] * 3), rgb=True)
    viewer.dims.set_point(0, 1)
    panel.segment(stack, frames="current frame")
    points = viewer.add_points([[0.0, 10, 5], [1.0, 10, 5]])
    choose(panel, points)
    (mask,) = masks()
    assert mask.data.shape == (1, 32, 40)
    assert mask.data_to_world((0, 0, 0)) == pytest.approx((1, 0, 0))
    assert is_left(mask.data[0])
    viewer.dims.set_point(0, 0)
    panel.settle()
    assert panel.widget.hint.value == "This frame is not segmented."


def test_closing_the_panel_while_a_mask_is_computed(viewer, panel, photo, qtbot, monkeypatch):
    import threading

    begun, go_on = threading.Event(), threading.Event()

    def wait(*_, **__):
        begun.set()
        go_on.wait(60)
        return np.ones((32, 40), np.float32)

    monkeypatch.setattr("softseg_napari.selection.select", wait)
    points = viewer.add_points(LEFT)
    panel.widget.foreground.value = points
    panel.wait(begun.is_set)
    points.data = RIGHT  # waits
    qtbot.wait(30)
    panel.widget.shut_down()
    panel.widget.shut_down()  # twice is once
    go_on.set()
    qtbot.wait(100)
    assert not any(isinstance(known_of(layer), Mask) for layer in viewer.layers)
