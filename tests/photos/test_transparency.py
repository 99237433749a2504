"""What is transparent: over a color, or a layer of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from softseg import SoftSegmentation, read_photo, segment, spectral_matting
from softseg.images import as_image
from softseg.photos.transparency import parse_background, with_transparent_layer

SMALL = {"n_eigenvectors": 20, "n_initial": 8, "n_layers": 3}


@pytest.fixture
def cut_out(rng: np.random.Generator) -> np.ndarray:
    """Return a product of two colors with a soft edge; what is transparent has another color."""
    y, x = np.mgrid[:30, :40]
    distance = np.hypot(y - 15, x - 20)
    colors = np.where((x < 20)[..., None], (200, 40, 30), (30, 60, 180)) + rng.normal(0, 3, (30, 40, 3))
    opacity = np.clip((12 - distance) / 3, 0, 1)
    colors[opacity == 0] = (0, 255, 0)
    return np.dstack([colors, 255 * opacity]).clip(0, 255).round().astype(np.uint8)


class TestBackgrounds:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("white", (1, 1, 1)),
            (" Black ", (0, 0, 0)),
            ("#ff0000", (1, 0, 0)),
            ("#0f0", (0, 1, 0)),
            ("rgb(0, 0, 255)", (0, 0, 1)),
            ("hsl(0, 100%, 50%)", (1, 0, 0)),
            ((1, 0, 0.5), (1, 0, 0.5)),
            ([255, 0, 255], (1, 0, 1)),
            ((1, 1, 1), (1, 1, 1)),
            (np.array([0, 255, 0], np.uint8), (0, 1, 0)),
            (np.array([0.25, 0.5, 1.0]), (0.25, 0.5, 1)),
            ("#ff0000ff", (1, 0, 0)),
        ],
    )
    def test_colors(self, given: object, expected: tuple[float, ...]) -> None:
        assert parse_background(given) == expected

    @pytest.mark.parametrize(
        ("given", "kind"),
        [
            ("no color", ValueError),
            ("#ff000080", ValueError),
            ((0, 0), ValueError),
            ((0, 0, 1.5), ValueError),
            ((-1, 0, 0), ValueError),
            ((0, 0, 256), ValueError),
            ((np.nan, 0, 0), ValueError),
            ((), ValueError),
            (7, TypeError),
            ((0, 0, "1"), TypeError),
            ((True, False, True), TypeError),
        ],
    )
    def test_anything_else(self, given: object, kind: type[Exception]) -> None:
        with pytest.raises(kind, match=r"\Abackground: expected [^\n]+\Z"):
            parse_background(given)
        with pytest.raises(kind, match=r"\Abackground: expected [^\n]+\Z"):
            segment(np.zeros((4, 5)), background=given)

    def test_a_color_is_mixed_as_levels(self, cut_out: np.ndarray) -> None:
        share = cut_out[:, :, 3:] / 255
        mixed = np.round(cut_out[:, :, :3] * share + 255 * np.array([1, 0, 1]) * (1 - share)) / 255
        np.testing.assert_allclose(read_photo(cut_out, background="magenta").pixels, mixed, atol=1.01 / 255)
        np.testing.assert_array_equal(read_photo(cut_out, background="magenta").pixels[0, 0], [1, 0, 1])

    def test_by_default_it_is_white_with_one_warning(self, cut_out: np.ndarray) -> None:
        with pytest.warns(
            UserWarning, match=r"^image: .* is transparent and was put over white; background="
        ) as seen:
            image = as_image(cut_out)
        assert len(seen) == 1
        np.testing.assert_array_equal(image, read_photo(cut_out, background="white").pixels)
        np.testing.assert_array_equal(image[0, 0], 1)  # nothing of the green

    @pytest.mark.parametrize("least", [254, 255])
    def test_as_good_as_opaque_is_opaque(self, cut_out: np.ndarray, least: int) -> None:
        cut_out[:, :, 3] = least
        np.testing.assert_array_equal(as_image(cut_out), cut_out[:, :, :3] / 255)
        assert read_photo(cut_out, background="layer").opacity is None


class TestSlivers:
    """Of layers over white, made by hand: an object with a soft edge, and what lies under it."""

    def made(self, peak: float, area: float) -> np.ndarray:
        """Return the layers where the white one has so large an alpha on such a part of the opaque row."""
        white = np.zeros((10, 100))
        white[:9] = 1
        white[9, : round(100 * area)] = peak
        opacity = np.zeros((10, 100))
        opacity[9] = 1
        return with_transparent_layer(np.dstack([white, 1 - white]), opacity)

    @pytest.mark.parametrize(("peak", "area"), [(0.4, 1.0), (0.55, 0.1), (0.75, 0.5)])
    def test_what_lay_under_the_photo_leaves_none(self, peak: float, area: float) -> None:
        layers = self.made(peak, area)
        assert layers.shape[2] == 2
        np.testing.assert_allclose(layers[9, :, 0], 1, atol=1e-6)  # the object grew in its place

    @pytest.mark.parametrize(("peak", "area"), [(1.0, 0.05), (0.9, 0.5)])
    def test_what_is_white_in_the_photo_stays(self, peak: float, area: float) -> None:
        layers = self.made(peak, area)
        assert layers.shape[2] == 3
        np.testing.assert_allclose(layers[9, 0, :2], [peak, 1 - peak], atol=1e-5)

    def test_a_faint_layer_that_is_large_stays(self) -> None:
        # Opacity 0.7 on half of the photo: a shadow, of which more than a sliver is left.
        shadow = np.zeros((10, 100))
        shadow[:5] = 1
        layers = with_transparent_layer(np.dstack([shadow, 1 - shadow]), np.where(shadow > 0, 0.7, 1.0))
        assert layers.shape[2] == 3


class TestLayer:
    def test_a_cut_out(self, cut_out: np.ndarray, tmp_path: Path) -> None:
        Image.fromarray(cut_out).save(tmp_path / "product.png")
        result = segment(tmp_path / "product.png", "low-level", background="layer", **SMALL)
        opacity = cut_out[:, :, 3] / 255
        # Alphas are of single precision.
        np.testing.assert_allclose(result.alphas[:, :, -1], 1 - opacity, atol=1e-6)
        np.testing.assert_allclose(result.alphas.sum(axis=2), 1, atol=1e-6)
        assert 2 <= result.alphas.shape[2] <= 4
        # No layer is the white that lay under the photo.
        assert (result.alphas[:, :, :-1].max(axis=(0, 1)) > 0.5).all()
        # All layers over nothing but themselves are the photo over white, and the color of nothing is white.
        recomposed = np.einsum("hwk,hwkc->hwc", result.alphas, result.colors)
        np.testing.assert_allclose(recomposed, result.image, atol=1e-5)
        np.testing.assert_allclose(result.colors[0, 0, -1], 1, atol=1e-5)

    def test_any_other_background_leaves_the_layers_alone(self, cut_out: np.ndarray) -> None:
        result = segment(cut_out, "low-level", background="black", **SMALL)
        assert result.alphas.shape[2] <= 3
        np.testing.assert_array_equal(result.image[0, 0], 0)

    def test_photos_that_were_read_before(self, cut_out: np.ndarray) -> None:
        photo = read_photo(cut_out, background="layer")
        result = segment(photo, "low-level", **SMALL)
        np.testing.assert_allclose(result.alphas[:, :, -1], 1 - cut_out[:, :, 3] / 255, atol=1e-6)
        with pytest.raises(ValueError, match=r"^image: it is read already: "):
            segment(photo, background="white")

    def test_the_baseline_too(self, cut_out: np.ndarray) -> None:
        result = spectral_matting(cut_out, n_eigenvectors=10, n_layers=3, background="layer")
        np.testing.assert_allclose(result.alphas[:, :, -1], 1 - cut_out[:, :, 3] / 255, atol=1e-6)

    def test_it_is_saved_and_loaded(self, cut_out: np.ndarray, tmp_path: Path) -> None:
        result = segment(cut_out, "low-level", background="layer", **SMALL)
        result.save(tmp_path / "product.npz")
        again = SoftSegmentation.load(tmp_path / "product.npz")
        # Half a step of 16 bits for each of the other layers.
        np.testing.assert_allclose(again.alphas, result.alphas, atol=4 / 65535)

    @pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
    def test_the_same_opacity_everywhere(self, rng: np.random.Generator, level: float) -> None:
        alphas = rng.dirichlet(np.ones(3), (6, 7)).astype(np.float32)
        made = with_transparent_layer(alphas, np.full((6, 7), level, dtype=np.float32))
        np.testing.assert_allclose(made.sum(axis=2), 1, atol=1e-6)
        np.testing.assert_allclose(made[:, :, -1], 1 - level, atol=1e-6)
        if level > 0:
            # What every layer gets at least is a millionth.
            np.testing.assert_allclose(made[:, :, :-1], level * alphas, atol=3e-6)
