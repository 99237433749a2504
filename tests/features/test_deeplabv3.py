"""DeepLab-v3 features: torchvision's own classes where it is installed, with random weights."""

from __future__ import annotations

import sys
import types
import urllib.error

import numpy as np
import pytest
import torch
from torch import nn

from softseg.features import deeplabv3, get
from softseg.features.deeplabv3 import DeepLabV3Features
from softseg.testing import ExtractorCase


@pytest.fixture(autouse=True)
def small_photos(monkeypatch):
    monkeypatch.setattr(deeplabv3, "_SIDE", 80)
    deeplabv3._load_network.cache_clear()
    yield
    deeplabv3._load_network.cache_clear()


@pytest.fixture
def torchvision_models(monkeypatch):
    """Put in torchvision's place a module whose ``get_model`` is ours."""
    package, models = types.ModuleType("torchvision"), types.ModuleType("torchvision.models")
    package.models = models
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    return models


class Small(nn.Module):
    """Put together like torchvision's: a backbone with named answers, a classifier that ends with classes."""

    def __init__(self):
        super().__init__()

        class Backbone(nn.Module):
            def forward(self, x):
                assert x.shape[2] % 16 == x.shape[3] % 16 == 0
                return {"out": nn.functional.avg_pool2d(x, 8), "aux": None}

        self.backbone = Backbone()
        self.classifier = nn.Sequential(nn.Conv2d(3, 256, 1), nn.Dropout(0.5), nn.Conv2d(256, 21, 1))


class TestDeepLabV3Features(ExtractorCase):
    @pytest.fixture
    def extractor(self, torchvision_models):
        def get_model(name, weights):
            assert (name, weights) == ("deeplabv3_resnet50", "DEFAULT")
            torch.manual_seed(1)
            return Small()

        torchvision_models.get_model = get_model
        return DeepLabV3Features()


@pytest.mark.parametrize("name", deeplabv3._MODELS)
def test_torchvisions_own_classes(monkeypatch, rng, name):
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(1)
    state = torchvision.models.get_model(
        name, weights=None, weights_backbone=None, aux_loss=True
    ).state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *args, **options: state)
    image = rng.random((40, 60, 3))
    features = DeepLabV3Features(name).extract(image)
    assert features.shape == (40, 60, 256)
    assert np.isfinite(features).all()
    assert features.std() > 0
    np.testing.assert_array_equal(DeepLabV3Features(name).extract(image), features)


def test_registered_by_name():
    assert get("deeplabv3") == DeepLabV3Features("deeplabv3_resnet50")


def test_offline_says_so_in_one_line(torchvision_models, rng):
    def get_model(name, weights):
        raise urllib.error.URLError("Name or service not known")

    torchvision_models.get_model = get_model
    with pytest.raises(OSError, match=r"^model: the weights of deeplabv3_resnet50 .* are you offline\?$"):
        DeepLabV3Features().extract(rng.random((20, 30, 3)))


def test_without_torchvision_the_extra_is_named(monkeypatch, rng):
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ImportError, match=r'^DeepLabV3Features .*: pip install "softseg\[torchvision\]"$'):
        DeepLabV3Features().extract(rng.random((20, 30, 3)))


def test_unknown_models_are_refused():
    with pytest.raises(ValueError, match=r"^model: expected one of deeplabv3_resnet50, .*, got 'resnet50'$"):
        DeepLabV3Features("resnet50")


def test_bad_device(rng):
    with pytest.raises(ValueError, match=r"^device: expected one that torch can use here, got 'abacus'"):
        DeepLabV3Features(device="abacus").extract(rng.random((20, 30, 3)))
