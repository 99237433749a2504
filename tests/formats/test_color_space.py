"""Files say what their colors mean, and may be written in the photo's own profile."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from psd_tools import PSDImage
from psd_tools.constants import Resource
from tests.photos.making import cmyk_profile, saved
from tests.results import Make

from softseg import SoftSegmentation, read_photo, segment
from softseg.photos.profiles import DISPLAY_P3, make_profile, srgb_profile

P3 = make_profile(DISPLAY_P3)


def embedded(path: Path) -> bytes | None:
    """Return the profile in a PNG or PSD file."""
    if path.suffix == ".psd":
        return PSDImage.open(path).image_resources.get_data(Resource.ICC_PROFILE)
    with Image.open(path) as image:
        return image.info.get("icc_profile")


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def as_srgb(image: Image.Image, profile: bytes) -> np.ndarray:
    """Return what a program that knows profiles shows, in [0, 1]."""
    to_srgb = ImageCms.profileToProfile(
        image.convert("RGB"),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    return np.asarray(to_srgb) / 255


@pytest.fixture
def result(make_segmentation: Make) -> SoftSegmentation:
    return replace(make_segmentation(9, 13, 3), profile=P3)


@pytest.mark.parametrize("options", [{}, {"profile": "srgb"}])
def test_srgb_is_embedded(result: SoftSegmentation, tmp_path: Path, options: dict[str, str]) -> None:
    result.save(tmp_path / "photo.psd", **options)
    result.save(tmp_path / "layers", **options)
    for path in (tmp_path / "photo.psd", *(tmp_path / "layers").iterdir()):
        assert embedded(path) == srgb_profile()


def test_the_source_profile_shows_the_same_colors(result: SoftSegmentation, tmp_path: Path) -> None:
    result.save(tmp_path / "srgb")
    result.save(tmp_path / "source", profile="source")
    for name in ("layer_1.png", "layer_2.png", "layer_3.png"):
        assert embedded(tmp_path / "source" / name) == P3
    own = [pixels(tmp_path / "source" / f"layer_{k}.png") for k in (1, 2, 3)]
    srgb = [pixels(tmp_path / "srgb" / f"layer_{k}.png") for k in (1, 2, 3)]
    assert not np.array_equal(own, srgb)
    # The layers add up to the photo in the numbers of its own profile too: three roundings to 8 bits.
    photo = sum(one[:, :, :3] * (one[:, :, 3:] / 255) for one in own)
    shown = as_srgb(Image.fromarray(np.clip(photo, 0, 255).round().astype(np.uint8)), P3)
    assert np.abs(shown - result.image).mean() < 1.5 / 255


@pytest.mark.parametrize("blend", ["add", "normal"])
def test_the_flattened_picture_of_a_photoshop_file(
    result: SoftSegmentation, tmp_path: Path, blend: str
) -> None:
    result.save(tmp_path / "photo.psd", profile="source", blend=blend)
    assert embedded(tmp_path / "photo.psd") == P3
    flat = Image.fromarray(pixels(tmp_path / "photo.psd"))
    # A rounding in each of the two profiles; P3's steps are up to 1.5 of sRGB's.
    np.testing.assert_allclose(as_srgb(flat, P3), result.image, atol=2.5 / 255)


def test_a_photo_without_a_profile_is_in_srgb(make_segmentation: Make, tmp_path: Path) -> None:
    make_segmentation(9, 13, 2).save(tmp_path / "layers", profile="source")
    assert embedded(tmp_path / "layers" / "layer_1.png") == srgb_profile()


@pytest.mark.parametrize("output", ["photo.psd", "layers"])
@pytest.mark.parametrize(
    ("profile", "source", "message"),
    [
        ("adobe", P3, "profile: expected 'srgb' or 'source', got 'adobe'"),
        (
            "source",
            cmyk_profile(),
            "profile: expected 'srgb', for the photo's own profile is of CMYK and not of RGB",
        ),
        ("source", P3[:300], "profile: expected 'srgb', for colors cannot be converted back .*"),
    ],
)
def test_what_cannot_be_is_refused(
    make_segmentation: Make, tmp_path: Path, output: str, profile: str, source: bytes, message: str
) -> None:
    result = replace(make_segmentation(9, 13, 2), profile=source)
    with pytest.raises(ValueError, match=f"^{message}$"):
        result.save(tmp_path / output, profile=profile)
    assert not list(tmp_path.rglob("*.*"))


def test_the_profile_is_kept_from_the_photo_to_the_archive_and_by_edits(tmp_path: Path) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    file = saved(Image.fromarray(colors), "PNG", icc_profile=P3)
    result = segment(read_photo(file), "low-level", n_eigenvectors=10, n_initial=5, n_layers=2)
    assert result.profile == P3
    assert result.edit(0, lambda values: 1 - values).profile == P3
    result.save(tmp_path / "photo.npz")
    assert SoftSegmentation.load(tmp_path / "photo.npz").profile == P3


def test_archives_without_one_load(make_segmentation: Make, tmp_path: Path) -> None:
    make_segmentation(9, 13, 2).save(tmp_path / "photo.npz")
    assert SoftSegmentation.load(tmp_path / "photo.npz").profile is None
    with np.load(tmp_path / "photo.npz") as archive:
        assert "profile" not in archive
