"""The object that a photo is read into, and everything that takes it."""

from __future__ import annotations

import numpy as np
import pytest

from softseg import LayerStack, Photo, Scene, read_photo
from softseg.features import extract
from softseg.images import as_image


def test_it_cannot_be_changed(rng: np.random.Generator) -> None:
    values = rng.random((4, 5, 3))
    photo = Photo(values)
    values[:] = 0
    assert photo.pixels.max() > 0
    with pytest.raises(ValueError, match="read-only"):
        photo.pixels[:] = 0


def test_it_is_taken_without_a_copy(rng: np.random.Generator) -> None:
    photo = read_photo(rng.random((4, 5, 3)))
    assert as_image(photo) is photo.pixels
    assert read_photo(photo) is photo
    assert Scene(photo).image.base is photo.pixels


def test_it_is_an_array_for_others(rng: np.random.Generator) -> None:
    photo = read_photo(rng.random((4, 5, 3)))
    np.testing.assert_array_equal(np.asarray(photo), photo.pixels)
    assert np.asarray(photo, dtype=np.float32).dtype == np.float32
    assert photo.shape == (4, 5, 3)


def test_other_functions_take_it(rng: np.random.Generator) -> None:
    photo = read_photo(rng.random((12, 15, 3)))
    assert extract(photo, "low-level").shape[:2] == (12, 15)
    stack = LayerStack(photo.pixels, np.ones((12, 15, 1), dtype=np.float32))
    np.testing.assert_allclose(stack.composite(photo, layers=[]), photo.pixels, atol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((np.zeros((2, 5, 3)),), ValueError, "pixels: expected shape .* at least 3x3"),
        ((np.full((4, 5, 3), 2.0),), ValueError, r"pixels: expected floats in \[0, 1\]"),
        ((np.full((4, 5, 3), np.nan),), ValueError, r"pixels: expected floats in \[0, 1\]"),
    ],
)
def test_bad_parts(arguments: tuple, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{message}"):
        Photo(*arguments)


def test_options_are_for_what_is_not_read_yet() -> None:
    photo = read_photo(np.zeros((4, 5)))
    for options in ({"frame": 0}, {"white": 1}, {"channels": 0}, {"background": "white"}, {"max_pixels": 9}):
        with pytest.raises(ValueError, match=r"^source: it is read already: "):
            read_photo(photo, **options)
