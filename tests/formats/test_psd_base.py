"""Layers added to a given Photoshop file: what was in it stays byte for byte, and the new ones lie on top."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from psd_tools import PSDImage
from psd_tools.constants import BlendMode, Resource
from psd_tools.psd import PSD
from psd_tools.psd.image_resources import ImageResource
from tests.formats.programs import needs, pixels, run
from tests.results import Make

from softseg.formats import psd_splice
from softseg.images import eight_bits
from softseg.layers import save
from softseg.photos.profiles import DISPLAY_P3, into_profile, make_profile
from softseg.result import SoftSegmentation
from softseg.testing import full_disk, unchecked_annotations
from softseg.testing.format import names

# Of the photo, in pixels; no side is a multiple of four.
HEIGHT, WIDTH = 21, 34


@pytest.fixture
def result(make_segmentation: Make) -> SoftSegmentation:
    return make_segmentation(HEIGHT, WIDTH, 3)


@pytest.fixture
def base(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A document with a group, a mode, an opacity, a small layer, a name in other letters, and resources."""
    document = PSDImage.new("RGB", (WIDTH, HEIGHT))
    noise = rng.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    back = document.create_pixel_layer_from_array(noise, "back")
    back.name = "Hintergrund 写真"
    group = document.create_group(name="retouch", blend_mode=BlendMode.MULTIPLY, open_folder=False)
    small = group.create_pixel_layer_from_array(noise[:7, :9], "small", top=3, left=5)
    small.opacity = 100
    small.visible = False
    path = tmp_path / "base.psd"
    document.save(path)
    with open(path, "rb") as file:
        content = PSD.read(file)
    content.image_resources[9999] = ImageResource(
        key=Resource.PLUGIN_RESOURCE_0.value, data=b"of some plug-in"
    )
    content.layer_and_mask_information.layer_info.layer_count *= -1  # the picture has transparency
    with open(path, "wb") as file:
        content.write(file)
    return path


def blocks(path: Path) -> dict[str, bytes]:
    """Return the parts of a file as the specification cuts them, by hand."""
    content, place = path.read_bytes(), 26
    parts = {"header": content[:26]}
    for name in ("colors", "resources", "layers"):
        (length,) = struct.unpack_from(">I", content, place)
        parts[name] = content[place + 4 : place + 4 + length]
        place += 4 + length
    return parts | {"picture": content[place:]}


def flattened(path: Path) -> Image.Image:
    """Return the picture that is in the file, which programs show that know no layers."""
    with Image.open(path) as picture:
        return picture.convert("RGB")


def added(path: Path) -> list:  # type: ignore[type-arg]
    """Return the layers of the new group, from back to front."""
    group = list(PSDImage.open(path))[-1]
    assert (group.name, group.kind, group.visible) == ("softseg", "group", False)
    assert group.blend_mode == BlendMode.NORMAL
    return list(group)


def check_added(path: Path, photo: np.ndarray) -> None:
    """Compare what the new group shows with the photo."""
    document = PSDImage.open(path)
    *others, group = document
    for layer in others:
        layer.visible = False
    group.visible = True
    shown = np.asarray(document.composite(force=True, apply_icc=False).convert("RGB")).astype(float)
    assert np.abs(shown - 255 * photo).max() <= 2  # of 255, as in a file of its own


@pytest.mark.parametrize("blend", ["add", "normal"])
def test_all_that_was_there_stays_byte_for_byte(
    tmp_path: Path, base: Path, result: SoftSegmentation, blend: str
) -> None:
    path = tmp_path / "out.psd"
    save(path, result, base=base, blend=blend)
    before, after = blocks(base), blocks(path)
    for name in ("header", "colors", "resources", "picture"):
        assert before[name] == after[name]
    given, now = psd_splice.read_spliceable(base), psd_splice.read_spliceable(path)
    assert given.count == -4
    assert now.count < given.count
    assert now.records.startswith(given.records)
    assert now.pixels.startswith(given.pixels)
    assert now.rest == given.rest
    assert given.records in after["layers"]
    assert given.pixels in after["layers"]
    # And as another reader sees it.
    old, new = (list(PSDImage.open(file).descendants()) for file in (base, path))
    assert [layer.name for layer in old] == ["Hintergrund 写真", "retouch", "small"]
    for first, second in zip(old, new, strict=False):
        assert (first.name, first.bbox, first.opacity, first.visible, first.blend_mode) == (
            *(second.name, second.bbox, second.opacity, second.visible, second.blend_mode),
        )
    check_added(path, result.image)


