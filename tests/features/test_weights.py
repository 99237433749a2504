"""Files of weights: what comes back, and what is refused."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from softseg.features._weights import load_weights, save_weights

WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3), "b.c": torch.tensor(7)}


@pytest.fixture
def path(tmp_path):
    save_weights(tmp_path / "new" / "w.safetensors", WEIGHTS, "toy")
    return tmp_path / "new" / "w.safetensors"


def test_weights_come_back(path):
    weights = load_weights(path, "toy")
    assert weights.keys() == WEIGHTS.keys()
    assert all(torch.equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)


def test_nothing_else_is_left_in_the_folder(path):
    assert [file.name for file in path.parent.iterdir()] == ["w.safetensors"]


def test_the_same_weights_make_the_same_file(path):
    content = path.read_bytes()
    for _ in range(5):
        save_weights(path, WEIGHTS, "toy")
        assert path.read_bytes() == content


def test_views_are_saved_as_they_look(tmp_path):
    save_weights(tmp_path / "w.safetensors", {"t": WEIGHTS["a"].T}, "toy")
    assert torch.equal(load_weights(tmp_path / "w.safetensors", "toy")["t"], WEIGHTS["a"].T)


def test_weights_of_another_network(path):
    with pytest.raises(
        ValueError, match=r"^checkpoint: expected weights of 'sss', got those of 'toy': .*w\."
    ):
        load_weights(path, "sss")


def test_weights_of_others(tmp_path):
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    with pytest.raises(
        ValueError, match=r"^checkpoint: expected weights of 'toy', got some that softseg did"
    ):
        load_weights(tmp_path / "w.safetensors", "toy")


def test_a_changed_weight(path):
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^checkpoint: its SHA-256 is not that of its weights"):
        load_weights(path, "toy")


@pytest.mark.parametrize("content", [b"", b"no safetensors at all", b"\xff" * 100])
def test_other_files(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"^checkpoint: cannot read .*w\.safetensors"):
        load_weights(tmp_path / "w.safetensors", "toy")


def test_a_truncated_file(path):
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=r"^checkpoint: cannot read"):
        load_weights(path, "toy")


@pytest.mark.parametrize("name", ["missing.safetensors", "."])
def test_no_such_file(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=r"^checkpoint: no such file"):
        load_weights(tmp_path / name, "toy")
