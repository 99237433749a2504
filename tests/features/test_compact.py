"""The shipped network: the contract of every extractor, its weights, its limits, and what it is for."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from tests.features.extractor_case import ExtractorCase

from softseg.features import CompactFeatures, LowLevelFeatures, get
from softseg.features._compact_network import CompactNetwork
from softseg.features._weights import load_weights, save_weights
from softseg.features.compact import BUNDLED, working_size
from softseg.features.training import photo_auc


class TestCompactFeatures(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return CompactFeatures()


@pytest.fixture
def random_weights(tmp_path):
    torch.manual_seed(3)
    save_weights(tmp_path / "random.safetensors", CompactNetwork().state_dict(), "compact")
    return tmp_path / "random.safetensors"


def test_is_the_default():
    assert get("default") == get("compact") == CompactFeatures()


def test_is_small_enough_to_ship():
    assert sum(p.numel() for p in CompactNetwork().parameters()) < 2_000_000
    assert BUNDLED.stat().st_size < 4_000_000


def test_tells_a_face_from_what_surrounds_it():
    # Skin, hair, suit, flag and background of the astronaut: pixel pairs within and across, by hand.
    photo = astronaut()[:384, :384] / 255
    regions = np.zeros((384, 384), np.uint8)
    for number, (top, bottom, left, right) in enumerate(
        [(70, 150, 200, 250), (260, 370, 120, 180), (20, 120, 0, 60), (20, 120, 340, 380)], start=1
    ):
        regions[top:bottom, left:right] = number
    inside = np.argwhere(regions)
    chosen = inside[np.random.default_rng(0).choice(len(inside), 900)]
    samples = np.s_[chosen[:, 0], chosen[:, 1]]

    def auc(extractor):
        features = extractor.extract(photo)[samples].reshape(30, 30, -1)
        return photo_auc(features, regions[samples].reshape(1, 30, 30), np.random.default_rng(0))

    assert auc(CompactFeatures()) > max(0.92, auc(LowLevelFeatures()))


def test_the_mirror_image_has_mirrored_features(rng):
    image = rng.random((64, 96, 3))
    features = CompactFeatures().extract(image)
    mirrored = CompactFeatures().extract(np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(mirrored[:, ::-1], features, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((321, 481), (320, 480)), ((480, 640), (480, 640)), ((3000, 4000), (480, 640)), ((3, 3), (160, 160))],
)
def test_working_size(shape, expected):
    assert working_size(*shape, multiple=32) == expected


def test_long_photos_keep_at_least_one_cell_across():
    assert min(working_size(3, 3000, multiple=32)) == 32


def test_other_weights(random_weights, rng):
    image = rng.random((20, 30, 3))
    theirs = CompactFeatures(random_weights).extract(image)
    assert np.abs(theirs - CompactFeatures().extract(image)).max() > 0.1
    with torch.inference_mode():
        assert theirs.shape == (20, 30, 32)


def test_weights_that_changed_on_disk_are_read_again(random_weights, rng):
    image = rng.random((20, 30, 3))
    extractor = CompactFeatures(random_weights)
    before, named = extractor.extract(image), extractor.fingerprint()
    save_weights(random_weights, load_weights(BUNDLED, "compact"), "compact")
    os.utime(random_weights, ns=(0, 0))
    assert np.abs(extractor.extract(image) - before).max() > 0.1
    assert extractor.fingerprint() != named


def test_no_such_weights(tmp_path, rng):
    with pytest.raises(FileNotFoundError, match="checkpoint: no such file"):
        CompactFeatures(tmp_path / "none.safetensors").extract(rng.random((20, 30, 3)))


def test_weights_of_another_network(tmp_path, rng):
    save_weights(tmp_path / "other.safetensors", {"a": torch.ones(1)}, "sss")
    with pytest.raises(ValueError, match="expected weights of 'compact', got those of 'sss'"):
        CompactFeatures(tmp_path / "other.safetensors").extract(rng.random((20, 30, 3)))


def test_weights_of_other_shapes(tmp_path, rng):
    save_weights(tmp_path / "odd.safetensors", {"a": torch.ones(1)}, "compact")
    with pytest.raises(ValueError, match="not those of the network it names"):
        CompactFeatures(tmp_path / "odd.safetensors").extract(rng.random((20, 30, 3)))


def test_damaged_weights(random_weights, rng):
    content = bytearray(random_weights.read_bytes())
    content[-1000] ^= 1
    random_weights.write_bytes(content)
    with pytest.raises(ValueError, match="SHA-256"):
        CompactFeatures(random_weights).extract(rng.random((20, 30, 3)))


def test_weights_that_are_no_numbers(tmp_path, rng):
    weights = CompactNetwork().state_dict()
    weights["head.1.bias"][0] = float("nan")
    save_weights(tmp_path / "nan.safetensors", weights, "compact")
    with pytest.raises(ValueError, match="expected finite values"):
        CompactFeatures(tmp_path / "nan.safetensors").extract(rng.random((20, 30, 3)))


def test_a_device_that_is_not_there(rng):
    with pytest.raises(ValueError, match="device: expected one that torch can use here, got 'abacus'"):
        CompactFeatures(device="abacus").extract(rng.random((20, 30, 3)))


def test_out_of_memory_falls_back_to_tiles(monkeypatch, rng):
    whole = CompactNetwork.forward
    seen = []

    def forward(self, inputs):
        seen.append(inputs.shape)
        if len(seen) == 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return whole(self, inputs)

    monkeypatch.setattr(CompactNetwork, "forward", forward)
    with pytest.warns(UserWarning, match="out of memory; computed in tiles of 256 pixels"):
        features = CompactFeatures().extract(rng.random((40, 300, 3)))
    assert features.shape == (40, 300, 32)
    assert len(seen) == 3


class TestCompactNetwork:
    def test_maps_of_a_quarter_of_the_size(self):
        maps = CompactNetwork().eval()(torch.rand(2, 3, 64, 96))
        assert maps.shape == (2, 32, 16, 24)

    def test_features_have_length_one(self):
        maps = CompactNetwork().eval()(torch.rand(1, 3, 32, 32))
        torch.testing.assert_close(maps.square().sum(1), torch.ones(1, 8, 8))

    def test_edges_are_repeated_as_by_replication_padding(self):
        network = CompactNetwork().eval()
        photo = torch.rand(1, 3, 32, 32)
        stem = network.stem[0]
        expected = stem[1](torch.nn.functional.pad(photo, (1, 1, 1, 1), mode="replicate"))
        torch.testing.assert_close(stem[1](stem[0](photo)), expected)

    def test_every_pixel_sees_the_whole_photo(self):
        network = CompactNetwork().eval()
        photo = torch.rand(1, 3, 96, 320)
        changed = photo.clone()
        changed[..., :32] = 0
        assert (network(photo) - network(changed))[..., -1].abs().max() > 1e-6

    def test_only_weights_of_convolutions_decay(self):
        network = CompactNetwork()
        decaying, others = network.parameter_groups(lr=0.1, weight_decay=0.5)
        assert (decaying["weight_decay"], others["weight_decay"]) == (0.5, 0.0)
        assert all(p.ndim == 4 for p in decaying["params"])
        assert all(p.ndim == 1 for p in others["params"])
        assert len(decaying["params"]) + len(others["params"]) == len(list(network.parameters()))
