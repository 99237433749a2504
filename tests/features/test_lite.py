"""The shipped network: the contract of every extractor, its weights, its limits, and what it is for."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from softseg.features import LiteFeatures, LowLevelFeatures, get
from softseg.features._lite_network import LiteNetwork
from softseg.features._weights import load_weights, save_weights
from softseg.features.lite import BUNDLED, working_size
from softseg.testing import ExtractorCase
from softseg.training import photo_auc


class TestLiteFeatures(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return LiteFeatures()


@pytest.fixture
def random_weights(tmp_path):
    torch.manual_seed(3)
    save_weights(tmp_path / "random.safetensors", LiteNetwork().state_dict(), "lite")
    return tmp_path / "random.safetensors"


def test_is_the_default():
    assert get("default") == get("lite") == LiteFeatures()


def test_is_small_enough_to_ship():
    assert sum(p.numel() for p in LiteNetwork().parameters()) < 5_000_000
    assert BUNDLED.stat().st_size < 12_000_000


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

    assert auc(LiteFeatures()) > max(0.92, auc(LowLevelFeatures()))


def test_the_mirror_image_has_mirrored_features(rng):
    image = rng.random((64, 96, 3))
    features = LiteFeatures().extract(image)
    mirrored = LiteFeatures().extract(np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(mirrored[:, ::-1], features, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((321, 481), (320, 480)), ((480, 640), (352, 448)), ((3000, 4000), (352, 448)), ((3, 3), (160, 160))],
)
def test_working_size(shape, expected):
    assert working_size(*shape, multiple=32) == expected


def test_long_photos_keep_at_least_one_cell_across():
    assert min(working_size(3, 3000, multiple=32)) == 32


def test_the_bits_do_not_depend_on_the_number_of_threads(rng):
    image, before = rng.random((72, 90, 3)), torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(LiteFeatures().extract(image))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_other_weights(random_weights, rng):
    image = rng.random((20, 30, 3))
    theirs = LiteFeatures(random_weights).extract(image)
    assert np.abs(theirs - LiteFeatures().extract(image)).max() > 0.1
    with torch.inference_mode():
        assert theirs.shape == (20, 30, 32)


def test_weights_that_changed_on_disk_are_read_again(random_weights, rng):
    image = rng.random((20, 30, 3))
    extractor = LiteFeatures(random_weights)
    before, named = extractor.extract(image), extractor.fingerprint()
    save_weights(random_weights, load_weights(BUNDLED, "lite"), "lite")
    os.utime(random_weights, ns=(0, 0))
    assert np.abs(extractor.extract(image) - before).max() > 0.1
    assert extractor.fingerprint() != named


def test_no_such_weights(tmp_path, rng):
    with pytest.raises(FileNotFoundError, match="checkpoint: no such file"):
        LiteFeatures(tmp_path / "none.safetensors").extract(rng.random((20, 30, 3)))


@pytest.mark.parametrize("network", ["sss", "compact"])
def test_weights_of_another_network(network, tmp_path, rng):
    save_weights(tmp_path / "other.safetensors", {"a": torch.ones(1)}, network)
    with pytest.raises(ValueError, match=f"expected weights of 'lite', got those of '{network}'"):
        LiteFeatures(tmp_path / "other.safetensors").extract(rng.random((20, 30, 3)))


def test_weights_of_other_shapes(tmp_path, rng):
    save_weights(tmp_path / "odd.safetensors", {"a": torch.ones(1)}, "lite")
    with pytest.raises(ValueError, match="not those of the network it names"):
        LiteFeatures(tmp_path / "odd.safetensors").extract(rng.random((20, 30, 3)))


def test_damaged_weights(random_weights, rng):
    content = bytearray(random_weights.read_bytes())
    content[-1000] ^= 1
    random_weights.write_bytes(content)
    with pytest.raises(ValueError, match="SHA-256"):
        LiteFeatures(random_weights).extract(rng.random((20, 30, 3)))


def test_weights_that_are_no_numbers(tmp_path, rng):
    weights = LiteNetwork().state_dict()
    weights["head.2.bias"][0] = float("nan")
    save_weights(tmp_path / "nan.safetensors", weights, "lite")
    with pytest.raises(ValueError, match="expected finite values"):
        LiteFeatures(tmp_path / "nan.safetensors").extract(rng.random((20, 30, 3)))


def test_a_device_that_is_not_there(rng):
    with pytest.raises(ValueError, match="device: expected one that torch can use here, got 'abacus'"):
        LiteFeatures(device="abacus").extract(rng.random((20, 30, 3)))


def test_out_of_memory_falls_back_to_tiles(monkeypatch, rng):
    whole = LiteNetwork.forward
    seen = []

    def forward(self, inputs):
        seen.append(inputs.shape)
        if len(seen) == 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return whole(self, inputs)

    monkeypatch.setattr(LiteNetwork, "forward", forward)
    with pytest.warns(UserWarning, match="out of memory; computed in tiles of 256 pixels"):
        features = LiteFeatures().extract(rng.random((40, 300, 3)))
    assert features.shape == (40, 300, 32)
    assert seen.count(seen[-1]) == 4  # two tiles, each of them as it is and mirrored
