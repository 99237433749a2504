"""The paper's features from a file of weights."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from tests.features import sss_reference as reference

from softseg.features import _inference, get
from softseg.features._sss_network import SSSNetwork
from softseg.features._weights import save_weights
from softseg.features.convert import _reorder_for_torch, variable_names
from softseg.features.sss import SSSFeatures
from softseg.testing import ExtractorCase

WIDTH = 3


@pytest.fixture(scope="module")
def variables():
    return reference.random_variables(WIDTH, np.random.default_rng(5))


@pytest.fixture(scope="module")
def checkpoint(variables, tmp_path_factory):
    network = SSSNetwork(WIDTH)
    state = network.state_dict()
    for key, name in variable_names(network).items():
        state[key] = torch.from_numpy(_reorder_for_torch(variables[name]))
    path = tmp_path_factory.mktemp("weights") / "sss.safetensors"
    save_weights(path, state, "sss")
    return path


class TestSSSFeatures(ExtractorCase):
    # As published, the network pads with zeros and sees the borders from afar; random weights, moreover, do
    # not care for what is in the photo.
    test_one_color_gives_one_vector = None
    test_rows_and_columns_are_told_apart = None

    @pytest.fixture
    def extractor(self, checkpoint):
        return SSSFeatures(checkpoint)


@pytest.mark.parametrize("batch_statistics", [False, True])
def test_features_are_those_of_the_direct_computation(checkpoint, variables, rng, batch_statistics):
    image = rng.random((11, 16, 3))
    expected = reference.direct_features(variables, image, batch_statistics)
    features = SSSFeatures(checkpoint, batch_statistics=batch_statistics).extract(image)
    np.testing.assert_allclose(features, expected, atol=1e-3 * np.abs(expected).max())


def test_moving_averages_are_the_default_and_differ(checkpoint, rng):
    image = rng.random((11, 16, 3))
    default = SSSFeatures(checkpoint).extract(image)
    np.testing.assert_array_equal(SSSFeatures(checkpoint, batch_statistics=False).extract(image), default)
    assert np.abs(SSSFeatures(checkpoint, batch_statistics=True).extract(image) - default).mean() > 0.1


def test_out_of_memory_falls_back_to_tiles(checkpoint, rng, monkeypatch):
    monkeypatch.setattr(_inference, "TILES", (24,))
    monkeypatch.setattr(_inference, "OVERLAP", 8)
    forward, sizes = SSSNetwork.forward, []

    def limited(self, photos):
        sizes.append(tuple(photos.shape[2:]))
        if photos.shape[3] > 24:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return forward(self, photos)

    monkeypatch.setattr(SSSNetwork, "forward", limited)
    with pytest.warns(UserWarning, match="out of memory; computed in tiles of 24 pixels"):
        features = SSSFeatures(checkpoint).extract(rng.random((20, 40, 3)))
    assert sizes == [(20, 40), (20, 24), (20, 24)]
    assert features.shape == (20, 40, 2 * WIDTH)
    assert np.isfinite(features).all()


def test_a_file_written_anew_is_read_anew(variables, tmp_path, rng):
    image, path = rng.random((5, 6, 3)), tmp_path / "w.safetensors"
    state = SSSNetwork(WIDTH).state_dict()
    save_weights(path, state, "sss")
    extractor = SSSFeatures(path)
    before, named = extractor.extract(image), extractor.fingerprint()
    state["head.fc3.bias"] += 1
    save_weights(path, state, "sss")
    os.utime(path, ns=(1, 1))  # clocks may be too coarse to tell the two
    np.testing.assert_allclose(extractor.extract(image), before + 1, atol=1e-5)
    assert extractor.fingerprint() != named


def test_no_checkpoint_says_how_to_get_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^checkpoint: no such file: .*softseg convert-checkpoint"):
        SSSFeatures(tmp_path / "missing.safetensors")


def test_by_name_it_is_the_checkpoint_in_the_users_folder(checkpoint, monkeypatch):
    monkeypatch.setattr("typer.get_app_dir", lambda name: str(checkpoint.parent))
    assert get("sss") == SSSFeatures(checkpoint)


def test_wrong_weights(tmp_path, rng):
    path = tmp_path / "w.safetensors"
    state = SSSNetwork(WIDTH).state_dict()
    del state["head.fc3.bias"]
    save_weights(path, state, "sss")
    with pytest.raises(ValueError, match=r"^checkpoint: its weights are not those of the network it names"):
        SSSFeatures(path).extract(rng.random((5, 6, 3)))
    save_weights(path, {"other": torch.ones(2)}, "sss")
    os.utime(path, ns=(1, 1))
    with pytest.raises(ValueError, match=r"^checkpoint: its weights are not those of the network it names"):
        SSSFeatures(path).extract(rng.random((5, 6, 3)))


def test_weights_that_give_nan(tmp_path, rng):
    state = SSSNetwork(WIDTH).state_dict()
    state["head.fc3.bias"][0] = torch.nan
    save_weights(tmp_path / "w.safetensors", state, "sss")
    with pytest.raises(ValueError, match=r"^features: expected finite values, got NaN or infinity"):
        SSSFeatures(tmp_path / "w.safetensors").extract(rng.random((5, 6, 3)))


def test_bad_device(checkpoint, rng):
    with pytest.raises(ValueError, match=r"^device: expected one that torch can use here, got 'abacus'"):
        SSSFeatures(checkpoint, device="abacus").extract(rng.random((5, 6, 3)))


def test_repr_can_be_pasted_back():
    extractor = SSSFeatures(__file__, batch_statistics=True)  # any file: it is read to extract features only
    assert eval(repr(extractor)) == extractor


def test_torch_is_imported_only_to_extract():
    code = (
        "import sys, softseg.features.sss, softseg.features.dinov2, softseg.features.deeplabv3, "
        "softseg.features.module, softseg.features.cached, softseg.features.convert; "
        "sys.exit(bool({'torch', 'transformers', 'torchvision', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
