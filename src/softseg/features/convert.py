"""Converting the authors' TensorFlow checkpoint into a file of weights for ``SSSFeatures``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softseg._extras import require
from softseg._paths import show_path

if TYPE_CHECKING:
    import numpy as np

    from softseg.features._sss_network import SSSNetwork

# The next three tables hold names of variables in the authors' released checkpoint.
# The hypercolumn's convolutions by layer: ``hypercolumn_layers/hc_cv_NUMBER``. There is no number 2.
_HYPERCOLUMN = {"input": 0, "pool1": 1, "stage2": 3, "stage3": 4, "stage4": 5}
# The tensors of a batch norm.
_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
# The tensors of the head.
_HEAD = {
    "head.fc1.factor1.weight": "fc1_matting/linear/fc_weights1",
    "head.fc1.factor2.weight": "fc1_matting/linear/fc_weights2",
    "head.fc1.factor2.bias": "fc1_matting/linear/biases",
    "head.fc2.factor1.weight": "fc2_matting/linear/fc_weights1",
    "head.fc2.factor2.weight": "fc2_matting/linear/fc_weights2",
    "head.fc2.factor2.bias": "fc2_matting/linear/biases",
    "head.fc3.weight": "fc3_matting/linear/fc_weights1",
    "head.fc3.bias": "fc3_matting/linear/fc_biases",
}

# Variables that the checkpoint may have and the features do not need: DeepLab's classifier, the training's
# counters, and the state of optimizers, whose names end in the optimizer's own.
_IGNORED_PREFIXES = ("fc1_voc12_c",)
_IGNORED_NAMES = ("global_step", "beta1_power", "beta2_power", "save_counter", "_CHECKPOINTABLE_OBJECT_GRAPH")
_OPTIMIZER_SLOTS = ("Momentum", "Adam", "Adam_1", "RMSProp", "RMSProp_1", "ExponentialMovingAverage")

# The most names that an error message lists.
_SHOWN = 3


def convert_checkpoint(model_dir: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Turn the authors' TensorFlow checkpoint into a safetensors file.

    This function needs TensorFlow (``pip install "softseg[tensorflow]"``), and nothing else in softseg does.

    Parameters
    ----------
    model_dir : str or path
        The folder of the checkpoint, or the prefix that its files share (``.../model.ckpt-1234``).
    out : str or path
        The ``.safetensors`` file to write.

    Returns
    -------
    Path
        The file that was written, ``out``.

    Raises
    ------
    ImportError
        If TensorFlow is not installed.
    FileNotFoundError
        If there is no checkpoint.
    ValueError
        If the checkpoint cannot be read, or its variables are not those of the paper's network: some are
        missing or unknown, or have another shape.

    Notes
    -----
    TensorFlow keeps a convolution's weights as (height, width, in, out), torch as (out, in, height, width).

    References
    ----------
    Aksoy et al. 2018, Section 4.3, and the checkpoint released with it.

    Examples
    --------
    >>> from softseg.features import SSSFeatures, convert_checkpoint
    >>> weights = convert_checkpoint("model/", "sss.safetensors")  # doctest: +SKIP
    >>> extractor = SSSFeatures(weights)  # doctest: +SKIP
    """
    import torch

    from softseg.features._placeholders import build_placeholder
    from softseg.features._sss_network import LEAST_WIDTH, PUBLISHED_WIDTH, SSSNetwork
    from softseg.features._weights import save_weights
    from softseg.features.sss import NETWORK

    reader = _open_reader(model_dir)
    found = {name: tuple(shape) for name, shape in reader.get_variable_to_shape_map().items()}
    # The first convolution tells the width. It is 64 as published, but softseg can train narrower networks.
    first = found.get("conv1/weights", ())
    width = first[-1] if len(first) == 4 and first[-1] >= LEAST_WIDTH else PUBLISHED_WIDTH
    network = build_placeholder(lambda: SSSNetwork(width))
    names = variable_names(network)
    _check_variables(names, found, network)
    state = network.state_dict()
    weights = {key: torch.from_numpy(_reorder_for_torch(reader.get_tensor(names[key]))) for key in names}
    # TensorFlow does not count the batches that batch norm has seen, and torch expects the counters.
    counters = {key: torch.tensor(0) for key in state.keys() - names.keys()}
    save_weights(out, {**weights, **counters}, NETWORK)
    return Path(out)


