"""Which pictures files hold, which of them is taken, and one line for whatever is wrong with them."""

from __future__ import annotations

import importlib.util
import io
import re
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.photos.making import saved

from softseg import read_photo
from softseg.images import as_image


@pytest.fixture
def frames(rng: np.random.Generator) -> list[Image.Image]:
    return [Image.fromarray(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)) for _ in range(3)]


def animation(frames: list[Image.Image], kind: str) -> io.BytesIO:
    options = {"WEBP": {"lossless": True}, "MPO": {"quality": 100, "subsampling": 0}}.get(kind, {})
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)


class TestFrames:
    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "MPO", "TIFF"])
    def test_the_first_is_taken_with_one_warning(self, frames: list[Image.Image], kind: str) -> None:
        file = animation(frames, kind)
        with pytest.warns(
            UserWarning, match=r"^image: the first of its 3 frames was taken; .* 0 to 2$"
        ) as seen:
            image = as_image(file)
        assert len(seen) == 1
        expected = Image.open(file)
        np.testing.assert_array_equal(image, np.asarray(expected.convert("RGB")) / 255)

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "MPO", "TIFF"])
    def test_any_other_without_one(self, frames: list[Image.Image], kind: str) -> None:
        file = animation(frames, kind)
        for frame in (0, 2):
            pixels = read_photo(file, frame=frame).pixels
            expected = Image.open(file)
            expected.seek(frame)
            np.testing.assert_array_equal(pixels, np.asarray(expected.convert("RGB")) / 255)

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "MPO", "TIFF"])
    def test_one_that_is_not_there(self, frames: list[Image.Image], kind: str) -> None:
        message = r"^source: there is no frame 3: the file has frames 0 to 2$"
        with pytest.raises(ValueError, match=message):
            read_photo(animation(frames, kind), frame=3)

    def test_there_is_only_one(self, frames: list[Image.Image]) -> None:
        with pytest.raises(ValueError, match=r"^source: there is no frame 1: the file has only frame 0$"):
            read_photo(saved(frames[0], "PNG"), frame=1)
        with pytest.raises(ValueError, match=r"^source: there is no frame 1: an array is one photo$"):
            read_photo(np.zeros((4, 5)), frame=1)
        with pytest.raises(ValueError, match=r"^frame: expected an integer of at least 0, got -1$"):
            read_photo(np.zeros((4, 5)), frame=-1)

    def test_previews_and_gain_maps_of_phones_are_no_frames(self, frames: list[Image.Image]) -> None:
        small = frames[1].resize((12, 8)).convert("L")
        file = saved(frames[0], "MPO", save_all=True, append_images=[small], quality=100)
        assert as_image(file).shape == (16, 24, 3)  # warnings are errors
        assert read_photo(file, frame=1).shape == (8, 12, 3)

    def test_an_opened_image_stands_at_its_frame(self, frames: list[Image.Image]) -> None:
        image = Image.open(animation(frames, "PNG"))
        with pytest.warns(UserWarning, match="the first of its 3 frames"):
            as_image(image)
        image.seek(1)
        np.testing.assert_array_equal(as_image(image), np.asarray(frames[1]) / 255)
        np.testing.assert_array_equal(read_photo(image, frame=2).pixels, np.asarray(frames[2]) / 255)
        assert image.tell() == 1


class TestSources:
    def test_files_that_are_open(self, frames: list[Image.Image], tmp_path: Path) -> None:
        frames[0].save(tmp_path / "photo.png")
        with open(tmp_path / "photo.png", "rb") as file:
            np.testing.assert_array_equal(as_image(file), np.asarray(frames[0]) / 255)
            assert not file.closed

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_streams_that_cannot_go_back(self, frames: list[Image.Image], kind: str) -> None:
        class Pipe(io.BytesIO):
            def seekable(self) -> bool:
                return False

            def seek(self, *_: object) -> int:
                raise OSError("a pipe")

        pipe = Pipe(saved(frames[0], kind).getvalue())
        np.testing.assert_array_equal(as_image(pipe), np.asarray(frames[0]) / 255)

    @pytest.mark.parametrize("mode", ["LA", "RGBA", "PA", "La", "RGBa"])
    def test_all_kinds_of_opacity_of_pillow(self, frames: list[Image.Image], mode: str) -> None:
        image = frames[0].convert("RGBA")
        image.putalpha(frames[1].convert("L"))
        image = image.convert("LA").convert(mode) if mode == "La" else image.convert(mode)
        photo = read_photo(image, background="layer")
        assert photo.opacity is not None
        np.testing.assert_array_equal(photo.opacity, np.asarray(frames[1].convert("L")) / np.float32(255))

    def test_the_file_may_be_read_again(self, frames: list[Image.Image]) -> None:
        file = saved(frames[0], "PNG")
        np.testing.assert_array_equal(as_image(file), as_image(file))


