"""Features of the paper's network, from a file of its weights."""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64

from softseg.features._inference import as_batch, as_features, checked_device, described
from softseg.features._weights import check_exists, load_weights
from softseg.features.base import FeatureExtractor

if TYPE_CHECKING:
    from softseg.features._sss_network import SSSNetwork

NETWORK = "sss"


def default_checkpoint() -> Path:
    """Return where ``softseg convert-checkpoint`` puts the weights unless told otherwise."""
    from typer import get_app_dir

    return Path(get_app_dir("softseg")) / "sss.safetensors"


@dataclass(frozen=True)
class SSSFeatures(FeatureExtractor):
    """The paper's features: 128 channels of a ResNet-101 hypercolumn, trained for distances between pixels.

    Parameters
    ----------
    checkpoint : str or path, optional
        The weights, as ``softseg convert-checkpoint`` or ``softseg train-features`` writes them. Default:
        where the former puts them.
    device : str
        Where torch computes, such as ``"cpu"`` or ``"cuda"``.
    batch_statistics : bool
        Whether batch norm uses the photo's own mean and variance, as the authors' released script does by a
        slip of its option parser, instead of the moving averages of the training. Choose True to get the
        features that their script computes.

    Raises
    ------
    FileNotFoundError
        If there is no such checkpoint.
    ValueError
        When features are extracted: if the file is no checkpoint of this network or damaged, or the device
        cannot be used.

    Warns
    -----
    UserWarning
        If memory does not suffice for the whole photo, so that it is described in overlapping tiles.

    Notes
    -----
    Source: Aksoy et al., Semantic Soft Segmentation, ACM TOG 37(4), 2018, section 4.3.

    Photos are described at the size that they have. The network pads with zeros, from 50 mirrored pixels
    outside the photo on, and sees hundreds of pixels far: unlike other extractors it gives a photo of one
    colour features that vary towards its borders. Mirroring goes to and fro on photos of less than 51 pixels.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from softseg.features._sss_network import SSSNetwork
    >>> from softseg.features._weights import save_weights
    >>> from softseg.features.sss import SSSFeatures
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/narrow.safetensors"
    ...     save_weights(path, SSSNetwork(width=4).state_dict(), "sss")
    ...     SSSFeatures(path).extract(np.random.default_rng(0).random((20, 30, 3))).shape
    (20, 30, 8)
    """

    checkpoint: str | os.PathLike[str] = field(default_factory=default_checkpoint)
    device: str = "cpu"
    batch_statistics: bool = False

    def __post_init__(self) -> None:
        check_exists(self.checkpoint, "; softseg convert-checkpoint makes one of the authors' release")

    def extract(self, image: Float64[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W C"]:
        """Return the network's features, 128 channels as published.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1].

        Returns
        -------
        array of float32, shape (H, W, C)
        """
        import torch

        changed = Path(self.checkpoint).stat().st_mtime_ns
        network = _network(os.fspath(self.checkpoint), changed, self.device, self.batch_statistics)

        def describe(part: Float64[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w C"]:
            with torch.inference_mode():
                photo = as_batch(part, checked_device(self.device))
                return as_features(network(network.normalize(photo)))

        return described(describe, image)

    def fingerprint(self) -> str:
        """Name the weights by their content."""
        with open(self.checkpoint, "rb") as file:
            return f"{self!r} {hashlib.file_digest(file, 'sha256').hexdigest()}"


@functools.lru_cache(maxsize=2)
def _network(checkpoint: str, changed: int, device: str, batch_statistics: bool) -> SSSNetwork:
    """Load a network, or return the one loaded before; ``changed`` tells the file from an earlier one."""
    import torch

    from softseg.features._sss_network import SSSNetwork

    place = checked_device(device)
    # Training leaves weights in half precision.
    weights = {
        name: value.float() if value.is_floating_point() else value
        for name, value in load_weights(checkpoint, NETWORK).items()
    }
    try:
        with torch.device("meta"):
            network = SSSNetwork(width=len(weights["conv1.conv.weight"]))
        network.load_state_dict(weights, assign=True)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"checkpoint: its weights are not those of the network it names: {checkpoint}"
        ) from error
    if batch_statistics:
        network.use_batch_statistics()
    return network.to(place).eval().requires_grad_(False)
