"""Runs of a few steps: they overfit, stop and go on as if they had not stopped, and leave whole files."""

from __future__ import annotations

import copy
import csv
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from softseg.features import LiteFeatures
from softseg.features._sss_network import SSSNetwork
from softseg.features.sss import SSSFeatures
from softseg.training import LITE, PUBLISHED, Folder, TrainingConfig, train
from softseg.training.loop import Trainer, at_points, learning_rate_factor

TINY = replace(
    LITE,
    folders=(Folder(".", validate_every=5),),
    crop=(32, 64),
    batch=2,
    accumulate=1,
    n_points=32,
    mixed_precision=False,
    pretrained=False,
    validate_every=4,
    steps=8,
)


class Toy(nn.Module):
    """The least that can be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1)
        )

    def normalize(self, photos):
        return photos - 0.5

    def forward(self, inputs):
        return self.layers(inputs)

    def parameter_groups(self, lr, weight_decay):
        return [{"params": list(self.parameters()), "lr": lr, "weight_decay": weight_decay}]


def toy():
    torch.manual_seed(0)
    return Toy()


def weights(trainer):
    return torch.cat([value.flatten() for value in trainer.average.state_dict().values()])


def test_200_steps_overfit_ten_photos(photos):
    # Scored on the photos that are trained on: can the network fit them?
    seen = (Folder("."), Folder(".", validate_every=1))
    # The encoder learns at a tenth of the rate, which is meant for weights from ImageNet: here it is random.
    trainer = Trainer(replace(TINY, folders=seen, n_points=64, steps=200, learning_rate=6e-3), photos)
    before = trainer.validate()
    losses = [trainer.advance() for _ in range(200)]
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:20])
    assert before < 0.6
    assert trainer.validate() > 0.85


def batch_statistics_auc(trainer):
    """Score a network that normalises by the photo at hand: moving averages of 100 layers take longer."""
    copied = copy.deepcopy(trainer)
    copied.average = copy.deepcopy(trainer.network)
    copied.average.use_batch_statistics()
    return copied.validate()


def test_200_steps_overfit_ten_photos_with_the_papers_network(photos):
    # From random weights the published loss and rate, made for a network trained on ImageNet, stall.
    torch.manual_seed(0)
    seen = (Folder("."), Folder(".", validate_every=1))
    config = replace(
        PUBLISHED,
        folders=seen,
        loss="combined",
        optimizer="adamw",
        learning_rate=3e-3,
        weight_decay=0.0,
        max_gradient=1.0,
        sampling="points",
        n_points=100,
        crop=(64, 96),
        batch=2,
        accumulate=1,
        mixed_precision=False,
        steps=200,
    )
    trainer = Trainer(config, photos, network=SSSNetwork(width=4))  # of 64
    before = batch_statistics_auc(trainer)
    losses = [trainer.advance() for _ in range(200)]
    assert np.mean(losses[-20:]) < 0.75 * np.mean(losses[:20])  # measured 0.61 and 0.60 with two seeds
    assert before < 0.6
    assert batch_statistics_auc(trainer) > 0.75  # measured 0.91 and 0.84


def test_the_papers_network_by_the_papers_recipe(photos, tmp_path):
    torch.manual_seed(0)
    network = SSSNetwork(width=4)  # of 64
    before = copy.deepcopy(network.state_dict())
    small = replace(PUBLISHED, n_points=30, steps=2, batch=2, accumulate=2, crop=(32, 48))
    path = train(small, photos, tmp_path, network=network)
    moved = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    fixed = {name for name, value in network.named_parameters() if not value.requires_grad}
    assert moved
    assert not moved & fixed
    assert {name for name in moved if name.startswith("head.")}
    assert SSSFeatures(path).extract(np.random.default_rng(0).random((20, 30, 3))).shape == (20, 30, 8)


def test_what_a_run_leaves(photos, tmp_path):
    told = []
    path = train(TINY, photos, tmp_path / "run", progress=lambda *what: told.append(what))
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [
        "checkpoint.pt",
        "config.json",
        "log.csv",
        "weights.safetensors",
    ]
    assert TrainingConfig.read(tmp_path / "run" / "config.json") == TINY
    with (tmp_path / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["4", "8"]
    assert all(0 < float(row["auc"]) < 1 for row in rows)
    assert [(done, total) for _, done, total in told] == [(k, 8) for k in range(1, 9)]
    features = LiteFeatures(path).extract(np.random.default_rng(0).random((20, 30, 3)))
    assert features.shape == (20, 30, 32)


def test_a_resumed_run_is_the_same(photos, tmp_path):
    whole = Trainer(TINY, photos, network=toy())
    for _ in range(8):
        whole.advance()
    first = Trainer(TINY, photos, network=toy())
    for _ in range(4):
        first.advance()
    first.save(tmp_path / "checkpoint.pt")
    second = Trainer(TINY, photos, network=Toy())
    second.restore(tmp_path / "checkpoint.pt")
    for _ in range(4):
        second.advance()
    assert second.step == 8
    assert torch.equal(weights(second), weights(whole))


def test_a_longer_schedule_can_be_resumed(photos, tmp_path):
    train(TINY, photos, tmp_path, network=toy())
    longer = replace(TINY, steps=12, weight_decay=0.5)
    train(longer, photos, tmp_path, network=toy(), resume=True)
    assert TrainingConfig.read(tmp_path / "config.json") == longer
    assert (tmp_path / "log.csv").read_text().splitlines()[-1].startswith("12,")
    continued = Trainer(longer, photos, network=toy())
    continued.restore(tmp_path / "checkpoint.pt")
    assert [group["weight_decay"] for group in continued.optimizer.param_groups] == [0.5, 0.0]


def test_does_not_begin_over_a_run(photos, tmp_path):
    train(TINY, photos, tmp_path, network=toy())
    with pytest.raises(FileExistsError, match="there is a run already; resume it"):
        train(TINY, photos, tmp_path, network=toy())


def test_nothing_to_resume(photos, tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint to resume from"):
        train(TINY, photos, tmp_path, network=toy(), resume=True)


def test_a_checkpoint_of_another_network(photos, tmp_path):
    train(TINY, photos, tmp_path, network=toy())
    other = toy()
    other.layers[3] = nn.Conv2d(8, 6, 1)
    with pytest.raises(ValueError, match="no checkpoint of a run with this network, loss and optimizer"):
        train(TINY, photos, tmp_path, network=other, resume=True)


def test_a_checkpoint_that_cannot_be_finished_leaves_the_last_one(photos, tmp_path, monkeypatch):
    trainer = Trainer(TINY, photos, network=toy())
    path = tmp_path / "checkpoint.pt"
    trainer.save(path)
    before = path.read_bytes()

    def fills_the_disk(_, file):
        file.write_bytes(b"half a checkp")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", fills_the_disk)
    with pytest.raises(OSError, match="no space left"):
        trainer.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["checkpoint.pt"]


def test_features_that_are_no_numbers_stop_the_run(photos):
    network = toy()
    nn.init.constant_(network.layers[3].weight, math.nan)
    with pytest.raises(FloatingPointError, match="NaN or infinity at step 0"):
        Trainer(TINY, photos, network=network).advance()


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_rate_falls_to_nothing(optimizer):
    config = replace(LITE, optimizer=optimizer, steps=1000)
    rates = [learning_rate_factor(config, step) for step in range(1001)]
    assert rates[-1] == 0
    assert np.all(np.diff(rates[200:]) < 0)
    assert max(rates) > 0.9


def test_polynomial_decay():
    config = replace(LITE, optimizer="sgd", steps=1000)
    assert learning_rate_factor(config, 0) == 1
    assert learning_rate_factor(config, 500) == pytest.approx(0.5**0.9)


def test_gradients_of_several_passes_are_averaged(photos):
    # Two passes of a batch of one draw other crops than one of two, so compare with the mean of both by hand.
    config = replace(
        TINY, batch=1, accumulate=2, optimizer="sgd", weight_decay=0.0, average=0.0, max_gradient=None
    )
    trainer = Trainer(config, photos, network=toy())
    alone = toy()
    gradients = []
    for k in range(2):
        single = Trainer(config, photos, network=alone)
        single.network.train()
        single._run_pass(np.random.default_rng([config.seed, 0, k])).backward()
        gradients.append(alone.layers[0].weight.grad.clone())
        alone.zero_grad()
    before = trainer.network.layers[0].weight.detach().clone()
    trainer.advance()
    moved = before - trainer.network.layers[0].weight.detach()
    torch.testing.assert_close(moved, config.learning_rate * sum(gradients) / 2)


def test_average_of_decay_zero_is_the_network(photos):
    trainer = Trainer(replace(TINY, average=0.0), photos, network=toy())
    trainer.advance()
    for mean, value in zip(
        trainer.average.state_dict().values(), trainer.network.state_dict().values(), strict=True
    ):
        assert torch.equal(mean, value)


def test_the_average_lags_behind(photos):
    trainer = Trainer(TINY, photos, network=toy())
    start = weights(trainer).clone()
    trainer.advance()
    network = torch.cat([value.flatten() for value in trainer.network.state_dict().values()])
    lag = torch.linalg.norm(weights(trainer) - network) / torch.linalg.norm(start - network)
    assert 0 < lag < 0.5


def test_at_points_is_resizing_then_picking(rng):
    maps = torch.tensor(rng.random((2, 3, 5, 7)))
    points = torch.tensor(rng.integers(0, (20, 28), (2, 9, 2)))
    resized = nn.functional.interpolate(maps, (20, 28), mode="bilinear", align_corners=False)
    expected = torch.stack([resized[b][:, points[b, :, 0], points[b, :, 1]].T for b in range(2)])
    torch.testing.assert_close(at_points(maps, points, (20, 28)), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "vgg"}, "network: expected lite or sss, got 'vgg'"),
        ({"loss": "l2"}, "loss: expected one of n-pair, cosine, combined, got 'l2'"),
        ({"optimizer": "adam"}, "optimizer: expected adamw or sgd, got 'adam'"),
        ({"sampling": "all"}, "sampling: expected points or instances, got 'all'"),
    ],
)
def test_a_configuration_that_makes_no_sense(change, message, photos, tmp_path):
    with pytest.raises(ValueError, match=message):
        train(replace(TINY, **change), photos, tmp_path / "run")
