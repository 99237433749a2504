"""Color profiles: in, kept, and out."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.photos.making import cmyk_profile, png, saved, tiff

from softseg import read_photo
from softseg.photos.profiles import (
    ADOBE_GAMMA,
    ADOBE_RGB,
    BT_2020,
    DISPLAY_P3,
    into_profile,
    make_profile,
    srgb_profile,
)

P3 = make_profile(DISPLAY_P3)
PROFILES = {"P3": P3, "Adobe RGB": make_profile(ADOBE_RGB, ADOBE_GAMMA), "BT.2020": make_profile(BT_2020)}


@pytest.fixture
def colors(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (12, 15, 3), dtype=np.uint8)


def in_linear_light(values: np.ndarray, gamma: float | None) -> np.ndarray:
    if gamma is not None:
        return values**gamma
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def by_hand(values: np.ndarray, name: str) -> np.ndarray:
    """Return colors of a profile in sRGB, by the matrices of the primaries; white is the same."""

    def to_xyz(primaries: object) -> np.ndarray:
        white, *rest = primaries  # type: ignore[misc]
        columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in rest]).T
        xyz = np.array([white[0] / white[1], 1, (1 - white[0] - white[1]) / white[1]])
        return columns * np.linalg.solve(columns, xyz)

    from softseg.photos.profiles import SRGB

    primaries = {"P3": DISPLAY_P3, "Adobe RGB": ADOBE_RGB, "BT.2020": BT_2020}[name]
    light = in_linear_light(values, ADOBE_GAMMA if name == "Adobe RGB" else None)
    light = np.clip(light @ (np.linalg.inv(to_xyz(SRGB)) @ to_xyz(primaries)).T, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


class TestIn:
    @pytest.mark.parametrize("name", PROFILES)
    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
    def test_eight_bits(self, colors: np.ndarray, name: str, kind: str) -> None:
        options = {"lossless": True} if kind == "WEBP" else {}
        file = saved(Image.fromarray(colors), kind, icc_profile=PROFILES[name], **options)
        photo = read_photo(file)
        # A level of 8 bits, and half of one for tables.
        np.testing.assert_allclose(photo.pixels, by_hand(colors / 255, name), atol=1.6 / 255)
        assert photo.profile == PROFILES[name]
        np.testing.assert_array_equal(np.round(photo.pixels * 255) / 255, photo.pixels)

    @pytest.mark.parametrize("name", PROFILES)
    def test_sixteen_bits_stay_sixteen(self, rng: np.random.Generator, name: str) -> None:
        levels = rng.integers(0, 65536, (12, 15, 3), dtype=np.uint16)
        for file in (
            png(levels, (b"iCCP", b"x\0\0" + __import__("zlib").compress(PROFILES[name]))),
            tiff(levels, photometric="rgb", iccprofile=PROFILES[name]),
        ):
            # Curves are tables of 4096 values, which are steep near black; the primaries have 16 bits.
            np.testing.assert_allclose(read_photo(file).pixels, by_hand(levels / 65535, name), atol=5e-4)

    def test_an_opened_image(self, colors: np.ndarray) -> None:
        image = Image.open(saved(Image.fromarray(colors), "PNG", icc_profile=P3))
        np.testing.assert_allclose(read_photo(image).pixels, by_hand(colors / 255, "P3"), atol=1.6 / 255)

    @pytest.mark.parametrize(
        "maker", [lambda: ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), srgb_profile]
    )
    def test_srgb_by_any_name_changes_nothing(self, colors: np.ndarray, maker: object) -> None:
        photo = read_photo(saved(Image.fromarray(colors), "PNG", icc_profile=maker()))  # type: ignore[operator]
        np.testing.assert_array_equal(photo.pixels, colors / 255)
        assert photo.profile is not None

    def test_grays_of_a_gray_profile(self) -> None:
        levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
        linear = imagecodecs.cms_profile("gray", gamma=1.0, whitepoint=[0.3457, 0.3585, 1.0])
        pixels = read_photo(saved(Image.fromarray(levels), "PNG", icc_profile=linear)).pixels
        light = levels / 255
        srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        np.testing.assert_allclose(pixels, np.repeat(srgb[..., None], 3, axis=2), atol=1.6 / 255)

    def test_grays_of_a_color_profile(self) -> None:
        levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
        adobe = PROFILES["Adobe RGB"]
        pixels = read_photo(saved(Image.fromarray(levels), "PNG", icc_profile=adobe)).pixels
        expected = by_hand(np.repeat(levels[..., None] / 255, 3, axis=2), "Adobe RGB")
        np.testing.assert_allclose(pixels, expected, atol=1.6 / 255)

    @pytest.mark.parametrize(
        "profile", [b"broken", bytes(200), P3[:300], P3[:128] + bytes(400), cmyk_profile()]
    )
    def test_what_cannot_be_used_is_one_warning(self, colors: np.ndarray, profile: bytes) -> None:
        file = saved(Image.fromarray(colors), "PNG", icc_profile=profile)
        with pytest.warns(
            UserWarning, match=r"^source: its color profile cannot be used .*taken as sRGB$"
        ) as seen:
            photo = read_photo(file)
        assert len(seen) == 1
        np.testing.assert_array_equal(photo.pixels, colors / 255)
        assert photo.profile is None

    def test_transparent_photos_are_converted_before_they_are_put_over_a_color(
        self, colors: np.ndarray
    ) -> None:
        opacity = np.full((12, 15), 255, np.uint8)
        opacity[:, 7:] = 0
        file = saved(Image.fromarray(np.dstack([colors, opacity])), "PNG", icc_profile=P3)
        pixels = read_photo(file, background="#00ff00").pixels
        np.testing.assert_array_equal(pixels[:, 7:], np.broadcast_to([0, 1, 0], (12, 8, 3)))
        np.testing.assert_allclose(pixels[:, :7], by_hand(colors / 255, "P3")[:, :7], atol=1.6 / 255)

    def test_cameras_that_say_adobe_rgb_in_exif(self) -> None:
        image = Image.new("RGB", (16, 16), (90, 200, 90))
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0xA001] = 65535
        exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
        plain = read_photo(saved(image, "JPEG", quality=100)).pixels
        adobe = read_photo(saved(image, "JPEG", quality=100, exif=exif)).pixels
        np.testing.assert_allclose(adobe, by_hand(plain, "Adobe RGB"), atol=1.6 / 255)


class TestInk:
    def test_through_its_profile(self) -> None:
        # The profile says L* = 75 for each full ink: gray, where a formula without it would say cyan.
        inks = np.zeros((4, 4, 4), np.uint8)
        inks[:, 2:, 0] = 255
        for file in (
            saved(Image.fromarray(inks, "CMYK"), "TIFF", icc_profile=cmyk_profile()),
            tiff(inks.astype(np.uint16) * 257, photometric="separated", iccprofile=cmyk_profile()),
        ):
            pixels = read_photo(file).pixels
            np.testing.assert_allclose(pixels[0, 0], 1, atol=2 / 255)
            # L* 75 is 0.729 in sRGB; the table has 8 bits.
            np.testing.assert_allclose(pixels[0, 3], 0.729, atol=3 / 255)

    def test_jpeg_through_its_profile(self) -> None:
        inks = np.zeros((16, 32, 4), np.uint8)
        inks[:, 16:, 1] = 255
        file = saved(Image.fromarray(inks, "CMYK"), "JPEG", quality=100, icc_profile=cmyk_profile())
        pixels = read_photo(file).pixels
        np.testing.assert_allclose(pixels[0, [0, 31]], [[1] * 3, [0.729] * 3], atol=4 / 255)

    def test_without_a_profile_as_pillow_does(self, rng: np.random.Generator) -> None:
        image = Image.fromarray(rng.integers(0, 256, (9, 9, 4), dtype=np.uint8), "CMYK")
        np.testing.assert_array_equal(read_photo(image).pixels, np.asarray(image.convert("RGB")) / 255)


def test_lab_of_pillow() -> None:
    image = Image.new("LAB", (4, 4), (128, 128, 128))
    # L* 50.2 is 0.468 in sRGB.
    np.testing.assert_allclose(read_photo(image).pixels, 0.468, atol=1e-3)


class TestOut:
    @pytest.mark.parametrize("name", PROFILES)
    def test_there_and_back(self, rng: np.random.Generator, name: str) -> None:
        srgb = rng.random((5, 6, 3))
        own = into_profile(srgb, PROFILES[name])
        # Through tables of curves, twice.
        np.testing.assert_allclose(by_hand(own.astype(float), name), srgb, atol=2e-3)

    @pytest.mark.parametrize("profile", [cmyk_profile(), b"broken" * 50, P3[:300]])
    def test_profiles_that_nothing_can_be_written_in(self, profile: bytes) -> None:
        with pytest.raises(ValueError, match=r"^profile: expected 'srgb', for [^\n]*$"):
            into_profile(np.zeros((2, 2, 3)), profile)

    def test_the_profile_is_always_the_same_bytes(self) -> None:
        srgb_profile.cache_clear()
        first = srgb_profile()
        srgb_profile.cache_clear()
        assert srgb_profile() == first
        assert ImageCms.ImageCmsProfile(io.BytesIO(first)).profile.xcolor_space.strip() == "RGB"
