"""The authors' checkpoint converted: names, layouts and what is refused.

TensorFlow itself writes and reads the checkpoint where it is installed; its reader, as documented for
``tf.train.load_checkpoint``, is mocked where it is not, so that the rest is tested everywhere.
"""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch
import typer.testing
from tests.features import sss_reference as reference

from softseg.cli.convert import convert_checkpoint as command
from softseg.features._weights import load_weights
from softseg.features.convert import convert_checkpoint
from softseg.features.sss import SSSFeatures

WIDTH = 3
IGNORED = {
    "fc1_voc12_c0/weights": np.zeros((3, 3, 8, 21), np.float32),
    "fc1_voc12_c3/biases": np.zeros(21, np.float32),
    "global_step": np.int64(60000),
    "conv1/weights/Momentum": np.zeros((7, 7, 3, WIDTH), np.float32),
    "fc3_matting/linear/fc_biases/Adam_1": np.zeros(2 * WIDTH, np.float32),
}


@pytest.fixture(scope="module")
def variables():
    return reference.random_variables(WIDTH, np.random.default_rng(23))


@pytest.fixture
def reader(monkeypatch):
    """Put in TensorFlow's place what reads any ``model_dir`` as the variables that the test sets."""

    class OpError(Exception):
        pass

    class NotFoundError(OpError):
        pass

    class Reader:
        variables: dict[str, np.ndarray]
        error = None

        def load_checkpoint(self, ckpt_dir_or_file):
            assert isinstance(ckpt_dir_or_file, str)
            if self.error is not None:
                raise self.error
            return self

        def get_variable_to_shape_map(self):
            return {name: list(np.shape(values)) for name, values in self.variables.items()}

        def get_tensor(self, name):
            return self.variables[name]

    reader = Reader()
    module = types.ModuleType("tensorflow")
    module.train = types.SimpleNamespace(load_checkpoint=reader.load_checkpoint)
    module.errors = types.SimpleNamespace(NotFoundError=NotFoundError, OpError=OpError)
    monkeypatch.setitem(sys.modules, "tensorflow", module)
    return reader


def assert_computes(checkpoint, variables, rng):
    image = rng.random((11, 16, 3))
    expected = reference.direct_features(variables, image)
    np.testing.assert_allclose(
        SSSFeatures(checkpoint).extract(image), expected, atol=1e-4 * np.abs(expected).max()
    )


def test_converted_features_are_those_of_the_variables(reader, variables, tmp_path, rng):
    reader.variables = variables | IGNORED
    out = convert_checkpoint(tmp_path / "model", tmp_path / "new" / "sss.safetensors")
    assert out == tmp_path / "new" / "sss.safetensors"
    assert_computes(out, variables, rng)


def test_tensorflow_writes_and_reads_one(variables, tmp_path, rng):
    tf = pytest.importorskip("tensorflow")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, values in (variables | IGNORED).items():
            tf.compat.v1.get_variable(name, initializer=values)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(tmp_path / "model.ckpt"), global_step=60000)
    for model in (tmp_path, tmp_path / "model.ckpt-60000"):
        assert_computes(convert_checkpoint(model, tmp_path / "sss.safetensors"), variables, rng)
    with pytest.raises(FileNotFoundError, match=r"^model_dir: no checkpoint in"):
        convert_checkpoint(tmp_path / "nothing", tmp_path / "sss.safetensors")
    (tmp_path / "bad.ckpt.index").write_bytes(b"garbage" * 100)
    with pytest.raises(ValueError, match=r"^model_dir: no checkpoint that TensorFlow reads"):
        convert_checkpoint(tmp_path / "bad.ckpt", tmp_path / "sss.safetensors")


def test_layouts(reader, variables, tmp_path):
    reader.variables = variables
    weights = load_weights(convert_checkpoint("model", tmp_path / "sss.safetensors"), "sss")
    theirs, ours = variables["conv1/weights"], weights["conv1.conv.weight"]
    assert ours.shape == (WIDTH, 3, 7, 7)
    assert ours[2, 1, 5, 6] == theirs[5, 6, 1, 2]
    theirs, ours = variables["fc1_matting/linear/fc_weights1"], weights["head.fc1.factor1.weight"]
    assert ours[7, 40, 0, 0] == theirs[40, 7]
    assert torch.equal(
        weights["stage2.3.branch2b.norm.running_var"],
        torch.from_numpy(variables["bn3b3_branch2b/moving_variance"]),
    )


