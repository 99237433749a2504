"""The contact sheet: everything on it, large enough, in colours that can be told apart."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from softseg.layers import sheet as module
from softseg.layers.sheet import PALETTE, contact_sheet

Make = Callable[[int, int, int], SimpleNamespace]

# What a colour becomes, in linear RGB, for eyes without one kind of cone (Machado, Oliveira, Fernandes 2009).
EYES = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


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
    _, size = module._arrangement(5, width / height)
    sheet = contact_sheet(result)
    colours = PALETTE[:2] / 255
    pictures = [result.image, result.features, result.alphas @ colours]
    pictures += [np.repeat(result.alphas[..., k, None], 3, axis=2) for k in range(2)]
    for picture in pictures:
        drawn = Image.fromarray(np.round(picture * 255).astype(np.uint8)).resize(
            size, Image.Resampling.BICUBIC
        )
        assert placed(sheet, np.asarray(drawn)) == 1


def test_hard_layers_have_exactly_their_colours(make_result: Make) -> None:
    result = make_result(30, 40, 12)
    owner = np.arange(30 * 40).reshape(30, 40) // 100
    result.alphas = np.eye(12, dtype=np.float32)[owner]
    pixels = {tuple(pixel) for pixel in np.asarray(contact_sheet(result)).reshape(-1, 3).tolist()}
    assert {tuple(colour) for colour in PALETTE.tolist()} <= pixels


@pytest.mark.parametrize("eye", EYES)
def test_colours_can_be_told_apart_by_any_eye(eye: str) -> None:
    linear = np.where(
        PALETTE / 255 <= 0.04045, PALETTE / 255 / 12.92, ((PALETTE / 255 + 0.055) / 1.055) ** 2.4
    )
    seen = np.clip(linear @ np.asarray(EYES[eye]).T, 0, 1)
    srgb = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(srgb[None])[0]
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 1e9 * np.eye(len(lab))
    # In CIELAB a just noticeable difference is about 2.3; mixed and apart on the page it takes several.
    assert distance[:5, :5].min() > 24
    assert distance.min() > 18
