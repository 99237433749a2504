"""The scene: what it takes, what it derives, and what it refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest

from softseg import Scene
from softseg.features import get, preprocess
from softseg.testing.affinity import SUPERPIXELS, UGLY, means, representatives, touching

IMAGE = np.random.default_rng(2).random((6, 9, 3))
LABELS = np.arange(9)[None, :] // 3 + np.zeros((6, 1), int)


@pytest.mark.parametrize("superpixels", SUPERPIXELS)
def test_superpixels_in_slow_loops(superpixels: str) -> None:
    scene = Scene(IMAGE, superpixels=SUPERPIXELS[superpixels])
    assert scene.representative_pixels.tolist() == representatives(scene)
    assert {tuple(pair) for pair in scene.touching_superpixels.tolist()} == touching(scene)
    assert len(scene.touching_superpixels) == len(touching(scene))
    # Sums of up to 54 numbers in [0, 1], in another order.
    np.testing.assert_allclose(scene.superpixel_means(IMAGE), means(scene, IMAGE), rtol=0, atol=1e-14)


def test_labels_may_be_any_integers() -> None:
    plain = Scene(IMAGE, superpixels=LABELS)
    odd = Scene(IMAGE, superpixels=(1000 * LABELS - 1500).astype(np.int16))
    np.testing.assert_array_equal(odd.superpixels, plain.superpixels)
    np.testing.assert_array_equal(odd.representative_pixels, plain.representative_pixels)


def test_a_superpixel_may_be_in_pieces_and_its_centroid_outside_of_it() -> None:
    scene = Scene(IMAGE, superpixels=np.where(abs(np.arange(9) - 4) == 4, 1, 0) + np.zeros((6, 1), int))
    y, x = divmod(scene.representative_pixels[1], 9)
    assert x == 4
    assert scene.superpixels[y, x] == 0


def test_entries_of_superpixels_with_one_centroid_add_up() -> None:
    scene = Scene(IMAGE[:5], superpixels=abs(np.arange(5) - 2)[:, None] + np.zeros((1, 9), int))
    assert len(set(scene.representative_pixels.tolist())) == 1
    matrix = scene.superpixel_matrix(np.array([0, 0]), np.array([1, 2]), np.array([0.5, -2.0]))
    pixel = scene.representative_pixels[0]
    assert matrix.nnz == 1
    assert matrix[pixel, pixel] == 2 * (0.5 - 2.0)


@pytest.mark.parametrize(("shape", "most"), [((3, 3), 1), ((3, 40), 13), ((30, 20), 66), ((60, 50), 100)])
def test_slic_makes_no_more_superpixels_than_nine_pixels_each_allow(
    shape: tuple[int, int], most: int
) -> None:
    image = np.random.default_rng(0).random((*shape, 3))
    labels = Scene(image, n_superpixels=100).superpixels
    assert labels.shape == shape
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert labels.max() < 1.5 * most + 1  # SLIC rounds its grid
    assert labels.max() + 1 >= most / 4


@pytest.mark.parametrize("image", UGLY)
def test_everything_is_derived_on_ugly_images(image: str) -> None:
    scene = Scene(UGLY[image])
    assert scene.shape == (6, 9)
    assert scene.features.shape == (6, 9, 3)
    assert 0 <= scene.features.min() <= scene.features.max() <= 1
    assert scene.superpixels.shape == (6, 9)
    assert np.isfinite(scene.superpixel_means(scene.features)).all()
    assert ((0 <= scene.representative_pixels) & (scene.representative_pixels < 54)).all()


def test_default_features_are_those_of_the_default_extractor() -> None:
    np.testing.assert_array_equal(Scene(IMAGE).features, preprocess(get("default").extract(IMAGE), IMAGE))


def test_three_channels_are_taken_as_preprocessed_and_others_are_preprocessed() -> None:
    raw = np.random.default_rng(1).normal(size=(6, 9, 7))
    np.testing.assert_array_equal(Scene(IMAGE, raw).features, preprocess(raw, IMAGE))
    np.testing.assert_array_equal(Scene(IMAGE, IMAGE[::-1]).features, IMAGE[::-1])


def test_nothing_can_be_changed() -> None:
    labels, features = LABELS.copy(), IMAGE.copy()
    scene = Scene(IMAGE, features, labels)
    for name in ("image", "features", "superpixels", "representative_pixels", "touching_superpixels"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(scene, name)[0] = 0
    assert labels.flags.writeable
    assert features.flags.writeable
    assert IMAGE.flags.writeable


def test_what_the_caller_changes_later_does_not_matter() -> None:
    image, features, labels = IMAGE.copy(), IMAGE.copy(), LABELS.copy()
    scene = Scene(image, features, labels)
    for array in (image, features, labels):
        array[:] = 0
    np.testing.assert_array_equal(scene.image, IMAGE)
    np.testing.assert_array_equal(scene.features, IMAGE)
    np.testing.assert_array_equal(scene.superpixels, LABELS)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"image": IMAGE[:2]}, ValueError, "image: expected at least 3x3 pixels"),
        ({"image": IMAGE + 1}, ValueError, "image: expected floats in [0, 1]"),
        ({"features": IMAGE[:, :5]}, ValueError, "features: expected the image's size 6x9"),
        ({"features": IMAGE - 0.5}, ValueError, "features: three channels are taken as preprocessed"),
        ({"features": IMAGE * np.nan}, ValueError, "features: expected finite values"),
        ({"superpixels": LABELS.T}, ValueError, "superpixels: expected shape (6, 9)"),
        ({"superpixels": LABELS / 2}, TypeError, "superpixels: expected integer labels"),
        ({"n_superpixels": 0}, ValueError, "n_superpixels: expected an integer of at least 1"),
        ({"n_superpixels": 9.5}, TypeError, "n_superpixels: expected an integer"),
    ],
)
@pytest.mark.usefixtures("unhooked")
def test_bad_arguments_are_named(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"\A{re.escape(message)}[^\n]*\Z"):
        Scene(**{"image": IMAGE, **arguments})


def test_repr_says_width_by_height() -> None:
    assert repr(Scene(IMAGE)) == "<Scene: 9x6 pixels>"
