"""TIFF files: depths, compressions, channels, pages."""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.photos.making import saved, tiff

from softseg import read_photo
from softseg.images import as_image


@pytest.fixture
def levels(rng: np.random.Generator) -> np.ndarray:
    deep = rng.integers(0, 65536, (20, 30, 5), dtype=np.uint16)
    deep[0, 0] = 65535
    return deep


class TestDepths:
    @pytest.mark.parametrize(
        "dtype",
        [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float16, np.float32, np.float64],
    )
    @pytest.mark.parametrize("channels", [1, 3])
    def test_white_is_the_largest_level(self, rng: np.random.Generator, dtype: type, channels: int) -> None:
        full = 1 if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max
        stored = (rng.random((8, 9, channels)) * full).astype(dtype)
        stored[0, 0] = full
        pixels = read_photo(
            tiff(stored.squeeze(), photometric="rgb" if channels == 3 else "minisblack")
        ).pixels
        np.testing.assert_array_equal(pixels, np.broadcast_to(stored.astype(float) / full, pixels.shape))

    @pytest.mark.parametrize("bits", [10, 12, 14])
    def test_packed_bits(self, rng: np.random.Generator, bits: int) -> None:
        stored = rng.integers(0, 2**bits, (8, 9), dtype=np.uint16)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pixels = read_photo(tiff(stored, bitspersample=bits)).pixels
        np.testing.assert_array_equal(pixels[:, :, 0], stored / (2**bits - 1))

    def test_two_levels(self, rng: np.random.Generator) -> None:
        stored = rng.random((8, 9)) < 0.5
        for photometric in ("minisblack", "miniswhite"):
            pixels = read_photo(tiff(stored, photometric=photometric)).pixels
            np.testing.assert_array_equal(pixels[:, :, 0], stored ^ (photometric == "miniswhite"))

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
    def test_zero_is_white(self, levels: np.ndarray, dtype: type) -> None:
        full = 1 if dtype == np.float32 else np.iinfo(dtype).max
        stored = (levels[:, :, 0] / 65535 * full).astype(dtype)
        pixels = read_photo(tiff(stored, photometric="miniswhite")).pixels
        np.testing.assert_allclose(pixels[:, :, 0], 1 - stored / full, atol=1e-15)

    @pytest.mark.parametrize("tag", [281, 341])
    def test_the_largest_sample_that_the_file_names(self, levels: np.ndarray, tag: int) -> None:
        stored = levels[:, :, 0] >> 4
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pixels = read_photo(tiff(stored, extratags=[(tag, "H", 1, 4095, True)])).pixels
        np.testing.assert_array_equal(pixels[:, :, 0], stored / 4095)

    def test_one_that_levels_are_above_is_not_believed(self, levels: np.ndarray) -> None:
        file = tiff(levels[:, :, 0], extratags=[(281, "H", 1, 4095, True)])
        np.testing.assert_array_equal(read_photo(file).pixels[:, :, 0], levels[:, :, 0] / 65535)

    def test_without_it_there_is_a_warning(self, levels: np.ndarray) -> None:
        with pytest.warns(UserWarning, match=r"level 32767 was taken as white, .*white=4095"):
            pixels = read_photo(tiff((levels[:, :, 0] >> 4).astype(np.int16))).pixels
        np.testing.assert_array_equal(pixels[:, :, 0], (levels[:, :, 0] >> 4) / 32767)

    def test_negative_levels(self) -> None:
        with pytest.raises(ValueError, match="expected levels from 0 up, got -5 to -5"):
            read_photo(tiff(np.full((4, 5), -5, dtype=np.int16)))


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw"},
        {"compression": "zlib"},
        {"compression": "lzw", "predictor": True},
        {"compression": "zstd"},
        {"tile": (16, 16), "compression": "deflate"},
        {"byteorder": ">"},
        {"bigtiff": True, "byteorder": ">"},
        {"rowsperstrip": 3},
    ],
)
@pytest.mark.parametrize("separate", [False, True])
def test_how_pixels_are_stored(levels: np.ndarray, options: dict[str, Any], separate: bool) -> None:
    stored = levels[:, :, :3]
    if separate:
        file = tiff(np.moveaxis(stored, 2, 0), photometric="rgb", planarconfig="separate", **options)
    else:
        file = tiff(stored, photometric="rgb", **options)
    np.testing.assert_array_equal(read_photo(file).pixels, stored / 65535)


@pytest.mark.parametrize(
    "options", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg", "quality": 100}]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "CMYK", "YCbCr", "RGBA"])
def test_what_pillow_writes(rng: np.random.Generator, mode: str, options: dict[str, Any]) -> None:
    if options.get("compression") == "jpeg" and mode in ("P", "1", "RGBA"):
        pytest.skip("no such files")
    image = Image.fromarray(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)).convert(mode)
    file = saved(image, "TIFF", **options)
    expected = np.asarray(Image.open(file).convert("RGB")) / 255
    # JPEG's two decoders may round differently.
    tolerance = 4 / 255 if options.get("compression") == "jpeg" else 0
    np.testing.assert_allclose(read_photo(file).pixels, expected, atol=tolerance)


