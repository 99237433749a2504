"""Photos in: what is accepted, what it becomes, and one line for everything else."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from softseg.images import as_features, as_image, as_labels, eight_bits, shrink


@pytest.fixture
def photo(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def raises(kind: type[Exception], pattern: str) -> pytest.RaisesExc:
    """Expect an error whose message is one line, starts as ``pattern`` says, and so names the argument."""
    return pytest.raises(kind, match=rf"\A{pattern}[^\n]*\Z")


class TestAsImage:
    def test_bytes_are_divided_by_255(self, photo: np.ndarray) -> None:
        image = as_image(photo)
        assert image.dtype == np.float64
        np.testing.assert_array_equal(image, photo / 255)

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
    def test_floats_keep_their_values(self, photo: np.ndarray, dtype: type) -> None:
        floats = (photo / 255).astype(dtype)
        image = as_image(floats)
        assert image.dtype == np.float64
        np.testing.assert_array_equal(image, floats.astype(np.float64))

    @pytest.mark.parametrize("index", [np.s_[...], np.s_[..., None]])
    def test_greys_become_three_equal_channels(self, photo: np.ndarray, index: object) -> None:
        grey = photo[..., 0][index]  # type: ignore[index]
        np.testing.assert_array_equal(as_image(grey), np.stack([photo[..., 0] / 255] * 3, axis=2))

    def test_the_result_is_a_new_array(self) -> None:
        floats = np.zeros((3, 4, 3))
        image = as_image(floats)
        floats[:] = 1
        assert image.max() == 0

    def test_any_memory_order(self, photo: np.ndarray) -> None:
        image = as_image(np.asfortranarray(photo / 255)[::-1, ::2])
        assert image.flags.c_contiguous
        np.testing.assert_array_equal(image, (photo / 255)[::-1, ::2])

    def test_lists(self) -> None:
        assert as_image([[0.0, 0.5, 1.0]] * 3).shape == (3, 3, 3)

    @pytest.mark.parametrize("scale", [1, 1 / 255])
    def test_opaque_alpha_is_dropped_without_a_word(self, photo: np.ndarray, scale: float) -> None:
        opaque = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
        image = as_image(opaque if scale == 1 else opaque * scale)
        np.testing.assert_allclose(image, photo / 255, rtol=1e-15)

    def test_transparency_shows_white_with_a_warning_that_says_what_to_do(self, photo: np.ndarray) -> None:
        alpha = np.full(photo.shape[:2], 255, np.uint8)
        alpha[2, 3] = 0
        with pytest.warns(UserWarning, match=r"^image: 2\.9% of it is transparent .*white; background="):
            image = as_image(np.dstack([photo, alpha]))
        expected = photo / 255
        expected[2, 3] = 1
        np.testing.assert_array_equal(image, expected)

    @pytest.mark.parametrize(
        ("image", "kind", "message"),
        [
            (np.zeros(5), ValueError, r"image: expected shape .*got \(5,\)"),
            (np.zeros((3, 640, 480)), ValueError, r"image: expected shape .*got \(3, 640, 480\)"),
            (np.zeros((1, 5, 5, 3)), ValueError, r"image: expected shape .*got \(1, 5, 5, 3\)"),
            (np.zeros((5, 5, 5)), ValueError, r"image: expected shape .*got \(5, 5, 5\)"),
            (np.zeros((2, 9, 3)), ValueError, "image: expected at least 3x3 pixels .*got 2x9"),
            (np.zeros((9, 2)), ValueError, "image: expected at least 3x3 pixels .*got 9x2"),
            (np.zeros((0, 0, 3)), ValueError, "image: expected at least 3x3 pixels .*got 0x0"),
            (
                np.zeros((4, 4, 3), np.int64),
                TypeError,
                "image: expected uint8, or floats .*got int64.*white=",
            ),
            (np.zeros((4, 4, 3), bool), TypeError, "image: .*got bool"),
            (np.zeros((4, 4, 3), complex), TypeError, "image: .*got complex128"),
            (np.full((4, 4, 3), "a"), TypeError, "image: .*got <U1"),
            (np.full((4, 4, 3), np.nan), ValueError, "image: expected finite values"),
            (np.full((4, 4, 3), -np.inf), ValueError, "image: expected finite values"),
            (np.full((4, 4, 3), 255.0), ValueError, r"image: expected floats in \[0, 1\], .*255"),
            (np.full((4, 4, 3), -0.5), ValueError, r"image: expected floats in \[0, 1\], .*-0\.5"),
            ([[0.0, 1.0], [0.0]], ValueError, "image: expected an array, got a ragged list"),
            (None, TypeError, "image: expected .*an array, got NoneType"),
            (7, TypeError, "image: expected .*an array, got int"),
            (b"photo.jpg", TypeError, "image: expected .*an array, got bytes"),
        ],
    )
    def test_bad_arrays(self, image: object, kind: type[Exception], message: str) -> None:
        with raises(kind, message):
            as_image(image)

    def test_one_bad_value_is_enough(self, photo: np.ndarray) -> None:
        for bad in (np.nan, np.inf, 1.01):
            floats = photo / 255
            floats[4, 6, 2] = bad
            with raises(ValueError, "image: "):
                as_image(floats)


class TestFiles:
    def test_path_string_and_opened_image_are_the_same(self, tmp_path: Path, photo: np.ndarray) -> None:
        path = tmp_path / "photo.png"
        Image.fromarray(photo).save(path)
        for image in (path, str(path), Image.open(path), Image.fromarray(photo)):
            np.testing.assert_array_equal(as_image(image), photo / 255)

    # Where the stored pixel (row 0, column 0) is seen in a photo of 16x32 stored pixels, by EXIF orientation.
    @pytest.mark.parametrize(
        ("orientation", "upright"),
        [
            (1, lambda stored: stored),
            (2, lambda stored: stored[:, ::-1]),
            (3, lambda stored: stored[::-1, ::-1]),
            (4, lambda stored: stored[::-1]),
            (5, lambda stored: stored.swapaxes(0, 1)),
            (6, lambda stored: np.rot90(stored, -1)),
            (7, lambda stored: stored[::-1, ::-1].swapaxes(0, 1)),
            (8, lambda stored: np.rot90(stored)),
        ],
    )
    def test_exif_orientation_is_applied(
        self, tmp_path: Path, orientation: int, upright: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        stored = np.zeros((16, 32, 3), np.uint8)
        stored[:8, :16] = 250  # one bright corner, so that all eight orientations differ with the shape
        stored[:8, 16:] = 100
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / "photo.jpg"
        Image.fromarray(stored).save(path, exif=exif, quality=95)
        # Blocks of 8x8 constant pixels survive JPEG to within its rounding of a few levels.
        np.testing.assert_allclose(as_image(path), upright(stored) / 255, atol=4 / 255)

    @pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "HSV"])
    def test_other_modes_are_converted_as_pillow_does(self, photo: np.ndarray, mode: str) -> None:
        image = Image.fromarray(photo).convert(mode)
        np.testing.assert_array_equal(as_image(image), np.asarray(image.convert("RGB")) / 255)

    def test_sixteen_bit_greys_keep_their_precision(self, tmp_path: Path, rng: np.random.Generator) -> None:
        greys = rng.integers(0, 65536, (4, 6), dtype=np.uint16)
        path = tmp_path / "grey.png"
        Image.fromarray(greys).save(path)
        np.testing.assert_array_equal(as_image(path), np.stack([greys / 65535] * 3, axis=2))

    def test_float_greys(self, tmp_path: Path, rng: np.random.Generator) -> None:
        greys = rng.random((4, 6), dtype=np.float32)
        path = tmp_path / "grey.tif"
        Image.fromarray(greys).save(path)
        np.testing.assert_array_equal(as_image(path)[..., 2], greys)

    @pytest.mark.parametrize("mode", ["RGBA", "LA"])
    def test_opaque_alpha(self, tmp_path: Path, photo: np.ndarray, mode: str) -> None:
        path = tmp_path / "opaque.png"
        Image.fromarray(photo).convert(mode).save(path)
        image = as_image(path)
        np.testing.assert_array_equal(image, np.asarray(Image.open(path).convert("RGB")) / 255)

    def test_transparent_palette(self, tmp_path: Path, photo: np.ndarray) -> None:
        path = tmp_path / "transparent.gif"
        palette = Image.fromarray(photo).convert("P")
        palette.save(path, transparency=palette.getpixel((3, 2)))
        with pytest.warns(UserWarning, match="image: .* transparent"):
            image = as_image(path)
        np.testing.assert_array_equal(image[2, 3], 1)

    def test_no_such_file(self, tmp_path: Path) -> None:
        with raises(FileNotFoundError, f"image: no such file: {re.escape(str(tmp_path / 'no.jpg'))}"):
            as_image(tmp_path / "no.jpg")

    def test_not_an_image(self, tmp_path: Path) -> None:
        path = tmp_path / "text.jpg"
        path.write_text("not an image\nat all")
        with raises(ValueError, "image: expected an image file .*text.jpg"):
            as_image(path)

    def test_a_folder(self, tmp_path: Path) -> None:
        with raises(IsADirectoryError, "image: expected a file, got a folder"):
            as_image(tmp_path)

    def test_a_file_cut_short(self, tmp_path: Path, rng: np.random.Generator) -> None:
        path = tmp_path / "cut.png"
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:3000])
        with raises(ValueError, "image: cannot read .*cut.png"):
            as_image(path)

    def test_too_many_pixels_for_pillow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "large.png"
        Image.new("RGB", (50, 50)).save(path)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        with raises(ValueError, "image: cannot read .*large.png: 50x50 pixels .*--max-pixels 2500"):
            as_image(path)


class TestAsFeatures:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (np.float16, np.float32),
            (np.float32, np.float32),
            (np.float64, np.float64),
            (np.int32, np.float64),
            (np.uint16, np.float64),
        ],
    )
    def test_values_are_kept(self, rng: np.random.Generator, given: type, expected: type) -> None:
        values = (100 * rng.random((4, 6, 5))).astype(given)
        features = as_features(values, (4, 6))
        assert features.dtype == expected
        np.testing.assert_array_equal(features, values)
        assert not np.shares_memory(features, values)

    def test_bytes_are_divided_by_255(self, photo: np.ndarray) -> None:
        np.testing.assert_array_equal(as_features(photo, (5, 7)), photo / 255)

    def test_rank_two_is_one_channel(self) -> None:
        assert as_features(np.zeros((4, 6)), (4, 6)).shape == (4, 6, 1)

    def test_larger_map_shrinks_to_means(self) -> None:
        ramp = np.broadcast_to(np.linspace(0, 1, 64)[:, None, None], (64, 96, 2))
        features = as_features(ramp, (16, 24))
        assert features.shape == (16, 24, 2)
        # A ramp's local means are the ramp at the blocks' centres; the two rows at each edge see its end.
        np.testing.assert_allclose(
            features[2:-2, :, 0], ramp.reshape(16, 4, 96, 2).mean(1)[2:-2, :24, 0], atol=1e-3
        )

    def test_smaller_map_grows_about_pixel_centres(self) -> None:
        columns = np.arange(6.0)[None, :, None].repeat(4, axis=0)
        features = as_features(columns, (8, 12))
        # Pixel x of the double size lies at (x + 0.5) / 2 - 0.5 of the original; the outermost replicate.
        expected = np.clip((np.arange(12) + 0.5) / 2 - 0.5, 0, 5)
        np.testing.assert_allclose(features[3, :, 0], expected, atol=1e-12)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_resizing_stays_within_the_range(self, rng: np.random.Generator, dtype: type) -> None:
        hard = rng.integers(0, 2, (60, 40, 3)).astype(dtype)
        for shape in ((30, 20), (90, 60), (6, 4)):
            features = as_features(hard, shape)
            assert features.dtype == dtype
            assert features.min() >= 0
            assert features.max() <= 1

    @pytest.mark.parametrize("image", [(480, 640), (641, 481), (375, 500), (101, 333), (333, 100)])
    @pytest.mark.parametrize("stride", [2, 3, 7, 8])
    @pytest.mark.parametrize("rounding", [np.floor, np.ceil, np.round])
    def test_any_rounding_of_a_scaled_size_is_accepted(
        self, image: tuple[int, int], stride: int, rounding: Callable[[float], float]
    ) -> None:
        h, w = (int(rounding(size / stride)) for size in image)
        assert as_features(np.zeros((h, w, 1), np.float32), image).shape == (*image, 1)

    @pytest.mark.parametrize("size", [(60, 82), (63, 80), (640, 480), (480, 480), (480, 642)])
    def test_another_aspect_ratio(self, size: tuple[int, int]) -> None:
        with raises(ValueError, f"features: expected the image's size 480x640, .*got {size[0]}x{size[1]}"):
            as_features(np.zeros((*size, 3)), (480, 640))

    @pytest.mark.parametrize(
        ("features", "kind", "message"),
        [
            (np.zeros(24), ValueError, r"features: expected shape \(H, W, C\) .*got \(24,\)"),
            (np.zeros((1, 4, 6, 3)), ValueError, r"features: expected shape .*got \(1, 4, 6, 3\)"),
            (np.zeros((4, 6, 0)), ValueError, r"features: expected shape .*got \(4, 6, 0\)"),
            (np.zeros((4, 6, 3), bool), TypeError, "features: expected floats or integers, got bool"),
            (
                np.zeros((4, 6, 3), complex),
                TypeError,
                "features: expected floats or integers, got complex128",
            ),
            (np.full((4, 6, 3), np.nan), ValueError, "features: expected finite values"),
            (np.full((4, 6, 3), np.inf, np.float16), ValueError, "features: expected finite values"),
            ("features", TypeError, "features: expected an array, got str"),
            (None, TypeError, "features: expected an array, got NoneType"),
            ([[1.0], [1.0, 2.0]], ValueError, "features: expected an array, got a ragged list"),
        ],
    )
    def test_bad_features(self, features: object, kind: type[Exception], message: str) -> None:
        with raises(kind, message):
            as_features(features, (4, 6))


class TestAsLabels:
    @pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
    def test_numbered_in_order_of_value(self, dtype: type) -> None:
        labels = np.array([[9, 2, 9], [100, 2, 0]], dtype)
        numbered = as_labels(labels, (2, 3))
        assert numbered.dtype == np.int64
        np.testing.assert_array_equal(numbered, [[2, 1, 2], [3, 1, 0]])

    def test_negative_and_huge_labels(self) -> None:
        labels = np.array([[2**62, -5], [-(2**62), 0]])
        np.testing.assert_array_equal(as_labels(labels, (2, 2)), [[3, 1], [0, 2]])

    def test_the_result_is_a_new_array(self) -> None:
        labels = np.arange(6).reshape(2, 3)
        assert not np.shares_memory(as_labels(labels, (2, 3)), labels)

    @pytest.mark.parametrize(
        ("labels", "kind", "message"),
        [
            (np.zeros((3, 2), int), ValueError, r"superpixels: expected shape \(2, 3\).*got \(3, 2\)"),
            (np.zeros(6, int), ValueError, r"superpixels: expected shape \(2, 3\).*got \(6,\)"),
            (np.zeros((2, 3, 1), int), ValueError, r"superpixels: expected shape \(2, 3\)"),
            (np.zeros((2, 3)), TypeError, "superpixels: expected integer labels, got float64"),
            (np.zeros((2, 3), bool), TypeError, "superpixels: expected integer labels, got bool"),
            ("labels", TypeError, "superpixels: expected an array, got str"),
        ],
    )
    def test_bad_labels(self, labels: object, kind: type[Exception], message: str) -> None:
        with raises(kind, message):
            as_labels(labels, (2, 3))


class TestShrink:
    def test_small_enough_is_the_same_object(self) -> None:
        image = np.zeros((20, 30, 3))
        assert shrink(image, 600) is image

    @pytest.mark.parametrize("size", [(600, 800), (801, 599), (97, 1301)])
    def test_size_and_aspect_ratio(self, size: tuple[int, int]) -> None:
        h, w = shrink(np.zeros((*size, 3)), 10_000).shape[:2]
        assert h * w <= 10_000
        scale = np.sqrt(10_000 / (size[0] * size[1]))
        # Both sides are rounded down, by less than a pixel.
        assert 0 <= size[0] * scale - h < 1
        assert 0 <= size[1] * scale - w < 1

    def test_pixels_are_means_of_areas(self, rng: np.random.Generator) -> None:
        image = rng.random((24, 36, 3))
        small = shrink(image, 24 * 36 // 16)
        expected = image.reshape(6, 4, 9, 4, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(small, expected, atol=1e-6)  # Pillow averages in float32
        assert small.dtype == np.float64

    def test_no_halo_at_an_edge_and_nothing_beyond_the_range(self) -> None:
        image = np.zeros((50, 70, 3))
        image[:, 33:] = 1
        small = shrink(image, 700)
        assert small.min() == 0
        assert small.max() == 1
        assert (np.diff(small[..., 0], axis=1) >= 0).all()

    def test_never_thinner_than_a_window(self) -> None:
        assert shrink(np.zeros((3, 4000, 3)), 900).shape == (3, 4000, 3)
        assert shrink(np.zeros((6, 4000, 3)), 900).shape == (3, 2000, 3)

    @pytest.mark.parametrize("max_pixels", [8, 0, -100])
    def test_bad_max_pixels(self, max_pixels: int) -> None:
        with raises(ValueError, "max_pixels: expected an integer of at least 9"):
            shrink(np.zeros((20, 20, 3)), max_pixels)


def test_eight_bits_rounds_to_the_nearest_and_inverts_as_image(photo: np.ndarray) -> None:
    np.testing.assert_array_equal(eight_bits(as_image(photo)), photo)
    np.testing.assert_array_equal(eight_bits(np.array([-1.0, 0.4 / 255, 0.6 / 255, 2.0])), [0, 0, 1, 255])


def test_nothing_is_warned_of_without_an_alpha_channel(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_image(tmp_path / "photo.png")
