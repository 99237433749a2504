"""PNG, JPEG 2000 and PPM of more than 8 bits."""

from __future__ import annotations

import io
import struct
import warnings

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from tests.photos.making import png

from softseg import read_photo


@pytest.fixture
def levels(rng: np.random.Generator) -> np.ndarray:
    deep = rng.integers(0, 65536, (6, 7, 4), dtype=np.uint16)
    deep[0, 0] = 65535
    return deep


class TestPng:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_all_levels_are_kept(self, levels: np.ndarray, channels: int) -> None:
        stored = levels[:, :, :channels]
        pixels = read_photo(png(stored.squeeze())).pixels
        np.testing.assert_array_equal(pixels, np.broadcast_to(stored / 65535, pixels.shape))

    @pytest.mark.parametrize("channels", [2, 4])
    def test_so_is_the_opacity(self, levels: np.ndarray, channels: int) -> None:
        stored = levels[:, :, -channels:] / 65535
        photo = read_photo(png(levels[:, :, -channels:]), background="layer")
        np.testing.assert_array_equal(photo.opacity, stored[:, :, -1].astype(np.float32))
        # Up to the rounding of an opacity of single precision.
        over_white = stored[:, :, -1:] * stored[:, :, :-1] + 1 - stored[:, :, -1:]
        np.testing.assert_allclose(photo.pixels, np.broadcast_to(over_white, photo.shape), atol=1e-7)

    def test_a_transparent_color(self, levels: np.ndarray) -> None:
        colors = levels[:, :, :3]
        key = colors[2, 3].astype(">u2").tobytes()
        photo = read_photo(png(colors, (b"tRNS", key)), background="layer")
        assert photo.opacity is not None
        np.testing.assert_array_equal(np.argwhere(photo.opacity < 1), [[2, 3]])

    def test_twelve_significant_bits_as_they_are(self, levels: np.ndarray) -> None:
        stored = levels[:, :, :3] >> 4
        pixels = read_photo(png(stored, (b"sBIT", bytes([12, 12, 12])))).pixels
        np.testing.assert_array_equal(pixels, stored / 4095)

    def test_twelve_significant_bits_as_specified(self, levels: np.ndarray) -> None:
        few = levels[:, :, 0] >> 4
        stored = (few << 4) | (few >> 8)
        pixels = read_photo(png(stored, (b"sBIT", bytes([12])))).pixels
        np.testing.assert_array_equal(pixels[:, :, 0], stored / 65535)

    def test_without_a_word_of_bits_there_is_a_warning(self, levels: np.ndarray) -> None:
        stored = levels[:, :, 0] >> 4
        with pytest.warns(UserWarning, match="65535 was taken as white.*white=4095"):
            pixels = read_photo(png(stored)).pixels
        np.testing.assert_array_equal(pixels[:, :, 0], stored / 65535)
        np.testing.assert_array_equal(read_photo(png(stored), white=4095).pixels[:, :, 0], stored / 4095)

    def test_orientation(self, levels: np.ndarray) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        file = png(levels[:, :, :3], (b"eXIf", exif.tobytes()[6:]))
        np.testing.assert_array_equal(read_photo(file).pixels, np.rot90(levels[:, :, :3] / 65535, -1))


class TestOtherMarksOfColor:
    """PNG's gAMA, cHRM and sRGB."""

    @pytest.mark.parametrize("deep", [False, True])
    def test_light_is_not_taken_for_srgb(self, levels: np.ndarray, deep: bool) -> None:
        stored = levels[:, :, :3] if deep else (levels[:, :, :3] >> 8).astype(np.uint8)
        photo = read_photo(png(stored, (b"gAMA", struct.pack(">I", 100_000))))
        light = stored / (65535 if deep else 255)
        srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        # A level and a half of 8 bits, or lcms's curve, which is a table, in single precision.
        np.testing.assert_allclose(photo.pixels, srgb, atol=1e-4 if deep else 1.5 / 255)
        assert photo.profile is not None

    @pytest.mark.parametrize(
        "chunks",
        [
            [(b"gAMA", struct.pack(">I", 45455))],
            [(b"gAMA", struct.pack(">I", 45000))],
            [(b"gAMA", struct.pack(">I", 100_000)), (b"sRGB", b"\0")],
            [(b"cHRM", struct.pack(">8I", 31270, 32900, 21000, 71000, 30000, 60000, 15000, 6000))],
            [(b"gAMA", struct.pack(">I", 0))],
        ],
    )
    def test_what_is_srgb_or_says_too_little_stays(
        self, levels: np.ndarray, chunks: list[tuple[bytes, bytes]]
    ) -> None:
        stored = (levels[:, :, :3] >> 8).astype(np.uint8)
        np.testing.assert_array_equal(read_photo(png(stored, *chunks)).pixels, stored / 255)

    def test_wide_primaries(self) -> None:
        adobe = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
        file = png(
            np.full((4, 4, 3), (90, 200, 90), np.uint8), (b"cHRM", adobe), (b"gAMA", struct.pack(">I", 45455))
        )
        # Greener in sRGB than the numbers say: red leaves its range.
        red, green, _ = read_photo(file).pixels[0, 0]
        assert red < 0.01
        assert green > 200 / 255 - 0.02


class TestJpeg2000:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("codec", ["jp2", "j2k"])
    def test_all_bits_are_kept(self, levels: np.ndarray, channels: int, codec: str) -> None:
        stored = levels[:, :, :channels].squeeze()
        data = imagecodecs.jpeg2k_encode(stored, level=0, codecformat=codec, reversible=True, mct=False)
        pixels = read_photo(io.BytesIO(data)).pixels
        np.testing.assert_array_equal(pixels, np.broadcast_to(levels[:, :, :channels] / 65535, pixels.shape))

    def test_twelve_bits_say_that_they_are(self, levels: np.ndarray) -> None:
        stored = levels[:, :, 0] >> 4
        data = imagecodecs.jpeg2k_encode(stored, level=0, bitspersample=12, reversible=True)
        np.testing.assert_array_equal(read_photo(io.BytesIO(data)).pixels[:, :, 0], stored / 4095)

    def test_eight_bits(self, levels: np.ndarray) -> None:
        stored = (levels[:, :, :3] >> 8).astype(np.uint8)
        data = imagecodecs.jpeg2k_encode(stored, level=0, reversible=True)
        np.testing.assert_array_equal(read_photo(io.BytesIO(data)).pixels, stored / 255)


class TestNetpbm:
    @pytest.mark.parametrize("most", [65535, 4095, 300])
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("plain", [False, True])
    def test_all_levels_are_kept(
        self, rng: np.random.Generator, most: int, channels: int, plain: bool
    ) -> None:
        stored = rng.integers(0, most + 1, (5, 6, channels))
        kind = {1: (b"P5", b"P2"), 3: (b"P6", b"P3")}[channels][plain]
        header = kind + b"\n# a comment\n6 5\n%d\n" % most
        content = " ".join(map(str, stored.ravel())).encode() if plain else stored.astype(">u2").tobytes()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pixels = read_photo(io.BytesIO(header + content)).pixels
        np.testing.assert_array_equal(pixels, np.broadcast_to(stored / most, pixels.shape))

    def test_cut_short(self) -> None:
        with pytest.raises(ValueError, match="source: cannot read the image: it is cut short"):
            read_photo(io.BytesIO(b"P5 6 5 65535\n" + bytes(40)))
