"""The paper's network: each place where ports go wrong, against a slow direct computation, and the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.features import sss_reference as reference

from softseg.features import _sss_network
from softseg.features._sss_network import (
    MEANS,
    PADDING,
    SameConv2d,
    SSSNetwork,
    max_pool,
    reflect,
    resize_as_tensorflow,
)
from softseg.features.convert import _reorder_for_torch, variable_names

WIDTH = 3


def channels_first(x):
    return torch.from_numpy(np.moveaxis(x, -1, 0)[None].astype(np.float32))


def channels_last(x):
    return np.moveaxis(x[0].detach().numpy(), 0, -1)


@pytest.fixture(scope="module")
def variables():
    return reference.random_variables(WIDTH, np.random.default_rng(11))


@pytest.fixture
def network(variables):
    network = SSSNetwork(WIDTH)
    state = network.state_dict()
    for key, name in variable_names(network).items():
        state[key] = torch.from_numpy(_reorder_for_torch(variables[name]))
    network.load_state_dict(state)
    return network.eval()


@pytest.mark.parametrize("batch_statistics", [False, True])
@pytest.mark.parametrize("shape", [(14, 9), (9, 14), (53, 8)])
def test_whole_network_equals_the_direct_computation(network, variables, rng, shape, batch_statistics):
    image = rng.random((*shape, 3))
    expected = reference.direct_features(variables, image, batch_statistics)
    assert expected.std() > 0.1
    if batch_statistics:
        network.use_batch_statistics()
    with torch.inference_mode():
        features = channels_last(network(network.normalize(channels_first(image))))
    # float32 through a hundred layers; batch statistics divide by small variances and amplify what is left.
    tolerance = 1e-3 if batch_statistics else 1e-4
    np.testing.assert_allclose(features, expected, atol=tolerance * np.abs(expected).max())


def test_input_is_bgr_less_the_means(rng):
    photo = rng.random((4, 5, 3))
    expected = np.empty((4, 5, 3))
    for y in range(4):
        for x in range(5):
            red, green, blue = 255 * photo[y, x]
            expected[y, x] = blue - 104.00698793, green - 116.66876762, red - 122.67891434
    result = channels_last(SSSNetwork(WIDTH).normalize(channels_first(photo)))
    np.testing.assert_allclose(result, expected, atol=3e-5)  # float32 of values up to 255
    assert MEANS == (104.00698793, 116.66876762, 122.67891434)


@pytest.mark.parametrize("shape", [(60, 51), (51, 60), (50, 49), (3, 120), (20, 4), (2, 3)])
def test_padding_mirrors_fifty_pixels(rng, shape):
    image = rng.random((*shape, 2))
    rows, columns = (reference.mirrored(n, 50) for n in shape)
    result = channels_last(reflect(channels_first(image), PADDING))
    assert result.shape == (shape[0] + 100, shape[1] + 100, 2)
    np.testing.assert_array_equal(result, image.astype(np.float32)[rows][:, columns])


def test_padding_does_not_repeat_the_border():
    ramp = torch.arange(60.0).reshape(1, 1, 1, 60).repeat(1, 1, 60, 1)
    line = reflect(ramp, PADDING)[0, 0, 0]
    assert line[48:53].tolist() == [2, 1, 0, 1, 2]
    assert line[[0, 50 + 59 + 50]].tolist() == [50, 9]


@pytest.mark.parametrize("shape", [(10, 11), (11, 10), (7, 7), (4, 13), (1, 2)])
@pytest.mark.parametrize(
    ("size", "stride", "dilation"), [(7, 2, 1), (1, 2, 1), (1, 1, 1), (3, 1, 1), (3, 1, 2), (3, 1, 4)]
)
def test_same_padding_of_convolutions(rng, shape, size, stride, dilation):
    image = rng.normal(size=(*shape, 2))
    convolution = SameConv2d(2, 5, size, stride, dilation, bias=False)
    weights = convolution.weight.detach().numpy().transpose(2, 3, 1, 0)
    expected = reference.conv_same(image, weights, stride, dilation)
    result = channels_last(convolution(channels_first(image)))
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize(("length", "before", "after"), [(10, 2, 3), (11, 3, 3)])
def test_the_first_convolution_sees_two_pixels_before_an_even_side_and_three_before_an_odd_one(
    length, before, after
):
    convolution = SameConv2d(1, 1, 7, stride=2, bias=False)
    torch.nn.init.ones_(convolution.weight)
    counts = channels_last(convolution(torch.ones(1, 1, length, length)))[..., 0]
    assert counts[0, 0] == (7 - before) ** 2
    assert counts[-1, -1] == (7 - after) ** 2


@pytest.mark.parametrize("shape", [(10, 11), (11, 10), (7, 7), (4, 13)])
def test_same_padding_of_the_pool(rng, shape):
    image = rng.normal(-3, 1, (*shape, 2))  # below zero, so that a zero from the padding would win
    result = channels_last(max_pool(channels_first(image)))
    np.testing.assert_array_equal(result, reference.max_pool_same(image.astype(np.float32)))


@pytest.mark.parametrize("shape", [(4, 6), (1, 5), (13, 14)])
@pytest.mark.parametrize("size", [(13, 14), (32, 47)])
def test_resize_equals_the_direct_computation(rng, shape, size):
    image = rng.normal(size=(*shape, 3))
    result = channels_last(resize_as_tensorflow(channels_first(image), size, range(size[0]), range(size[1])))
    np.testing.assert_allclose(result, reference.resized_tf1(image, *size), atol=1e-5)


def test_resize_starts_at_the_first_pixel_and_stays_at_the_last():
    line = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
    assert resize_as_tensorflow(line, (1, 4), range(1), range(4)).flatten().tolist() == [0, 0.5, 1, 1]


def test_a_part_of_the_resized_map_is_that_part(rng):
    image = channels_first(rng.normal(size=(5, 6, 3)))
    whole = resize_as_tensorflow(image, (31, 44), range(31), range(44))
    part = resize_as_tensorflow(image, (31, 44), range(7, 22), range(10, 40))
    assert torch.equal(part, whole[:, :, 7:22, 10:40])


def test_the_references_are_what_tensorflow_does(rng):
    tf = pytest.importorskip("tensorflow")
    image = rng.normal(size=(1, 11, 14, 2)).astype(np.float32)
    weights = rng.normal(size=(3, 3, 2, 4)).astype(np.float32)
    for stride, dilation in [(2, 1), (1, 2), (1, 4)]:
        expected = tf.nn.conv2d(image, weights, stride, "SAME", dilations=dilation)[0]
        result = reference.conv_same(image[0], weights, stride, dilation)
        np.testing.assert_allclose(result, expected, atol=1e-5)
    np.testing.assert_array_equal(reference.max_pool_same(image[0]), tf.nn.max_pool2d(image, 3, 2, "SAME")[0])
    enlarged = tf.raw_ops.ResizeBilinear(images=image, size=(29, 40))[0]
    np.testing.assert_allclose(reference.resized_tf1(image[0], 29, 40), enlarged, atol=1e-5)
    mirrored = tf.pad(image, [[0, 0], [5, 5], [5, 5], [0, 0]], "REFLECT")[0]
    rows, columns = reference.mirrored(11, 5), reference.mirrored(14, 5)
    np.testing.assert_array_equal(image[0][rows][:, columns], mirrored)


def test_published_shapes():
    with torch.device("meta"):
        network = SSSNetwork().eval()
        photos = torch.empty(1, 3, 321, 321)
        channels = [layer.shape[1] for layer in network.layers(torch.empty(1, 3, 421, 421))]
        assert network(photos).shape == (1, 128, 321, 321)
    assert channels == [4, 124, 128, 256, 512]
    assert network.head.fc1.factor1.weight.shape == (256, 1024, 1, 1)
    assert network.head.fc2.factor2.weight.shape == (512, 256, 1, 1)
    assert network.head.fc3.weight.shape == (128, 1024, 1, 1)
    # The trunk is ResNet-101 without its classifier, which has 42,500,160 parameters.
    head_and_hypercolumn = {*network.head.parameters(), *network.hypercolumn.parameters()}
    trunk = [p for p in network.parameters() if not any(p is other for other in head_and_hypercolumn)]
    assert sum(p.numel() for p in trunk) == 42_500_160


def test_output_stride_is_eight_from_stage_two_on():
    with torch.device("meta"):
        sizes = [tuple(layer.shape[2:]) for layer in SSSNetwork(WIDTH).layers(torch.empty(1, 3, 160, 201))]
    assert sizes == [(160, 201), (40, 51), (20, 26), (20, 26), (20, 26)]


def test_bands_change_nothing(network, rng, monkeypatch):
    photos = network.normalize(torch.from_numpy(rng.random((2, 3, 20, 17), np.float32)))
    with torch.inference_mode():
        whole = network(photos)
        monkeypatch.setattr(_sss_network, "_PIXELS_PER_BAND", 3 * 17)
        np.testing.assert_allclose(network(photos), whole, atol=1e-5)


def test_parameter_groups_are_the_published_ones():
    network = SSSNetwork(WIDTH)
    groups = network.parameter_groups(lr=0.1, weight_decay=0.01)
    of = {id(p): group for group in groups for p in group["params"]}
    assert len(of) == sum(len(group["params"]) for group in groups)  # none twice
    factors = {}
    for name, parameter in network.named_parameters():
        if ".norm." in name:
            assert not parameter.requires_grad
            assert id(parameter) not in of
        else:
            group = of[id(parameter)]
            factors[name] = group["lr"] / 0.1
            assert group["weight_decay"] == (0.01 if name.endswith("weight") else 0)
    assert factors["conv1.conv.weight"] == factors["stage3.11.branch2b.conv.weight"] == 1
    assert factors["hypercolumn.stage4.weight"] == factors["hypercolumn.stage4.bias"] == 1
    for layer in ("fc1.factor1", "fc1.factor2", "fc2.factor1", "fc2.factor2", "fc3"):
        assert factors[f"head.{layer}.weight"] == pytest.approx(10)
    for layer in ("fc1.factor2", "fc2.factor2", "fc3"):
        assert factors[f"head.{layer}.bias"] == pytest.approx(20)


def test_steps_of_training_lower_a_loss_and_leave_batch_norm_alone(rng):
    torch.manual_seed(3)
    network = SSSNetwork(WIDTH).train()
    optimizer = torch.optim.SGD(network.parameter_groups(lr=3e-3, weight_decay=5e-4), momentum=0.9)
    colors = torch.from_numpy(rng.random((2, 3, 16, 16), np.float32))
    photos, target = network.normalize(colors), torch.cat([colors, 1 - colors], dim=1)
    losses = []
    for _ in range(6):
        loss = ((network(photos) - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)
    assert losses[-1] < 0.7 * losses[0]
    assert torch.equal(network.stage2[0].branch1.norm.weight, torch.ones(8 * WIDTH))


def test_runs_in_mixed_precision(network, rng):
    photos = network.normalize(torch.from_numpy(rng.random((1, 3, 16, 16), np.float32)))
    with torch.inference_mode():
        exact = network(photos)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mixed = network(photos)
    assert (mixed.float() - exact).abs().mean() < 0.05 * exact.abs().mean()  # bfloat16 has three digits
