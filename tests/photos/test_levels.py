"""Which level is white, and what may lie outside [0, 1]."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

from softseg import read_photo
from softseg.images import as_image


class TestIntegers:
    def test_sixteen_bits_are_divided_by_65535(self, rng: np.random.Generator) -> None:
        levels = rng.integers(0, 65536, (4, 5, 3), dtype=np.uint16)
        levels[0, 0] = 65535
        np.testing.assert_array_equal(as_image(levels), levels / 65535)

    @pytest.mark.parametrize(
        ("most", "white"), [(4095, 4095), (3000, 4095), (255, 255), (9, 255), (16383, 16383)]
    )
    def test_few_bits_are_asked_about_once(self, most: int, white: int) -> None:
        levels = np.full((4, 5), most, dtype=np.uint16)
        with pytest.warns(
            UserWarning, match=f"^image: level 65535 was .*white={white}\\) or --white {white}"
        ) as seen:
            image = as_image(levels)
        assert len(seen) == 1
        np.testing.assert_array_equal(image, most / 65535)

    @pytest.mark.parametrize("most", [0, 16384, 65535])
    def test_nothing_is_asked_of_black_or_bright_photos(self, most: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            as_image(np.full((4, 5), most, dtype=np.uint16))

    @pytest.mark.parametrize(
        "dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.float32]
    )
    def test_white_is_the_level_of_one(self, dtype: type) -> None:
        levels = np.array([[0, 50, 100]] * 3, dtype=dtype)
        photo = read_photo(levels, white=100)
        np.testing.assert_array_equal(photo.pixels[0, :, 1], [0, 0.5, 1])

    @pytest.mark.parametrize("dtype", [np.float16, np.float32])
    def test_short_floats_are_divided_in_full_precision(self, dtype: type) -> None:
        levels = np.array([[1, 7, 255]] * 3, dtype=dtype)
        np.testing.assert_array_equal(read_photo(levels, white=255).pixels[0, :, 0], [1 / 255, 7 / 255, 1])

    def test_levels_above_white_or_below_zero(self) -> None:
        with pytest.raises(ValueError, match=r"^source: expected levels up to white, 99, got 100$"):
            read_photo(np.full((3, 3), 100), white=99)
        with pytest.raises(ValueError, match=r"^source: expected levels from 0 up, got -1 to -1: "):
            read_photo(np.full((3, 3), -1), white=99)

    @pytest.mark.parametrize(
        ("white", "kind"), [(0, ValueError), (-1, ValueError), (np.nan, ValueError), ("9", TypeError)]
    )
    def test_bad_white(self, white: object, kind: type[Exception]) -> None:
        with pytest.raises(kind, match=r"^white: expected"):
            read_photo(np.zeros((3, 3)), white=white)  # type: ignore[arg-type]

    def test_opacity_has_the_colors_scale_or_its_own(self) -> None:
        levels = np.full((3, 3, 2), 4095, dtype=np.uint16)
        levels[0, 0, 1] = 0
        for full in (4095, 65535):
            levels[1:, :, 1] = full
            levels[0, 1:, 1] = full
            photo = read_photo(levels, white=4095, background="layer")
            np.testing.assert_array_equal(photo.opacity, np.where(np.arange(9) == 0, 0, 1).reshape(3, 3))

    @pytest.mark.parametrize(
        ("dtype", "half", "white", "full"),
        [
            (np.uint8, 51, 200, 255),
            (np.float32, 0.2, 200, 1),
            (np.float32, 40, 200, 200),
            (np.uint16, 40, 200, 200),
        ],
    )
    def test_opacity_of_other_types(self, dtype: type, half: float, white: float, full: float) -> None:
        levels = np.full((3, 3, 2), half, dtype=dtype)
        opacity = read_photo(levels, white=white, background="layer").opacity
        np.testing.assert_array_equal(opacity, np.float32(np.dtype(dtype).type(half) / full))


class TestFloats:
    @pytest.mark.parametrize(
        ("dtype", "beyond"),
        [(np.float64, 1e-7), (np.float32, 5e-7), (np.float16, 9e-4), (np.longdouble, 1e-7)],
    )
    def test_rounding_is_clipped_without_a_word(self, dtype: type, beyond: float) -> None:
        values = np.array([[-beyond, 0.5, 1 + beyond]] * 3).astype(dtype)
        assert values.max() > 1
        np.testing.assert_array_equal(as_image(values)[0, :, 0], [0, 0.5, 1])

    @pytest.mark.parametrize(
        ("dtype", "beyond"), [(np.float64, 1e-4), (np.float32, 1e-4), (np.float16, 0.01)]
    )
    def test_more_is_refused(self, dtype: type, beyond: float) -> None:
        for value in (-beyond, 1 + beyond):
            with pytest.raises(
                ValueError, match=re.escape("image: expected floats in [0, 1], got values from")
            ):
                as_image(np.full((3, 3), value, dtype=dtype))

    def test_the_message_offers_white(self) -> None:
        with pytest.raises(ValueError, match=r"got values from 200 to 200; read_photo.*white="):
            as_image(np.full((3, 3), 200.0))
