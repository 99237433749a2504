"""Composites and edits against the sums they stand for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from softseg.layers import composite, edited
from softseg.result import SoftSegmentation

Make = Callable[[int, int, int], SoftSegmentation]


@pytest.fixture
def result(make_segmentation: Make) -> SoftSegmentation:
    return make_segmentation(12, 17, 4)


@pytest.fixture
def photo(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (12, 17, 3), dtype=np.uint8)


def mixed(result: SoftSegmentation, layers: list[int], background: Any) -> np.ndarray:
    """Return the composite by its definition, pixel by pixel."""
    image = np.empty(result.image.shape)
    behind = np.broadcast_to(background, image.shape)
    for y, x in np.ndindex(image.shape[:2]):
        alpha = result.alphas[y, x, layers].astype(float)
        image[y, x] = alpha @ result.colors[y, x, layers] + (1 - alpha.sum()) * behind[y, x]
    return image


class TestCompositeOverABackground:
    @pytest.mark.parametrize("layers", [[0], [3, 1], [0, 1, 2], []])
    def test_is_the_sum_of_what_covers_and_what_shows_through(
        self, result: SoftSegmentation, photo: np.ndarray, layers: list[int]
    ) -> None:
        image = result.composite(photo, layers)
        assert image.dtype == np.float32
        np.testing.assert_allclose(image, mixed(result, layers, photo / 255), atol=1e-6)

    def test_all_layers_are_the_photo_before_any_background(self, result: SoftSegmentation) -> None:
        np.testing.assert_allclose(result.composite((1, 0, 1)), result.image, atol=1e-5)

    def test_the_kinds_of_background(
        self, result: SoftSegmentation, photo: np.ndarray, tmp_path: Path
    ) -> None:
        path = tmp_path / "background.png"
        Image.fromarray(photo).save(path)
        expected = result.composite(photo, [2])
        for background in (path, str(path), Image.fromarray(photo), photo / 255, photo.tolist()):
            if isinstance(background, list):
                background = np.array(background, dtype=np.uint8)
            np.testing.assert_array_equal(result.composite(background, [2]), expected)

    @pytest.mark.parametrize(
        "color",
        [(1, 0.2, 0), [1, 0.2, 0], np.array([1, 0.2, 0]), np.array([255, 51, 0], dtype=np.uint8)],
    )
    def test_colors(self, result: SoftSegmentation, color: Any) -> None:
        np.testing.assert_allclose(
            result.composite(color, [2]), mixed(result, [2], (1, 0.2, 0)), rtol=0, atol=1e-6
        )

    def test_grays(self, result: SoftSegmentation, photo: np.ndarray) -> None:
        np.testing.assert_allclose(
            result.composite(photo[..., 0], [2]), mixed(result, [2], photo[..., :1] / 255), atol=1e-6
        )

    @pytest.mark.parametrize(
        ("background", "error", "said"),
        [
            (np.zeros((12, 16, 3)), ValueError, "background: expected the photo's size 12x17, got 12x16"),
            ((255, 0, 0), ValueError, "background: expected a color of three numbers in [0, 1], got (255"),
            ((0, 0, float("nan")), ValueError, "background: expected a color of three numbers in [0, 1]"),
            ((0, 0, 0, 1), ValueError, "background: expected shape"),
            ("no.png", FileNotFoundError, "background: no such file: no.png"),
            (3, TypeError, "background: expected an array, got int"),
            (np.zeros((12, 17, 3), int), TypeError, "background: expected uint8, or floats"),
        ],
    )
    def test_other_backgrounds_are_refused_in_a_line(
        self, result: SoftSegmentation, background: Any, error: type[Exception], said: str
    ) -> None:
        with pytest.raises(error) as caught:
            result.composite(background)
        assert str(caught.value).startswith(said)
        assert "\n" not in str(caught.value)


class TestCompositeOverNothing:
    def test_straight_colors_and_alpha(self, result: SoftSegmentation, photo: np.ndarray) -> None:
        layers = [1, 3]
        rgba = result.composite(layers=layers)
        alpha = result.alphas[..., layers].astype(float)
        np.testing.assert_allclose(rgba[..., 3], alpha.sum(axis=2), atol=1e-6)
        colors = (alpha[..., None] * result.colors[:, :, layers]).sum(axis=2) / alpha.sum(axis=2)[..., None]
        np.testing.assert_allclose(rgba[..., :3], colors, atol=1e-5)
        # Whoever puts it before a background gets the composite.
        over = rgba[..., 3:] * rgba[..., :3] + (1 - rgba[..., 3:]) * (photo / 255)
        np.testing.assert_allclose(over, result.composite(photo, layers), atol=1e-5)

    def test_all_layers_are_the_opaque_photo(self, result: SoftSegmentation) -> None:
        rgba = result.composite()
        np.testing.assert_allclose(rgba[..., 3], 1, atol=1e-5)
        np.testing.assert_allclose(rgba[..., :3], result.image, atol=1e-5)

    def test_colors_where_nothing_shows(self, make_segmentation: Make) -> None:
        result = make_segmentation(6, 8, 3)
        result.alphas[:] = [0, 0, 1]
        rgba = result.composite(layers=[0, 1])
        assert not rgba[..., 3].any()
        np.testing.assert_allclose(rgba[..., :3], result.colors[:, :, :2].mean(axis=2), atol=1e-6)

    def test_no_layers(self, result: SoftSegmentation) -> None:
        with np.errstate(all="raise"):
            assert not result.composite(layers=[]).any()


@pytest.mark.parametrize(
    ("layers", "error", "said"),
    [
        ([4], ValueError, "layers: expected an index from 0 to 3, got 4"),
        ([-1], ValueError, "layers: expected an index from 0 to 3, got -1"),
        ([1, 1], ValueError, "layers: expected each index once, got [1, 1]"),
        ([0.5], TypeError, "layers: expected an integer, got float"),
        ([True], TypeError, "layers: expected an integer, got bool"),
        (2, TypeError, "layers: expected a sequence of integers, got int"),
        ("12", TypeError, "layers: expected a sequence of integers, got str"),
    ],
)
@pytest.mark.usefixtures("unhooked")
def test_other_layers_are_refused(
    result: SoftSegmentation, layers: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        composite(result, layers=layers)
    assert str(caught.value) == said


@pytest.mark.usefixtures("unhooked")
def test_indices_of_numpy(result: SoftSegmentation) -> None:
    darkest_first = result.colors.mean(axis=(0, 1, 3)).argsort()
    np.testing.assert_array_equal(
        result.composite(layers=darkest_first[:2]), result.composite(layers=darkest_first[:2].tolist())
    )


class TestEdited:
    def test_changes_one_layer_where_it_is(self, result: SoftSegmentation) -> None:
        before = result.colors.copy()
        inverted = result.edit(2, lambda colors: 1 - colors)
        np.testing.assert_array_equal(inverted.colors[:, :, 2], 1 - before[:, :, 2])
        others = [0, 1, 3]
        np.testing.assert_array_equal(inverted.colors[:, :, others], before[:, :, others])
        change = result.alphas[..., 2, None] * (1 - 2 * before[:, :, 2])
        np.testing.assert_allclose(inverted.image, result.image + change, atol=1e-5)
        np.testing.assert_array_equal(inverted.alphas, result.alphas)
        np.testing.assert_array_equal(result.colors, before)

    def test_outside_of_the_layer_the_image_stays(self, make_segmentation: Make) -> None:
        result = make_segmentation(12, 18, 3)
        result.alphas[:, :9, 1] = 0
        result.alphas[:, :9] /= result.alphas[:, :9].sum(axis=2, keepdims=True)
        result = result.recolored(result.colors)
        red = result.edit(1, lambda colors: np.broadcast_to(np.float32([1, 0, 0]), colors.shape))
        np.testing.assert_array_equal(red.image[:, :9], result.image[:, :9])
        assert np.abs(red.image[:, 9:] - result.image[:, 9:]).max() > 0.1

    def test_what_the_function_is_given_is_its_own(self, result: SoftSegmentation) -> None:
        before = result.colors.copy()

        def black(colors: np.ndarray) -> np.ndarray:
            colors[:] = 0
            return colors

        assert not result.edit(0, black).colors[:, :, 0].any()
        np.testing.assert_array_equal(result.colors, before)

    def test_what_comes_back_may_be_too_bright_gray_or_8_bits(self, result: SoftSegmentation) -> None:
        layer = result.colors[:, :, 1]
        bright = result.edit(1, lambda colors: 3 * colors).colors[:, :, 1]
        np.testing.assert_array_equal(bright, np.minimum(3 * layer, 1))
        gray = result.edit(1, lambda colors: colors.mean(axis=2)).colors[:, :, 1]
        np.testing.assert_allclose(gray, np.repeat(layer.mean(axis=2)[..., None], 3, axis=2), atol=1e-6)
        eight = result.edit(1, lambda colors: np.full(colors.shape, 51, np.uint8)).colors[:, :, 1]
        np.testing.assert_allclose(eight, 0.2, atol=1e-6)

    def test_edits_of_edits(self, result: SoftSegmentation) -> None:
        twice = result.edit(0, lambda colors: 1 - colors).edit(0, lambda colors: 1 - colors)
        np.testing.assert_allclose(twice.image, result.image, atol=1e-5)

    @pytest.mark.parametrize(
        ("layer", "function", "error", "said"),
        [
            (4, lambda colors: colors, ValueError, "layer: expected an index from 0 to 3, got 4"),
            (1.0, lambda colors: colors, TypeError, "layer: expected an integer, got float"),
            (1, lambda colors: None, TypeError, "function: expected an array, got NoneType"),
            (
                1,
                lambda colors: colors[:, :-1],
                ValueError,
                "function: expected the photo's size 12x17, got 12x16",
            ),
            (1, lambda colors: colors * np.nan, ValueError, "function: expected finite values"),
            (1, lambda colors: np.full(colors.shape, 200), TypeError, "function: expected uint8, or floats"),
        ],
    )
    @pytest.mark.usefixtures("unhooked")
    def test_one_line_errors(
        self, result: SoftSegmentation, layer: Any, function: Any, error: type[Exception], said: str
    ) -> None:
        with pytest.raises(error) as caught:
            edited(result, layer, function)
        assert str(caught.value).startswith(said)
        assert "\n" not in str(caught.value)
