"""Files of weights: safetensors that name their network, are written whole, and are checked when read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softseg._files import whole_files
from softseg._paths import show_path

if TYPE_CHECKING:
    from torch import Tensor, nn

# The key of the one entry in a file's metadata, whose value is "NETWORK SHA256". There is only one entry
# because safetensors writes several in varying order, and equal weights should make equal files.
_KEY = "softseg"


def save_weights(path: str | os.PathLike[str], weights: dict[str, Tensor], network: str) -> None:
    """Write a network's weights, with its name and the SHA-256 of their bytes.

    Parameters
    ----------
    path : str or path
        The ``.safetensors`` file to write. Its folder is made if it does not exist.
    weights : dict of str to tensor
        The weights, as ``module.state_dict()`` returns them.
    network : str
        The name of the network that the weights belong to.

    Examples
    --------
    >>> import tempfile, torch
    >>> from softseg.features._weights import load_weights, save_weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(f"{folder}/toy.safetensors", {"scale": torch.ones(2)}, "toy")
    ...     load_weights(f"{folder}/toy.safetensors", "toy")
    {'scale': tensor([1., 1.])}
    """
    from safetensors.torch import save_file

    path = Path(path)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    metadata = {_KEY: f"{network} {_hash_weights(weights)}"}
    with whole_files(path.parent) as scratch:
        save_file(weights, scratch / path.name, metadata=metadata)


def load_weights(path: str | os.PathLike[str], network: str) -> dict[str, Tensor]:
    """Read what :func:`save_weights` wrote.

    Parameters
    ----------
    path : str or path
        The file.
    network : str
        The name of the network that the weights must belong to.

    Returns
    -------
    dict of str to tensor
        The weights by name, on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not in the safetensors format, belongs to another network, or has changed since it was
        written.
    """
    from safetensors import SafetensorError, safe_open

    check_exists(path)
    try:
        with safe_open(path, framework="pt") as file:
            found, _, digest = (file.metadata() or {}).get(_KEY, "").partition(" ")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # file is no mapping
    except (SafetensorError, OSError) as error:
        raise ValueError(f"checkpoint: cannot read {show_path(path)}: {error}") from error
    if found != network:
        kind = f"those of {found!r}" if found else "some that softseg did not write"
        raise ValueError(f"checkpoint: expected weights of {network!r}, got {kind}: {show_path(path)}")
    if digest != _hash_weights(weights):
        raise ValueError(f"checkpoint: its SHA-256 is not that of its weights: {show_path(path)}")
    return weights


def load_network(
    path: str | os.PathLike[str], name: str, build: Callable[[dict[str, Tensor]], nn.Module]
) -> Any:
    """Return a network with the weights that a file holds, on the CPU.

    Parameters
    ----------
    path : str or path
        A file that :func:`save_weights` wrote.
    name : str
        The name of the network that the weights must belong to.
    build : callable
        A function of the weights that returns the network, whatever its own weights are. The network's first
        weights take neither memory nor random numbers (:func:`build_placeholder`).

    Raises
    ------
    FileNotFoundError, ValueError
        As in :func:`load_weights`. A ValueError is raised, too, if the weights do not fit the network.
    """
    from softseg.features._placeholders import build_placeholder

    # Training leaves weights in half precision.
    weights = {
        key: value.float() if value.is_floating_point() else value
        for key, value in load_weights(path, name).items()
    }
    try:
        network = build_placeholder(lambda: build(weights))
        network.load_state_dict(weights, assign=True)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"checkpoint: its weights are not those of the network it names: {show_path(path)}"
        ) from error
    return network


def hash_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal: what tells files of weights apart."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_exists(path: str | os.PathLike[str], advice: str = "") -> None:
    """Raise FileNotFoundError, with the advice at the end of its message, unless there is such a file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"checkpoint: no such file: {show_path(path)}{advice}")


def _hash_weights(weights: dict[str, Tensor]) -> str:
    """Return the SHA-256 of the weights' names, types, shapes and bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