@pytest.mark.parametrize("bits", [8, 16])
def test_palettes(rng: np.random.Generator, bits: int) -> None:
    palette = rng.integers(0, 256, (3, 256), dtype=np.uint16)
    palette = palette * 257 if bits == 8 else palette * 256 + rng.integers(0, 256, (3, 256), dtype=np.uint16)
    indices = rng.integers(0, 256, (8, 9), dtype=np.uint8)
    pixels = read_photo(tiff(indices, photometric="palette", colormap=palette)).pixels
    np.testing.assert_array_equal(pixels, np.moveaxis(palette, 0, 1)[indices] / 65535)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(levels: np.ndarray, orientation: int) -> None:
    stored = levels[:, :, :3]
    turned = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.swapaxes(0, 1),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(stored),
    }[orientation]
    file = tiff(stored, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(read_photo(file).pixels, turned / 65535)


class TestOpacity:
    def test_straight(self, levels: np.ndarray) -> None:
        stored = levels[:, :, :4]
        photo = read_photo(tiff(stored, photometric="rgb", extrasamples=["unassalpha"]), background="black")
        unit = stored / 65535
        # The opacity is of single precision.
        np.testing.assert_allclose(photo.pixels, unit[:, :, :3] * unit[:, :, 3:], atol=1e-7)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_premultiplied(self, rng: np.random.Generator, dtype: type) -> None:
        full = np.iinfo(dtype).max
        colors, opacity = rng.random((8, 9, 3)), rng.random((8, 9, 1))
        opacity[2, 3], opacity[0, 0] = 0, 1
        stored = np.round(full * np.dstack([colors * opacity, opacity])).astype(dtype)
        file = tiff(stored, photometric="rgb", extrasamples=["assocalpha"])
        # Putting it over black gives what is stored; white shows where nothing is.
        np.testing.assert_allclose(
            read_photo(file, background="black").pixels, stored[:, :, :3] / full, atol=1e-6
        )
        white = read_photo(file, background="white").pixels
        np.testing.assert_allclose(white, stored[:, :, :3] / full + 1 - stored[:, :, 3:] / full, atol=1e-6)
        np.testing.assert_array_equal(white[2, 3], 1)

    def test_other_extra_samples_are_left_out(self, levels: np.ndarray) -> None:
        file = tiff(levels, photometric="rgb", extrasamples=["unspecified", "unspecified"])
        np.testing.assert_array_equal(read_photo(file).pixels, levels[:, :, :3] / 65535)
        chosen = read_photo(file, channels=(4, 1, 0)).pixels
        np.testing.assert_array_equal(chosen, levels[:, :, [4, 1, 0]] / 65535)

    def test_grays(self, levels: np.ndarray) -> None:
        file = tiff(
            levels[:, :, :2], photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"]
        )
        photo = read_photo(file, background="layer")
        np.testing.assert_array_equal(photo.opacity, (levels[:, :, 1] / 65535).astype(np.float32))


class TestFrames:
    def test_pages(self, levels: np.ndarray) -> None:
        file = tiff(np.moveaxis(levels, 2, 0), photometric="minisblack")
        with pytest.warns(
            UserWarning, match=r"^image: the first of its 5 frames was taken; .*--frame N .*0 to 4$"
        ):
            first = as_image(file)
        np.testing.assert_array_equal(first[..., 0], levels[:, :, 0] / 65535)
        for frame in range(5):
            np.testing.assert_array_equal(
                read_photo(file, frame=frame).pixels[..., 1], levels[:, :, frame] / 65535
            )
        with pytest.raises(ValueError, match=r"^source: there is no frame 5: the file has frames 0 to 4$"):
            read_photo(file, frame=5)

    def test_pages_of_other_sizes(self, levels: np.ndarray) -> None:
        pages = [Image.fromarray((levels[:n, :, :3] >> 8).astype(np.uint8)) for n in (9, 12, 15)]
        file = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
        assert [read_photo(file, frame=frame).shape[0] for frame in range(3)] == [9, 12, 15]

    def test_thumbnails_are_no_frames(self, levels: np.ndarray) -> None:
        file = io.BytesIO()
        with tifffile.TiffWriter(file) as writer:
            writer.write(levels[:10, :15, :3], photometric="rgb", subfiletype=1, metadata=None)
            writer.write(levels[:, :, :3], photometric="rgb", metadata=None)
        np.testing.assert_array_equal(as_image(file), levels[:, :, :3] / 65535)

    @pytest.mark.parametrize("axes", ["TZCYX", "CTYX", "ZCYX"])
    def test_stacks(self, rng: np.random.Generator, axes: str) -> None:
        sizes = {"T": 2, "Z": 3, "C": 3, "Y": 8, "X": 9}
        stack = rng.integers(20000, 65536, [sizes[axis] for axis in axes], dtype=np.uint16)
        file = tiff(stack, metadata={"axes": axes}, imagej=axes == "TZCYX", photometric="minisblack")
        last = np.moveaxis(stack, axes.index("C"), -1).reshape(-1, 8, 9, 3)
        for frame in (0, len(last) - 1, 1):
            np.testing.assert_array_equal(read_photo(file, frame=frame).pixels, last[frame] / 65535)
        with pytest.warns(UserWarning, match=f"the first of its {len(last)} frames"):
            as_image(file)


class TestChannels:
    @pytest.mark.parametrize("kind", ["imagej", "ome", "contiguous", "separate", "axes"])
    def test_five_must_be_chosen_from(self, levels: np.ndarray, kind: str) -> None:
        names = ["DAPI", "GFP", "RFP", "Cy5", "Phase"]
        planes = np.ascontiguousarray(np.moveaxis(levels, 2, 0))
        file = {
            "imagej": lambda: tiff(planes, imagej=True, metadata={"axes": "CYX", "Labels": names}),
            "ome": lambda: tiff(planes, ome=True, metadata={"axes": "CYX", "Channel": {"Name": names}}),
            "contiguous": lambda: tiff(levels, photometric="minisblack", planarconfig="contig"),
            "separate": lambda: tiff(planes, photometric="minisblack", planarconfig="separate"),
            "axes": lambda: tiff(planes, metadata={"axes": "CYX"}, photometric="minisblack"),
        }[kind]()
        shown = (
            "0 (DAPI), 1 (GFP), 2 (RFP), 3 (Cy5), 4 (Phase)" if kind in ("imagej", "ome") else "0, 1, 2, 3, 4"
        )
        message = f"image: expected a gray or color photo, got 5 channels: {shown}; choose"
        with pytest.raises(ValueError, match=f"^{re.escape(message)} .*--channels 0,1,2$"):
            as_image(file)
        chosen = read_photo(file, channels=(0, 2, 4)).pixels
        np.testing.assert_array_equal(chosen, levels[:, :, [0, 2, 4]] / 65535)
        np.testing.assert_array_equal(read_photo(file, channels=3).pixels[..., 0], levels[:, :, 3] / 65535)

    def test_three_are_colors(self, levels: np.ndarray) -> None:
        planes = np.ascontiguousarray(np.moveaxis(levels[:, :, :3], 2, 0))
        file = tiff(planes, imagej=True, metadata={"axes": "CYX"})
        np.testing.assert_array_equal(as_image(file), levels[:, :, :3] / 65535)


def test_raw_data_of_cameras() -> None:
    file = tiff(
        np.zeros((8, 8), np.uint16), photometric="cfa", extratags=[(50706, "B", 4, bytes([1, 4, 0, 0]), True)]
    )
    with pytest.raises(ValueError, match="got a camera's raw data: develop it first"):
        read_photo(file)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_damaged_files(levels: np.ndarray, compression: str | None) -> None:
    data = tiff(levels[:, :, :3], photometric="rgb", compression=compression).getvalue()
    with pytest.raises(ValueError, match=r"^source: cannot read the image: [^\n]+$"):
        read_photo(io.BytesIO(data[: len(data) // 2]))


def test_oddities_are_not_printed(capfd: pytest.CaptureFixture[str], levels: np.ndarray) -> None:
    data = bytearray(tiff(levels[:, :, :3], photometric="rgb").getvalue())
    at = data.index((273).to_bytes(2, "little") + (4).to_bytes(2, "little"))  # where its strips lie
    data[at : at + 2] = (64000).to_bytes(2, "little")
    with pytest.raises(ValueError, match="source: cannot read the image: "):
        read_photo(io.BytesIO(bytes(data)))
    assert capfd.readouterr().err == ""


class TestLab:
    def test_eight_bits(self) -> None:
        # L* 53.24, a* 80.09, b* 67.20 is sRGB's red under D65; a gray is the same under any white.
        stored = np.array([[[128, 0, 0], [255, 0, 0], [0, 0, 0]]] * 3, dtype=np.uint8)
        pixels = read_photo(tiff(stored, photometric="cielab")).pixels
        # L* 50.2 is 0.468 (IEC 61966-2-1); lcms's white differs in the fifth digit.
        np.testing.assert_allclose(pixels[0], [[0.468] * 3, [1] * 3, [0] * 3], atol=1e-3)

    def test_signs(self) -> None:
        stored = np.array([[[128, 60, 0], [128, 256 - 60, 0]]] * 3, dtype=np.uint8)
        stored = np.concatenate([stored, stored], axis=1)
        red, green = read_photo(tiff(stored, photometric="cielab")).pixels[0, :2]
        assert red[0] > red[1]
        assert green[0] < green[1]
        offset = stored.copy()
        offset[:, :, 1:] ^= 128
        np.testing.assert_allclose(
            read_photo(tiff(offset, photometric="icclab")).pixels[0, 0], red, atol=1e-6
        )


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="its levels are complex numbers: take their magnitude first"):
        read_photo(tiff(np.full((8, 9), 0.25 + 1j, np.complex64)))
