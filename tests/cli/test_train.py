"""The training as a command: what is chosen arrives in the configuration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from softseg import training
from softseg.cli.train import train_features
from softseg.training import LITE, PUBLISHED, Folder, TrainingConfig

TINY = replace(LITE, steps=1, batch=1, crop=(32, 64), n_points=16, pretrained=False)


@pytest.fixture
def photos(tmp_path):
    """Return a folder of ten photos of two halves, with label maps, in the layout "regions"."""
    folder = tmp_path / "photos"
    folder.mkdir()
    labels = np.ones((64, 96), np.uint8)
    labels[:, 48:] = 2
    rng = np.random.default_rng(11)
    for k in range(10):
        pixels = 60 * labels[..., None] + rng.integers(0, 90, (64, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"photo{k}.jpg", quality=95)
        Image.fromarray(labels).save(folder / f"photo{k}.regions0.png")
    return folder


@pytest.fixture
def run(photos, tmp_path):
    """Return what runs the command on ten photos, with further arguments."""
    app = typer.Typer()
    app.command()(train_features)
    TINY.write(tmp_path / "tiny.json")

    def invoke(*arguments):
        return CliRunner().invoke(app, ["--data", str(photos), "-o", str(tmp_path / "run"), *arguments])

    return invoke


@pytest.fixture
def called(monkeypatch, tmp_path):
    """Return the configurations that training is called with, which does nothing."""
    configurations = []
    monkeypatch.setattr(training, "train", lambda config, *_, **__: configurations.append(config))
    return configurations


def test_trains_and_resumes(run, tmp_path):
    first = run("--config", str(tmp_path / "tiny.json"))
    assert first.exit_code == 0, first.output
    assert str(tmp_path / "run" / "weights.safetensors") in first.output.replace("\n", "")
    again = run("--config", str(tmp_path / "tiny.json"), "--steps", "2", "--resume", "--quiet")
    assert again.exit_code == 0, again.output
    assert again.output == ""
    log = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in log] == ["step", "1", "2"]
    assert TrainingConfig.read(tmp_path / "run" / "config.json") == replace(TINY, steps=2)


@pytest.mark.parametrize(("network", "preset"), [("lite", LITE), ("sss", PUBLISHED)])
def test_each_network_has_its_recipe(network, preset, run, called):
    assert run("--network", network, "--layout", "coco-stuff", "--quiet").exit_code == 0
    assert called == [replace(preset, folders=(Folder(".", "coco-stuff", validate_every=20),))]


def test_what_is_chosen_replaces_what_is_in_the_recipe(run, called):
    assert run("--loss", "n-pair", "--steps", "7", "--seed", "5", "--quiet").exit_code == 0
    assert (called[0].loss, called[0].steps, called[0].seed) == ("n-pair", 7, 5)


def test_an_unknown_network(run):
    done = run("--network", "vgg")
    assert done.exit_code == 2
    assert "expected lite or sss, got vgg" in done.output