def variable_names(network: SSSNetwork) -> dict[str, str]:
    """Return the TensorFlow variable that each of the network's tensors comes from.

    Parameters
    ----------
    network : SSSNetwork
        The network, of any width.

    Returns
    -------
    dict of str to str
        The name of the variable for each key of ``network.state_dict()`` that has one.

    Examples
    --------
    >>> import torch
    >>> from softseg.features._sss_network import SSSNetwork
    >>> from softseg.features.convert import variable_names
    >>> names = variable_names(SSSNetwork(width=4))
    >>> names["stage3.22.branch2c.conv.weight"], names["stage1.0.branch1.norm.bias"]
    ('res4b22_branch2c/weights', 'bn2a_branch1/beta')
    """
    names = dict(_HEAD)
    for layer, number in _HYPERCOLUMN.items():
        names[f"hypercolumn.{layer}.weight"] = f"hypercolumn_layers/hc_cv_{number}/weights"
        names[f"hypercolumn.{layer}.bias"] = f"hypercolumn_layers/hc_cv_{number}/biases"
    for key, suffix in _list_normalized_convs(network):
        names[f"{key}.conv.weight"] = "conv1/weights" if key == "conv1" else f"res{suffix}/weights"
        for ours, theirs in _NORM.items():
            names[f"{key}.norm.{ours}"] = f"bn{suffix}/{theirs}"
    return names


def _list_normalized_convs(network: SSSNetwork) -> Iterator[tuple[str, str]]:
    """Yield each convolution with batch norm: its key, and what follows "bn" in its norm's name in Caffe."""
    from softseg.features._sss_network import BLOCKS, NormalizedConv

    yield "conv1", "_conv1"
    for stage, count in enumerate(BLOCKS, start=1):
        for block in range(count):
            # Caffe counts the stages from 2. Its blocks are a, b, c in stages of three, and a, b1, b2, ... in
            # longer ones.
            letter = "abc"[block] if count == 3 else "a" if block == 0 else f"b{block}"
            for branch, module in network.get_submodule(f"stage{stage}.{block}").named_children():
                if isinstance(module, NormalizedConv):
                    yield f"stage{stage}.{block}.{branch}", f"{stage + 1}{letter}_{branch}"


def _open_reader(model_dir: str | os.PathLike[str]) -> Any:
    """Open a checkpoint with TensorFlow."""
    tf = require("tensorflow", "convert-checkpoint")
    try:
        return tf.train.load_checkpoint(os.fspath(model_dir))
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(f"model_dir: no checkpoint in {show_path(model_dir)}") from error
    except (ValueError, tf.errors.OpError) as error:
        raise ValueError(f"model_dir: no checkpoint that TensorFlow reads: {show_path(model_dir)}") from error


def _check_variables(names: dict[str, str], found: dict[str, tuple[int, ...]], network: SSSNetwork) -> None:
    """Raise unless the checkpoint has every variable in its shape, and no unknown variable."""
    state = network.state_dict()
    shapes = {variable: _list_tensorflow_shapes(tuple(state[key].shape)) for key, variable in names.items()}
    _raise_if(shapes.keys() - found.keys(), "misses")
    _raise_if({name for name in found.keys() - shapes.keys() if not _is_ignored(name)}, "has the unknown")
    wrong = (name for name in shapes if found[name] not in shapes[name])
    _raise_if({f"{name} of shape {found[name]}, not {shapes[name][0]}" for name in wrong}, "has")


def _raise_if(offenders: set[str], verb: str) -> None:
    """Raise a ValueError that names the first offenders, if there are any."""
    if offenders:
        more = f" and {len(offenders) - _SHOWN} more" if len(offenders) > _SHOWN else ""
        raise ValueError(f"model_dir: the checkpoint {verb} {', '.join(sorted(offenders)[:_SHOWN])}{more}")


def _is_ignored(name: str) -> bool:
    """Return whether a variable of the checkpoint is one that the features do not need."""
    return (
        name.startswith(_IGNORED_PREFIXES)
        or name in _IGNORED_NAMES
        or name.rpartition("/")[2] in _OPTIMIZER_SLOTS
    )


def _list_tensorflow_shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shapes that a tensor may have in TensorFlow. A 1x1 convolution may be a matrix there."""
    if len(shape) == 1:
        return [shape]
    outputs, inputs, height, width = shape
    matrix = [(inputs, outputs)] if height == width == 1 else []
    return [*matrix, (height, width, inputs, outputs)]


def _reorder_for_torch(values: np.ndarray) -> np.ndarray:
    """Turn weights (height, width, in, out), or (in, out), into (out, in, height, width); keep vectors."""
    import numpy as np

    if values.ndim == 2:
        values = values[None, None]
    if values.ndim == 4:
        values = values.transpose(3, 2, 0, 1)
    return np.ascontiguousarray(values, dtype=np.float32)