def test_fully_connected_weights_may_be_1x1_convolutions(reader, variables, tmp_path, rng):
    reader.variables = {
        name: values[None, None] if "fc_weights" in name else values for name, values in variables.items()
    }
    assert_computes(convert_checkpoint("model", tmp_path / "sss.safetensors"), variables, rng)


def test_missing_variables_are_named(reader, variables, tmp_path):
    reader.variables = {name: v for name, v in variables.items() if not name.startswith("bn4b7_branch2a/")}
    with pytest.raises(
        ValueError,
        match=r"^model_dir: the checkpoint misses bn4b7_branch2a/beta, bn4b7_branch2a/gamma, "
        r"bn4b7_branch2a/moving_mean and 1 more$",
    ):
        convert_checkpoint("model", tmp_path / "sss.safetensors")
    reader.variables = {"global_step": np.int64(3)}
    with pytest.raises(ValueError, match=r"^model_dir: the checkpoint misses bn2a_branch1/beta, .* more$"):
        convert_checkpoint("model", tmp_path / "sss.safetensors")
    assert not (tmp_path / "sss.safetensors").exists()


def test_unknown_variables_are_named(reader, variables, tmp_path):
    reader.variables = {**variables, "hypercolumn_layers/hc_cv_2/weights": np.zeros(3)}
    with pytest.raises(
        ValueError, match=r"^model_dir: the checkpoint has the unknown hypercolumn_layers/hc_cv_2/weights$"
    ):
        convert_checkpoint("model", tmp_path / "sss.safetensors")


def test_wrong_shapes_are_named(reader, variables, tmp_path):
    weights = variables["res3a_branch2b/weights"]
    reader.variables = {**variables, "res3a_branch2b/weights": weights[:1]}
    with pytest.raises(
        ValueError,
        match=r"^model_dir: the checkpoint has res3a_branch2b/weights of shape \(1, 3, 6, 6\), not \(3, 3, 6",
    ):
        convert_checkpoint("model", tmp_path / "sss.safetensors")


@pytest.mark.parametrize("shape", [(), (7, 7, 3, 0), (7, 7, 3, 2)])
def test_a_first_convolution_that_is_none(reader, variables, tmp_path, shape):
    reader.variables = {**variables, "conv1/weights": np.zeros(shape, np.float32)}
    with pytest.raises(ValueError, match=r"^model_dir: the checkpoint has .* of shape \("):
        convert_checkpoint("model", tmp_path / "sss.safetensors")


def test_no_checkpoint(reader, tmp_path):
    reader.error = sys.modules["tensorflow"].errors.NotFoundError("no matching files")
    with pytest.raises(FileNotFoundError, match=r"^model_dir: no checkpoint in model$"):
        convert_checkpoint("model", tmp_path / "sss.safetensors")
    for error in (ValueError("no 'checkpoint' file"), sys.modules["tensorflow"].errors.OpError("no sstable")):
        reader.error = error
        with pytest.raises(ValueError, match=r"^model_dir: no checkpoint that TensorFlow reads: model$"):
            convert_checkpoint("model", tmp_path / "sss.safetensors")


def test_without_tensorflow_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match=r'pip install "softseg\[tensorflow\]"$'):
        convert_checkpoint("model", tmp_path / "sss.safetensors")


def test_command_writes_where_features_are_looked_for(reader, variables, tmp_path, monkeypatch):
    monkeypatch.setattr("typer.get_app_dir", lambda name: str(tmp_path))
    reader.variables = variables
    app = typer.Typer()
    app.command()(command)
    runner = typer.testing.CliRunner()
    result = runner.invoke(app, ["model"])
    assert result.exit_code == 0, result.output
    assert result.output.replace("\n", "") == str(tmp_path / "sss.safetensors")
    assert SSSFeatures() == SSSFeatures(tmp_path / "sss.safetensors")
    other = tmp_path / "other.safetensors"
    assert runner.invoke(app, ["model", "-o", str(other)]).exit_code == 0
    written, expected = (load_weights(path, "sss") for path in (other, tmp_path / "sss.safetensors"))
    assert all(torch.equal(written[key], expected[key]) for key in written.keys() | expected.keys())