class TestDamage:
    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("two\nlines"),
            struct.error("unpack"),
            zlib.error("incorrect header"),
            IndexError("index out of range"),
            EOFError(),
            KeyError(7),
            OverflowError("too large"),
            AttributeError("none"),
            AssertionError(),
            ZeroDivisionError("division by zero"),
            RecursionError("deep"),
        ],
    )
    def test_whatever_a_decoder_raises_is_one_line(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, frames: list[Image.Image], error: Exception
    ) -> None:
        frames[0].convert("P").save(tmp_path / "photo.png")

        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(Image.Image, "convert", fail)
        with pytest.raises(ValueError, match=r"\Aimage: cannot read [^\n]*photo.png: [^\n]+\Z"):
            as_image(tmp_path / "photo.png")

    def test_a_lack_of_memory_stays_one(
        self, monkeypatch: pytest.MonkeyPatch, frames: list[Image.Image]
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise MemoryError

        image = frames[0].convert("HSV")
        monkeypatch.setattr(Image.Image, "convert", fail)
        with pytest.raises(MemoryError):
            as_image(image)

    @pytest.mark.parametrize(
        "kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "DDS", "TGA", "JPEG2000"]
    )
    def test_files_with_a_few_wrong_bytes(
        self, rng: np.random.Generator, frames: list[Image.Image], kind: str
    ) -> None:
        data, messages = saved(frames[0], kind).getvalue(), []
        for _ in range(30):
            broken = bytearray(data)
            for at in rng.integers(4, len(data), 6):
                broken[at] = rng.integers(256)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    as_image(io.BytesIO(bytes(broken[: rng.integers(40, len(data))])))
            except ValueError as error:
                messages.append(str(error))
        assert messages
        assert all(re.fullmatch(r"image: [^\n]+", message) for message in messages)

    def test_heic_without_its_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name == "pillow_heif" else found(name)
        )
        data = struct.pack(">I4s4s", 24, b"ftyp", b"heic") + bytes(100)
        message = 'reading HEIC photos needs pillow-heif: pip install "softseg[heif]"'
        with pytest.raises(ValueError, match=re.escape(message)):
            as_image(io.BytesIO(data))


def test_heic(frames: list[Image.Image]) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    smooth = frames[0].resize((4, 4)).resize((64, 48))
    pillow_heif.from_pillow(smooth).save(file, quality=100)
    # A lossy format, whose chroma has half the resolution.
    assert np.abs(as_image(file) - np.asarray(smooth) / 255).mean() < 0.02


class TestLimits:
    def test_more_is_refused_with_advice_and_opened_when_asked_for(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        for kind in ("png", "tif", "jpg"):
            path = tmp_path / f"large.{kind}"
            Image.new("RGB", (50, 41)).save(path)
            with pytest.raises(
                ValueError, match=rf"large.{kind}: 50x41 .*more than 2000; .*--max-pixels 2050$"
            ):
                as_image(path)
            assert read_photo(path, max_pixels=2050).shape == (41, 50, 3)
            with pytest.raises(ValueError, match="more than 2049;"):
                read_photo(path, max_pixels=2049)
        assert Image.MAX_IMAGE_PIXELS == 1000

    def test_nothing_is_said_up_to_there(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        Image.new("RGB", (50, 40)).save(tmp_path / "large.png")
        as_image(tmp_path / "large.png")  # Pillow alone would warn, and warnings are errors

    def test_a_program_may_lift_the_limit(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        Image.new("RGB", (50, 40)).save(tmp_path / "large.png")
        as_image(tmp_path / "large.png")

    def test_the_limit_is_the_same_after_many_threads(self, tmp_path: Path) -> None:
        Image.new("RGB", (50, 40)).save(tmp_path / "photo.png")
        before = Image.MAX_IMAGE_PIXELS
        threads = [
            threading.Thread(target=lambda: [as_image(tmp_path / "photo.png") for _ in range(20)])
            for _ in "four"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(("bits", "level"), [(2, 1), (4, 5), (4, 1)])
def test_transparent_levels_of_few_bits(bits: int, level: int) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    # Each row has the levels 0, 1, 2, ... of so many bits, packed into bytes.
    count = 2**bits
    row = sum((x % count) << bits * (15 - x) for x in range(16)).to_bytes(2 * bits, "big")
    header = struct.pack(">IIBBBBB", 16, 5, bits, 0, 0, 0, 0)
    content = zlib.compress((b"\0" + row) * 5)
    key = struct.pack(">H", level)
    chunks = ((b"IHDR", header), (b"tRNS", key), (b"IDAT", content), (b"IEND", b""))
    file = io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks))
    photo = read_photo(file, background="red")
    is_red = (photo.pixels == (1, 0, 0)).all(axis=2)
    np.testing.assert_array_equal(is_red, np.broadcast_to(np.arange(16) % count == level, (5, 16)))
