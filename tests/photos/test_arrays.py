"""Arrays of other kinds than NumPy's plain ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softseg import read_photo
from softseg.images import as_features, as_image, as_labels


class TestTensors:
    def test_gradients_are_left_behind(self, rng: np.random.Generator) -> None:
        values = rng.random((4, 5, 3), dtype=np.float32)
        tensor = torch.tensor(values, requires_grad=True)
        np.testing.assert_array_equal(as_image(tensor), values.astype(float))
        np.testing.assert_array_equal(as_features(tensor, (4, 5)), values)
        assert tensor.requires_grad

    def test_brain_floats(self) -> None:
        tensor = torch.full((4, 5), 0.5, dtype=torch.bfloat16)
        np.testing.assert_array_equal(as_image(tensor), 0.5)

    def test_channels_first_are_not_guessed(self) -> None:
        with pytest.raises(
            ValueError, match=r"^image: expected shape .*got \(3, 40, 50\) \(channels come last: "
        ):
            as_image(torch.zeros(3, 40, 50))


class TestMaskedArrays:
    @pytest.mark.parametrize("dtype", [np.uint8, np.float64])
    def test_what_is_masked_is_transparent(self, rng: np.random.Generator, dtype: type) -> None:
        values = rng.integers(0, 2, (4, 5, 3)).astype(dtype)
        values[1, 2] = 77 if dtype == np.uint8 else np.nan
        masked = np.ma.masked_array(values)
        masked[1, 2, 1] = np.ma.masked
        red = read_photo(masked, background="red").pixels
        np.testing.assert_array_equal(red[1, 2], [1, 0, 0])
        others = np.arange(20).reshape(4, 5) != 7
        np.testing.assert_array_equal(red[others], values[others] / (255 if dtype == np.uint8 else 1))
        with pytest.warns(UserWarning, match="transparent"):
            as_image(masked)

    def test_nothing_masked_is_a_plain_photo(self) -> None:
        assert as_image(np.ma.masked_array(np.zeros((4, 5)))).max() == 0

    def test_masks_of_grays_and_of_photos_with_an_opacity(self) -> None:
        grays = np.ma.masked_array(np.ones((4, 5)), mask=np.eye(4, 5, dtype=bool))
        np.testing.assert_array_equal(read_photo(grays, background="black").pixels[..., 2], 1 - np.eye(4, 5))
        both = np.ma.masked_array(np.ones((4, 5, 2)), mask=np.dstack([np.eye(4, 5, dtype=bool)] * 2))
        np.testing.assert_array_equal(read_photo(both, background="black").pixels[..., 0], 1 - np.eye(4, 5))

    def test_features_and_labels_must_be_whole(self) -> None:
        masked = np.ma.masked_array(np.ones((4, 5), int), mask=np.eye(4, 5, dtype=bool))
        with pytest.raises(ValueError, match=r"^features: expected an array without masked values; fill"):
            as_features(masked, (4, 5))
        with pytest.raises(ValueError, match=r"^superpixels: expected an array without masked values; fill"):
            as_labels(masked, (4, 5))


class Wrapped:
    """What other libraries have instead of arrays."""

    def __init__(self, values: object) -> None:
        self.values = values

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        if isinstance(self.values, Exception):
            raise self.values
        return np.asarray(self.values)


def test_anything_that_calls_itself_an_array() -> None:
    assert as_image(Wrapped(np.full((3, 4), 51, dtype=np.uint8)))[0, 0, 0] == 0.2
    with pytest.raises(TypeError, match=r"^image: expected an array, got Wrapped: not now$"):
        as_image(Wrapped(RuntimeError("not now")))


@pytest.mark.parametrize("channels", [2, 4])
def test_the_last_of_two_or_four_channels_is_the_opacity(channels: int) -> None:
    values = np.zeros((3, 4, channels))
    values[:2, :, -1] = 1
    image = read_photo(values, background=(0, 0.5, 1)).pixels
    np.testing.assert_array_equal(image[:2], 0)
    np.testing.assert_array_equal(image[2], [[0, 0.5, 1]] * 4)


def test_any_number_of_channels_if_some_are_chosen(rng: np.random.Generator) -> None:
    values = rng.random((4, 5, 7))
    np.testing.assert_array_equal(read_photo(values, channels=(6, 0, 3)).pixels, values[..., [6, 0, 3]])
    np.testing.assert_array_equal(read_photo(values, channels=5).pixels, values[..., [5, 5, 5]])
    np.testing.assert_array_equal(read_photo(values, channels=[5]).pixels, values[..., [5, 5, 5]])


@pytest.mark.parametrize(
    ("channels", "kind", "message"),
    [
        ((0, 1), ValueError, "channels: expected one or three of them, got 2"),
        ((0, 1, 7), ValueError, "channels: expected numbers from 0 to 6, got 7"),
        (-1, ValueError, "channels: expected an integer of at least 0, got -1"),
        ("012", TypeError, "channels: expected one or three integers, got str"),
        (1.5, TypeError, "channels: expected one or three integers, got float"),
        ((0, 1, 2.0), TypeError, "channels: expected an integer, got float"),
    ],
)
def test_bad_channels(channels: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{message}$"):
        read_photo(np.zeros((4, 5, 7)), channels=channels)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [">u2", "<u2", ">f4", ">f8"])
def test_either_order_of_bytes(rng: np.random.Generator, dtype: str) -> None:
    levels = rng.integers(0, 65536, (5, 6, 3), dtype=np.uint16)
    pixels = levels if "u" in dtype else levels / 65535
    expected = read_photo(pixels.astype(dtype[1:])).pixels
    np.testing.assert_array_equal(read_photo(pixels.astype(dtype)).pixels, expected)