def test_the_document_looks_as_it_did(tmp_path: Path, base: Path, result: SoftSegmentation) -> None:
    save(tmp_path / "out.psd", result, base=base)
    for look in (lambda path: PSDImage.open(path).composite(force=True), flattened):
        before, after = (np.asarray(look(path)) for path in (base, tmp_path / "out.psd"))
        np.testing.assert_array_equal(before, after)


def test_names_and_order(tmp_path: Path, base: Path, result: SoftSegmentation) -> None:
    called = ["фото 写真", "black", "é 🐈"]
    save(tmp_path / "out.psd", result, base=str(base), blend="normal", names=called)
    assert [layer.name for layer in added(tmp_path / "out.psd")] == [called[k] for k in result.order]


def test_a_file_may_be_its_own_base_and_again(tmp_path: Path, base: Path, result: SoftSegmentation) -> None:
    for _ in range(2):
        save(base, result, base=base)
    assert [layer.name for layer in PSDImage.open(base)] == [
        "Hintergrund 写真",
        "retouch",
        "softseg",
        "softseg",
    ]
    check_added(base, result.image)


def test_softsegs_own_files_can_be_extended(tmp_path: Path, result: SoftSegmentation) -> None:
    save(tmp_path / "own.psd", result)
    save(tmp_path / "out.psd", result, base=tmp_path / "own.psd")
    check_added(tmp_path / "out.psd", result.image)


def test_a_file_without_layers_gets_its_picture_as_one(
    tmp_path: Path, result: SoftSegmentation, rng: np.random.Generator
) -> None:
    picture = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    base = tmp_path / "base.psd"
    with open(base, "wb") as file:  # the picture as it is, after four empty parts
        file.write(struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, HEIGHT, WIDTH, 8, 3) + bytes(12) + bytes(2))
        file.write(np.moveaxis(picture, 2, 0).tobytes())
    save(tmp_path / "out.psd", result, base=base)
    document = PSDImage.open(tmp_path / "out.psd")
    assert [layer.name for layer in document] == ["Background", "softseg"]
    for shown in (document.composite(force=True), flattened(tmp_path / "out.psd")):
        np.testing.assert_array_equal(np.asarray(shown.convert("RGB")), picture)
    assert blocks(base)["picture"] == blocks(tmp_path / "out.psd")["picture"]
    check_added(tmp_path / "out.psd", result.image)


def test_colors_are_in_the_files_own_profile(tmp_path: Path, result: SoftSegmentation) -> None:
    wide = make_profile(DISPLAY_P3)
    base, path = tmp_path / "base.psd", tmp_path / "out.psd"
    save(base, replace(result, profile=wide), profile="source")
    save(path, replace(result), base=base)
    assert PSDImage.open(path).image_resources.get_data(Resource.ICC_PROFILE) == wide
    check_added(path, into_profile(result.image, wide))


@needs("convert")
def test_imagemagicks_files_can_be_extended_and_it_reads_them(
    tmp_path: Path, result: SoftSegmentation
) -> None:
    Image.fromarray(eight_bits(result.image)).save(tmp_path / "photo.png")
    layer = ["(", "photo.png", "-alpha", "on", "-channel", "A", "-evaluate", "set", "50%", "+channel", ")"]
    run(tmp_path, "convert", "photo.png", "-depth", "8", *layer, "base.psd")
    save(tmp_path / "out.psd", result, base=tmp_path / "base.psd", blend="normal")
    check_added(tmp_path / "out.psd", result.image)
    told = run(tmp_path, "identify", "-format", "%l|%w|%h\n", "base.psd").splitlines()
    assert run(tmp_path, "identify", "-format", "%l|%w|%h\n", "out.psd").splitlines()[: len(told)] == told
    # The flattened picture is the one in the base.
    for name in ("base", "out"):
        run(tmp_path, "convert", f"{name}.psd[0]", f"{name}.png")
    np.testing.assert_array_equal(pixels(tmp_path / "out.png"), pixels(tmp_path / "base.png"))


