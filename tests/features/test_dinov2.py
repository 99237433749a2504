"""DINOv2 features, of a small model of the same class with random weights."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from softseg.features import _inference, dinov2, get
from softseg.features.dinov2 import DINOv2Features
from softseg.testing import ExtractorCase

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    config = transformers.Dinov2Config(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14
    )
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("model")
    transformers.Dinov2Model(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(autouse=True)
def small_photos(monkeypatch):
    monkeypatch.setattr(dinov2, "_SIDE", 70)


class TestDINOv2Features(ExtractorCase):
    # Tokens know where they are, and with random weights little else.
    test_one_color_gives_one_vector = None
    test_rows_and_columns_are_told_apart = None

    @pytest.fixture
    def extractor(self, model):
        return DINOv2Features(model)


def test_tokens_lie_where_their_patches_are(model, rng):
    # A photo that needs no resizing: the middles of its patches have the tokens, up to what is interpolated.
    image = rng.random((70, 70, 3)) * 0.1
    network = transformers.Dinov2Model.from_pretrained(model).eval()
    pixels = (image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.inference_mode():
        batch = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32))
        tokens = network(batch).last_hidden_state[0, 1:].numpy()
    expected = dinov2.at_full_size(tokens.reshape(5, 5, 24), image)
    np.testing.assert_allclose(DINOv2Features(model).extract(image), expected, atol=1e-4)


def test_wide_photos_stay_wide(model, rng, monkeypatch):
    sizes = []
    forward = transformers.Dinov2Model.forward

    def recorded(self, pixel_values, **options):
        sizes.append(tuple(pixel_values.shape))
        return forward(self, pixel_values, **options)

    monkeypatch.setattr(transformers.Dinov2Model, "forward", recorded)
    DINOv2Features(model).extract(rng.random((36, 120, 3)))
    assert sizes == [(1, 3, 42, 126)]


def test_out_of_memory_falls_back_to_tiles(model, rng, monkeypatch):
    monkeypatch.setattr(_inference, "TILES", (32,))
    monkeypatch.setattr(_inference, "OVERLAP", 8)
    at_full_size, widths = dinov2.at_full_size, []

    def limited(maps, image):
        widths.append(image.shape[1])
        if image.shape[1] > 32:
            raise MemoryError
        return at_full_size(maps, image)

    monkeypatch.setattr(dinov2, "at_full_size", limited)
    with pytest.warns(UserWarning, match="tiles of 32 pixels"):
        features = DINOv2Features(model).extract(rng.random((20, 50, 3)))
    assert widths == [50, 32, 32]
    assert np.isfinite(features).all()


def test_registered_by_name():
    assert get("dinov2") == DINOv2Features("facebook/dinov2-small")


def test_offline_says_so_in_one_line(monkeypatch, tmp_path, rng):
    def offline(name, **options):
        raise OSError(f"We couldn't connect to the hub to load {name}.\nCheck your internet connection.")

    monkeypatch.setattr(transformers.Dinov2Model, "from_pretrained", offline)
    with pytest.raises(OSError, match=r"^model: facebook/dinov2-base is not .* are you offline\?$"):
        DINOv2Features("facebook/dinov2-base").extract(rng.random((20, 30, 3)))


def test_without_transformers_the_extra_is_named(monkeypatch, rng):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r'^DINOv2Features needs .*: pip install "softseg\[dinov2\]"$'):
        DINOv2Features("not loaded before").extract(rng.random((20, 30, 3)))


def test_bad_device(model, rng):
    with pytest.raises(ValueError, match=r"^device: expected one that torch can use here, got 'abacus'"):
        DINOv2Features(model, device="abacus").extract(rng.random((20, 30, 3)))
