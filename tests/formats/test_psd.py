"""Photoshop files: each layer alone is the true matte, and all together are the photo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image
from psd_tools import PSDImage
from psd_tools.constants import BlendMode
from tests.formats.memory import peak_per_pixel
from tests.formats.named import NamedCase
from tests.results import Make

from softseg.formats.rounding import rounded_opacities
from softseg.images import eight_bits
from softseg.layers import colors, save
from softseg.result import SoftSegmentation
from softseg.testing import with_alphas
from softseg.testing.format import names


def composited(document: PSDImage) -> np.ndarray:
    """Return what psd-tools itself makes of the layers, not the flattened picture in the file."""
    return np.asarray(document.composite(force=True).convert("RGB")).astype(float)


def pixels(layer) -> np.ndarray:  # type: ignore[no-untyped-def]
    return np.rint(layer.numpy() * 255).astype(int)


class TestPSD(NamedCase):
    suffix = ".psd"
    others: ClassVar = {"blend": "normal", "names": ["sky", "sea", "sand", "sun"]}

    def check(self, path: Path, result: SoftSegmentation) -> None:
        photo = 255 * result.image
        document = PSDImage.open(path)
        assert document.size == (photo.shape[1], photo.shape[0])
        assert np.abs(composited(document) - photo).max() <= 2
        with Image.open(path) as flattened:
            assert flattened.format == "PSD"
            assert np.abs(np.asarray(flattened.convert("RGB")) - photo).max() <= 2


@pytest.mark.parametrize("blend", ["add", "normal"])
@pytest.mark.parametrize("bright", [False, True])
def test_the_layers_reopen_to_the_photo(
    tmp_path: Path, make_segmentation: Make, rng: np.random.Generator, blend: str, bright: bool
) -> None:
    alphas = rng.dirichlet(np.full(10, 0.3), (40, 50))
    alphas[:5] = np.eye(10)[3]
    result = with_alphas(make_segmentation(40, 50, 10), alphas)
    if bright:  # where plain linear dodge clips
        result = result.recolored(np.maximum(result.colors, 0.8))
    save(tmp_path / "out.psd", result, blend=blend)
    assert np.abs(composited(PSDImage.open(tmp_path / "out.psd")) - 255 * result.image).max() <= 2


@pytest.mark.parametrize("blend", ["add", "normal"])
def test_named_from_back_to_front_in_the_results_order(
    tmp_path: Path, make_segmentation: Make, blend: str
) -> None:
    alphas = np.broadcast_to([0.1, 0.5, 0.15, 0.25], (6, 9, 4))
    result = with_alphas(make_segmentation(6, 9, 4), alphas)
    assert result.order == (1, 3, 2, 0)
    save(tmp_path / "out.psd", result, blend=blend)
    stacked = [layer.name for layer in PSDImage.open(tmp_path / "out.psd")]
    assert stacked == ["black"] * (blend == "add") + [
        *("2 largest, back", "4 center", "3 center", "1 center"),
    ]


def test_added_layers_are_the_true_mattes(tmp_path: Path, make_segmentation: Make) -> None:
    result = make_segmentation(12, 17, 4)
    save(tmp_path / "out.psd", result)
    base, *groups = PSDImage.open(tmp_path / "out.psd")
    assert not pixels(base)[..., :3].any()
    opacities = {}
    for group in groups:
        assert group.blend_mode == BlendMode.LINEAR_DODGE
        black, layer = group
        assert not pixels(black)[..., :3].any()
        assert layer.blend_mode == BlendMode.NORMAL
        assert layer.name == group.name
        k = int(layer.name.split()[0]) - 1
        opacities[k] = pixels(layer)[..., 3]
        assert np.abs(opacities[k] - 255 * result.alphas[:, :, k]).max() < 1
        # Straight colors, moved a little to make up for the rounding of all layers' opacities.
        moved = np.abs(pixels(layer)[..., :3] - 255 * result.colors[:, :, k])
        assert moved.mean() < 0.6
        assert moved.max() < 6
    np.testing.assert_array_equal(sum(opacities.values()), 255)


def test_one_layer_alone(tmp_path: Path, make_segmentation: Make) -> None:
    result = make_segmentation(12, 17, 3)
    save(tmp_path / "out.psd", result)
    document = PSDImage.open(tmp_path / "out.psd")
    for group in list(document)[1:]:
        group.visible = group.name.startswith("2 ")
    matte = 255 * result.alphas[:, :, 1, None] * result.colors[:, :, 1]
    assert np.abs(composited(document) - matte).max() < 4


def test_covering_layers(tmp_path: Path, make_segmentation: Make) -> None:
    alphas = np.broadcast_to([0.6, 0.1, 0.3], (6, 9, 3)).copy()
    alphas[2, 1:-1] = (0, 0, 1)
    result = with_alphas(make_segmentation(6, 9, 3), alphas)
    save(tmp_path / "out.psd", result, blend="normal", names=["layer 1", "layer 2", "layer 3"])
    back, middle, front = PSDImage.open(tmp_path / "out.psd")
    assert [layer.name for layer in (back, middle, front)] == ["layer 1", "layer 3", "layer 2"]
    assert all(layer.blend_mode == BlendMode.NORMAL for layer in (back, middle, front))
    assert (pixels(back)[..., 3] == 255).all()
    assert (pixels(middle)[2, 1:-1, 3] == 255).all()
    # The front layer's is its alpha; the middle one's is its share of the two that are not in front.
    np.testing.assert_allclose(pixels(front)[3:, :, 3], 255 * 0.1, atol=1)
    np.testing.assert_allclose(pixels(middle)[3:, :, 3], 255 * 0.3 / 0.9, atol=1.5)


def test_edited_colors_are_kept(tmp_path: Path, make_segmentation: Make) -> None:
    result = make_segmentation(6, 9, 2)
    colors = result.colors.copy()
    colors[:, :, 0] = (1, 0, 0)
    save(tmp_path / "out.psd", result.recolored(colors))
    (layer,) = (
        layer
        for layer in PSDImage.open(tmp_path / "out.psd").descendants()
        if layer.kind == "pixel" and layer.name.startswith("1 ")
    )
    np.testing.assert_allclose(pixels(layer)[..., :3], np.broadcast_to((255, 0, 0), (6, 9, 3)), atol=6)


def test_an_unknown_blend(tmp_path: Path, make_segmentation: Make) -> None:
    with pytest.raises(ValueError, match=r"\Ablend: expected 'add' or 'normal', got 'screen'\Z"):
        save(tmp_path / "out.psd", make_segmentation(5, 8, 2), blend="screen")
    assert names(tmp_path) == []


@pytest.mark.parametrize("blend", ["add", "normal"])
def test_it_does_not_matter_in_how_many_pieces_it_is_written(
    tmp_path: Path, make_segmentation: Make, monkeypatch: pytest.MonkeyPatch, blend: str
) -> None:
    given = make_segmentation(70, 31, 4)
    for name, result in {"given": given, "found": replace(given)}.items():
        save(tmp_path / f"{name} whole.psd", result, blend=blend)
        monkeypatch.setattr(colors, "PIECE_PIXELS", 3 * 31)
        monkeypatch.setattr(colors, "STRIP_PIXELS", 40 * 31)
        save(tmp_path / f"{name} pieces.psd", result, blend=blend)
        monkeypatch.undo()
        for whole, pieces in zip(
            *(PSDImage.open(tmp_path / f"{name} {parts}.psd").descendants() for parts in ("whole", "pieces")),
            strict=True,
        ):
            assert whole.name == pieces.name
            if whole.kind == "pixel":
                np.testing.assert_array_equal(pixels(whole), pixels(pieces))


@pytest.mark.parametrize("blend", ["add", "normal"])
def test_the_flattened_picture_is_the_photo(tmp_path: Path, make_segmentation: Make, blend: str) -> None:
    result = make_segmentation(33, 47, 3)
    save(tmp_path / "out.psd", result, blend=blend)
    with Image.open(tmp_path / "out.psd") as flattened:
        np.testing.assert_array_equal(np.asarray(flattened.convert("RGB")), eight_bits(result.image))


def test_colors_are_never_held_all_at_once(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All colors are 96 bytes a pixel. Of these are left a quarter, at half the size; a strip with what is
    # above and below it; and the compressed file, which is as large as the layers, since this is noise.
    assert peak_per_pixel(tmp_path / "out.psd", rng, monkeypatch) < 24 + 20 + 64


def test_hard_layers_have_hard_opacities() -> None:
    alphas = np.eye(5, dtype=np.float32)[np.arange(20).reshape(4, 5) % 5]
    np.testing.assert_array_equal(rounded_opacities(alphas), 255 * alphas)


@pytest.mark.parametrize("blend", ["add", "normal"])
def test_names_in_any_letters(tmp_path: Path, make_segmentation: Make, blend: str) -> None:
    # Black is also what lies below; nothing may be mixed up.
    called = ["фото 写真", "black", "é 🐈"]
    result = make_segmentation(12, 17, 3)
    save(tmp_path / "out.psd", result, blend=blend, names=called)
    document = PSDImage.open(tmp_path / "out.psd")
    assert np.abs(composited(document) - 255 * result.image).max() <= 2
    assert [layer.name for layer in document][-3:] == [called[k] for k in result.order]
    if blend == "add":
        for k, group in zip(result.order, list(document)[1:], strict=True):
            below, layer = group
            assert (below.name, layer.name) == ("black", called[k])
            assert np.abs(pixels(layer)[..., 3] - 255 * result.alphas[:, :, k]).max() < 1
