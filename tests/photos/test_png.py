"""PNG: all of 16 bits, interlaced or not, without a word on standard error; texts; marks of color."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from tests.photos.making import chunk, png

from softseg import read_photo
from softseg.photos.png import ADAM7, MAGIC, MOST_OF_A_PROFILE
from softseg.photos.profiles import DISPLAY_P3, make_profile

EXIF = Image.Exif()
EXIF[0x0112] = 6
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
ABOVE = PngImagePlugin.MAX_TEXT_CHUNK + 1


@pytest.fixture
def levels(rng: np.random.Generator) -> np.ndarray:
    deep = rng.integers(0, 65536, (6, 7, 4), dtype=np.uint16)
    deep[0, 0] = 65535
    return deep


def interlaced(levels: np.ndarray, *chunks: tuple[bytes, bytes]) -> io.BytesIO:
    """Return an interlaced PNG of 16 bits, whose rows are each the difference from the one above."""
    height, width, channels = levels.shape
    rows = b""
    for x, y, across, down in ADAM7:
        small = levels[y::down, x::across].astype(">u2")
        if small.size:
            values = small.view(np.uint8).reshape(len(small), -1)
            rows += b"".join(b"\2" + row.tobytes() for row in np.diff(values, axis=0, prepend=np.uint8(0)))
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 1)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return io.BytesIO(MAGIC + b"".join(chunk(*part) for part in parts))


class TestInterlaced:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("size", [(3, 3), (3, 8), (9, 4), (13, 17)])
    def test_all_levels_are_kept(
        self,
        rng: np.random.Generator,
        capfd: pytest.CaptureFixture[str],
        channels: int,
        size: tuple[int, int],
    ) -> None:
        stored = rng.integers(0, 65536, (*size, channels), dtype=np.uint16)
        stored[0, 0] = 65535
        pixels = read_photo(interlaced(stored)).pixels
        np.testing.assert_array_equal(pixels, np.broadcast_to(stored / 65535, pixels.shape))
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("channels", [2, 4])
    def test_so_is_the_opacity(self, levels: np.ndarray, channels: int) -> None:
        photo = read_photo(interlaced(levels[:, :, -channels:]), background="layer")
        np.testing.assert_array_equal(photo.opacity, (levels[:, :, 3] / 65535).astype(np.float32))

    def test_a_transparent_color(self, levels: np.ndarray) -> None:
        colors = levels[:, :, :3]
        photo = read_photo(
            interlaced(colors, (b"tRNS", colors[2, 3].astype(">u2").tobytes())), background="layer"
        )
        assert photo.opacity is not None
        np.testing.assert_array_equal(np.argwhere(photo.opacity < 1), [[2, 3]])


class TestDamaged:
    """Whatever is wrong with a PNG of 16 bits is one error, and nothing on standard error."""

    @pytest.mark.parametrize("make", [interlaced, png])
    def test_pixels_that_are_cut_off_or_changed(
        self, levels: np.ndarray, capfd: pytest.CaptureFixture[str], make: type
    ) -> None:
        data = make(np.ascontiguousarray(levels[:, :, :3])).getvalue()
        at = data.index(b"IDAT")
        for broken in (data[: at + 30], data[: at + 30] + b"\1\2\3" + data[at + 33 :]):
            with pytest.raises(ValueError, match=r"\Asource: cannot read the image: [^\n]+\Z"):
                read_photo(io.BytesIO(broken))
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        "odd",
        [
            (b"iCCP", b"x\0\0" + zlib.compress(b"short")),
            (b"zTXt", b"x\0\0no zlib"),
            (b"bKGD", b"\0"),
            (b"hIST", b"\0"),
            (b"tIME", bytes(20)),
            (b"sPLT", b""),
        ],
    )
    @pytest.mark.filterwarnings("ignore:source. its color profile")
    def test_odd_chunks_beside_the_pixels_are_nothing_to_print(
        self, levels: np.ndarray, capfd: pytest.CaptureFixture[str], odd: tuple[bytes, bytes]
    ) -> None:
        colors = np.ascontiguousarray(levels[:, :, :3])
        np.testing.assert_array_equal(read_photo(png(colors, odd)).pixels, colors / 65535)
        assert capfd.readouterr() == ("", "")


class TestTexts:
    @pytest.mark.parametrize(
        "chunks",
        [
            [(b"zTXt", b"parameters\0\0" + zlib.compress(bytes(ABOVE)))],
            [(b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(b"x" * ABOVE))],
            [(b"zTXt", b"exif\0\0" + zlib.compress(bytes(ABOVE)))],
            [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"x" * ABOVE))],
            [(b"tEXt", b"prompt\0" + b"x" * ABOVE), (b"tEXt", b"more\0" + b"x" * ABOVE)],
            [(b"tEXt", b"exif\0" + b"x" * ABOVE), (b"iTXt", b"exif\0\0\0\0\0" + b"x" * ABOVE)],
            [(b"zTXt", b"of another method\0\7what")],
            [(b"tEXt", b"transparency\x00no mark")],
            [(b"tEXt", b"icc_profile\x00no mark"), (b"tEXt", b"gamma\x001")],
            [(b"tEXt", b"")],
        ],
        ids=range(10),
    )
    @pytest.mark.parametrize("after", [False, True])
    def test_no_text_keeps_a_photo_from_being_read(
        self,
        levels: np.ndarray,
        monkeypatch: pytest.MonkeyPatch,
        chunks: list[tuple[bytes, bytes]],
        after: bool,
    ) -> None:
        monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_MEMORY", 2 * PngImagePlugin.MAX_TEXT_CHUNK)
        for stored in (levels[:, :, :3], (levels[:, :, :3] >> 8).astype(np.uint8)):
            if after:
                data = png(stored).getvalue()
                end = data.index(b"IEND") - 4
                file = io.BytesIO(data[:end] + b"".join(chunk(*one) for one in chunks) + data[end:])
            else:
                file = png(stored, *chunks)
            white = np.iinfo(stored.dtype).max
            np.testing.assert_array_equal(read_photo(file).pixels, stored / white)

    def test_a_text_with_a_wrong_check_sum(self, levels: np.ndarray) -> None:
        stored = (levels[:, :, :3] >> 8).astype(np.uint8)
        data = png(stored, (b"tEXt", b"Author\0nobody")).getvalue().replace(b"nobody", b"NOBODY")
        np.testing.assert_array_equal(read_photo(io.BytesIO(data)).pixels, stored / 255)

    @pytest.mark.parametrize(
        "text",
        [
            (b"eXIf", EXIF.tobytes()[6:]),
            (
                b"zTXt",
                b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n8\n" + EXIF.tobytes().hex().encode()),
            ),
            (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
            (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
        ],
        ids=lambda text: text[0].decode(),
    )
    def test_the_orientation_is_still_found(self, levels: np.ndarray, text: tuple[bytes, bytes]) -> None:
        stored = (levels[:, :, :3] >> 8).astype(np.uint8)
        large = (b"zTXt", b"parameters\0\0" + zlib.compress(bytes(ABOVE)))
        np.testing.assert_array_equal(read_photo(png(stored, large, text)).pixels, np.rot90(stored / 255, -1))

    def test_limits_stay_as_they_are_in_all_threads(self, levels: np.ndarray) -> None:
        stored = (levels[:, :, :3] >> 8).astype(np.uint8)
        data = png(stored, (b"zTXt", b"a\0\0" + zlib.compress(bytes(ABOVE)))).getvalue()
        limits = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY, Image.MAX_IMAGE_PIXELS

        def read(_: int) -> bool:
            same = bool((read_photo(io.BytesIO(data)).pixels == stored / 255).all())
            found = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY, Image.MAX_IMAGE_PIXELS
            with pytest.raises(ValueError, match="MAX_TEXT_CHUNK"):
                Image.open(io.BytesIO(data))
            return same and found == limits

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(read, range(20)))


class TestProfiles:
    def test_one_above_the_limit_of_texts_is_used(self, levels: np.ndarray) -> None:
        stored = (levels[:, :, :3] >> 8).astype(np.uint8)
        profile = make_profile(DISPLAY_P3)
        large = struct.pack(">I", ABOVE) + profile[4:] + bytes(ABOVE - len(profile))
        expected = read_photo(png(stored, (b"iCCP", b"p3\0\0" + zlib.compress(profile))))
        photo = read_photo(png(stored, (b"iCCP", b"p3\0\0" + zlib.compress(large))))
        assert photo.profile == large
        np.testing.assert_array_equal(photo.pixels, expected.pixels)
        assert (photo.pixels != stored / 255).any()

    @pytest.mark.parametrize(
        "content",
        [
            b"bomb\0\0" + zlib.compress(bytes(MOST_OF_A_PROFILE + 1)),
            b"no zlib\0\0what",
            b"another method\0\7what",
            b"no end",
            b"",
        ],
        ids=range(5),
    )
    def test_one_that_is_damaged_or_no_profile_is_warned_of(self, levels: np.ndarray, content: bytes) -> None:
        stored = (levels[:, :, :3] >> 8).astype(np.uint8)
        with pytest.warns(UserWarning, match=r"\Asource: its color profile cannot be used"):
            photo = read_photo(png(stored, (b"iCCP", content)))
        np.testing.assert_array_equal(photo.pixels, stored / 255)


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