def header(
    mode: int = 3, depth: int = 8, version: int = 1, height: int = HEIGHT, width: int = WIDTH
) -> bytes:
    return struct.pack(">4sH6xHIIHH", b"8BPS", version, 3, height, width, depth, mode) + bytes(14)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "base: expected a Photoshop file, got another kind: "),
        (b"GIF89a", "base: expected a Photoshop file, got another kind: "),
        (header(version=2), "base: expected a Photoshop file, got a large document (PSB): "),
        (header()[:30], "base: expected a whole Photoshop file, got a damaged one: "),
        (header(), "base: expected a whole Photoshop file, got a damaged one: "),
        (header()[:26] + b"\xff" * 30, "base: expected a whole Photoshop file, got a damaged one: "),
        (header(depth=16), "base: expected a Photoshop file of RGB with 8 bits, got RGB with 16: "),
        (header(mode=4), "base: expected a Photoshop file of RGB with 8 bits, got CMYK with 8: "),
        (header(mode=1), "base: expected a Photoshop file of RGB with 8 bits, got GRAYSCALE with 8: "),
        (header(width=35), "base: expected the photo's size, 34x21, got 35x21: "),
        (header(height=34, width=21), "base: expected the photo's size, 34x21, got 21x34: "),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, result: SoftSegmentation, content: bytes, message: str
) -> None:
    (tmp_path / "base.psd").write_bytes(content)
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as raised:
        save(tmp_path / "out.psd", result, base=tmp_path / "base.psd")
    assert str(raised.value) == f"{message}{tmp_path / 'base.psd'}"
    assert names(tmp_path) == ["base.psd"]


def test_a_file_cut_anywhere_is_refused_or_taken_whole(
    tmp_path: Path, base: Path, result: SoftSegmentation
) -> None:
    content, cut = base.read_bytes(), tmp_path / "cut.psd"
    end = len(content) - len(blocks(base)["picture"])
    for length in range(0, end + 2, 7):
        cut.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"\Abase: expected a (whole )?Photoshop file, got .+\Z"):
            save(tmp_path / "out.psd", result, base=cut)
    assert not (tmp_path / "out.psd").exists()


def test_bytes_that_are_changed_are_refused_in_one_line_or_kept(
    tmp_path: Path, base: Path, result: SoftSegmentation, rng: np.random.Generator
) -> None:
    content, changed = base.read_bytes(), tmp_path / "changed.psd"
    refused = 0
    for place in rng.permutation(len(content) - len(blocks(base)["picture"]))[:150]:
        changed.write_bytes(content[:place] + bytes([content[place] ^ 0xA5]) + content[place + 1 :])
        try:
            save(tmp_path / "out.psd", result, base=changed, blend="normal")
        except ValueError as error:
            assert re.fullmatch("base: expected .+, got .+", str(error))  # noqa: PT017  # some are taken
            refused += 1
        else:
            given, now = psd_splice.read_spliceable(changed), psd_splice.read_spliceable(tmp_path / "out.psd")
            assert now.start == given.start
            assert now.records.startswith(given.records)
    assert refused > 0


def test_no_base(tmp_path: Path, result: SoftSegmentation) -> None:
    with pytest.raises(FileNotFoundError, match=r"\Abase: no such file: .*none\.psd\Z"):
        save(tmp_path / "out.psd", result, base=tmp_path / "none.psd")
    with (
        unchecked_annotations(),
        pytest.raises(TypeError, match=r"\Abase: expected the path of a Photoshop file, got int\Z"),
    ):
        save(tmp_path / "out.psd", result, base=3)
    assert names(tmp_path) == []


def test_the_bases_profile_and_another(tmp_path: Path, base: Path, result: SoftSegmentation) -> None:
    message = r"\Aprofile: expected none, for the base's own is taken, got 'source'\Z"
    with pytest.raises(ValueError, match=message):
        save(tmp_path / "out.psd", result, base=base, profile="source")


def test_a_broken_profile(tmp_path: Path, base: Path, result: SoftSegmentation) -> None:
    with open(base, "rb") as file:
        content = PSD.read(file)
    key = Resource.ICC_PROFILE
    content.image_resources[key] = ImageResource(key=key.value, data=bytes(200))
    with open(base, "wb") as file:
        content.write(file)
    with pytest.raises(ValueError, match=r"\Abase: expected a file with a color profile of RGB, got .+\Z"):
        save(tmp_path / "out.psd", result, base=base)


def test_more_than_photoshop_opens(
    tmp_path: Path, base: Path, result: SoftSegmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psd_splice, "LARGEST", base.stat().st_size + 100)
    with pytest.raises(
        ValueError, match=r"\Abase: expected a file of at most 2 GB with the new layers, got \d+ bytes\Z"
    ):
        save(tmp_path / "out.psd", result, base=base)
    assert names(tmp_path) == ["base.psd"]


def test_a_full_disk_leaves_the_base(tmp_path: Path, base: Path, result: SoftSegmentation) -> None:
    before = base.read_bytes()
    with pytest.raises(OSError, match="too large"), full_disk(100):
        save(base, result, base=base)
    assert base.read_bytes() == before
    assert names(tmp_path) == ["base.psd"]
