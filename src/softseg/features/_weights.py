"""Files of weights: safetensors that say which network they are of, written whole, checked when read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from softseg._files import whole_files

if TYPE_CHECKING:
    from torch import Tensor

_KEY = "softseg"  # one entry for all, "network sha256": the order of several varies from file to file


def save_weights(path: str | os.PathLike[str], weights: dict[str, Tensor], network: str) -> None:
    """Write a network's weights, with its name and the SHA-256 of their bytes.

    Parameters
    ----------
    path : str or path
        A ``.safetensors`` file; its folder is made if need be.
    weights : dict of str to tensor
        As ``module.state_dict()`` returns them.
    network : str
        Which network they are of.

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
    metadata = {_KEY: f"{network} {_digest(weights)}"}
    with whole_files(path.parent) as scratch:
        save_file(weights, scratch / path.name, metadata=metadata)


def load_weights(path: str | os.PathLike[str], network: str) -> dict[str, Tensor]:
    """Read what :func:`save_weights` wrote.

    Parameters
    ----------
    path : str or path
        The file.
    network : str
        Which network the weights must be of.

    Returns
    -------
    dict of str to tensor

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no safetensors file, of another network, or not as it was written.
    """
    from safetensors import SafetensorError, safe_open

    check_exists(path)
    try:
        with safe_open(path, framework="pt") as file:
            found, _, digest = (file.metadata() or {}).get(_KEY, "").partition(" ")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except (SafetensorError, OSError) as error:
        raise ValueError(f"checkpoint: cannot read {os.fspath(path)}: {error}") from error
    if found != network:
        kind = f"those of {found!r}" if found else "some that softseg did not write"
        raise ValueError(f"checkpoint: expected weights of {network!r}, got {kind}: {os.fspath(path)}")
    if digest != _digest(weights):
        raise ValueError(f"checkpoint: its SHA-256 is not that of its weights: {os.fspath(path)}")
    return weights


def check_exists(path: str | os.PathLike[str], advice: str = "") -> None:
    """Raise unless there is a file of that name."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"checkpoint: no such file: {os.fspath(path)}{advice}")


def _digest(weights: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
