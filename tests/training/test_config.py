"""Configurations are written and read back, and a broken file says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from softseg.training import LITE, PUBLISHED, Folder, TrainingConfig


@pytest.mark.parametrize("config", [LITE, PUBLISHED], ids=["lite", "published"])
def test_reads_what_it_wrote(config, tmp_path):
    config = replace(config, folders=(Folder("a", unlabelled=(12,), portion=0.8), Folder("b", "coco-stuff")))
    config.write(tmp_path / "config.json")
    assert TrainingConfig.read(tmp_path / "config.json") == config


@pytest.mark.parametrize("text", ["no json", "[]", "{}", '{"folders": [], "speed": 9}'])
def test_a_file_that_is_none(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match="expected a training configuration"):
        TrainingConfig.read(tmp_path / "config.json")


def test_the_published_numbers():
    # Aksoy et al. 2018, section 4.3: each stated there.
    assert (PUBLISHED.n_instances, PUBLISHED.n_points) == (3, 500)
    assert (PUBLISHED.learning_rate, PUBLISHED.weight_decay) == (2.5e-4, 5e-4)
    assert (PUBLISHED.accumulate, PUBLISHED.crop, PUBLISHED.steps) == (8, (321, 321), 60_000)
