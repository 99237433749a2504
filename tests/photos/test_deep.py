"""JPEG 2000 and PPM of more than 8 bits."""

from __future__ import annotations

import io
import warnings

import imagecodecs
import numpy as np
import pytest

from softseg import read_photo


@pytest.fixture
def levels(rng: np.random.Generator) -> np.ndarray:
    deep = rng.integers(0, 65536, (6, 7, 4), dtype=np.uint16)
    deep[0, 0] = 65535
    return deep


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
