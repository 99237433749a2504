"""The contact sheet: everything on it, large enough, in colors that can be told apart."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from softseg.layers import sheet as module
from softseg.layers.arrangement import PALETTE
from softseg.layers.sheet import contact_sheet

Make = Callable[[int, int, int], SimpleNamespace]


def placed(sheet: Image.Image, picture: np.ndarray) -> int:
    """Count the places where a picture stands on a sheet, pixel for pixel."""
    height, width = picture.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(sheet), (height, width), axis=(0, 1))
    corners = np.argwhere((windows[..., 0, 0] == picture[0, 0]).all(axis=-1))
    return sum(np.array_equal(np.moveaxis(windows[y, x], 0, 2), picture) for y, x in corners)


@pytest.mark.parametrize(
    ("height", "width", "count"),
    [(60, 80, 1), (60, 80, 5), (80, 60, 5), (64, 64, 8), (90, 60, 8), (64, 64, 13), (24, 32, 5), (3, 90, 4)],
)
def test_fits_a_page_without_wasting_it(make_result: Make, height: int, width: int, count: int) -> None:
    sheet = contact_sheet(make_result(height, width, count))
    assert sheet.mode == "RGB"
    assert sheet.width <= module.WIDTH
    assert sheet.height <= module.HEIGHT
    assert sheet.width > 0.8 * module.WIDTH or sheet.height > 0.8 * module.HEIGHT


def test_extreme_photos(make_result: Make) -> None:
    for size in ((4, 400), (400, 4)):
        sheet = contact_sheet(make_result(*size, 7))
        assert sheet.width <= module.WIDTH
        assert sheet.height <= module.HEIGHT


@pytest.mark.parametrize(("height", "width"), [(60, 80), (80, 60)])
def test_panels_show_the_arrays(make_result: Make, height: int, width: int) -> None:
    result = make_result(height, width, 2)
    _, size = module._arrange_panels(5, width / height)
    sheet = contact_sheet(result)
    colors = PALETTE[:2] / 255
    pictures = [result.image, result.features, result.alphas @ colors]
    pictures += [np.repeat(result.alphas[..., k, None], 3, axis=2) for k in range(2)]
    for picture in pictures:
        drawn = Image.fromarray(np.round(picture * 255).astype(np.uint8)).resize(
            size, Image.Resampling.BICUBIC
        )
        assert placed(sheet, np.asarray(drawn)) == 1


def test_hard_layers_have_exactly_their_colors(make_result: Make) -> None:
    result = make_result(30, 40, 12)
    owner = np.arange(30 * 40).reshape(30, 40) // 100
    result.alphas = np.eye(12, dtype=np.float32)[owner]
    pixels = {tuple(pixel) for pixel in np.asarray(contact_sheet(result)).reshape(-1, 3).tolist()}
    assert {tuple(color) for color in PALETTE.tolist()} <= pixels


def test_layers_can_be_named(make_result: Make) -> None:
    result = make_result(30, 40, 2)
    np.testing.assert_array_equal(contact_sheet(result, ["layer 1", "layer 2"]), contact_sheet(result))
    assert not np.array_equal(contact_sheet(result, ["sky", "sea"]), contact_sheet(result))
