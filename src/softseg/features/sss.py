"""Features of the paper's network, from a file of its weights."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64

from softseg.features._inference import (
    as_batch,
    as_features,
    describe_within_memory,
    find_device,
    freeze,
)
from softseg.features._weights import check_exists, hash_file, load_network
from softseg.features.base import FeatureExtractor

if TYPE_CHECKING:
    from softseg.features._sss_network import SSSNetwork

# The name that files of this network's weights carry, after the method: semantic soft segmentation.
NETWORK = "sss"


def default_checkpoint() -> Path:
    """Return the file that ``softseg convert-checkpoint`` writes to if no other is given."""
    from typer import get_app_dir

    return Path(get_app_dir("softseg")) / "sss.safetensors"


@dataclass(frozen=True)
class SSSFeatures(FeatureExtractor):
    """The paper's features: 128 channels of a ResNet-101 hypercolumn, trained for distances between pixels.

    Parameters
    ----------
    checkpoint : str or path, optional
        The file of weights that ``softseg convert-checkpoint`` or ``softseg train-features`` wrote. The
        default is the file that ``softseg convert-checkpoint`` writes to.
    device : str
        The device that torch computes on, such as ``"cpu"`` or ``"cuda"``.
    batch_statistics : bool
        If False, batch norm uses the moving averages of the training. If True, it uses the photo's own mean
        and variance. The authors' released script does the latter, by a slip of its option parser, so that
        True gives the features that their script computes.

    Raises
    ------
    FileNotFoundError
        If there is no such checkpoint.
    ValueError
        When features are extracted: if the file is damaged or not a checkpoint of this network, or the device
        cannot be used.

    Warns
    -----
    UserWarning
        If memory does not suffice for the whole photo, so that it is described in overlapping tiles.

    Notes
    -----
    Source: Aksoy et al., Semantic Soft Segmentation, ACM TOG 37(4), 2018, section 4.3.

    Photos are described at the size that they have. The network mirrors 50 pixels at each border and pads
    with zeros outside of them, and it sees hundreds of pixels far. So, unlike with other extractors, the
    features of a photo of one color vary towards its borders. A side of fewer than 51 pixels is mirrored more
    than once.

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
            They have no unit; preprocessing clips them to [-5, 5].
        """
        import torch

        changed = Path(self.checkpoint).stat().st_mtime_ns
        network = _load_network(os.fspath(self.checkpoint), changed, self.device, self.batch_statistics)

        def describe(part: Float64[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w C"]:
            with torch.inference_mode():
                photo = as_batch(part, find_device(self.device))
                return as_features(network(network.normalize(photo)))

        return describe_within_memory(describe, image)

    def fingerprint(self) -> str:
        """Return the repr with the hash of the weights, which may change in the same file.

        Returns
        -------
        str
            Equal for extractors that compute equal features.
        """
        return f"{self!r} {hash_file(self.checkpoint)}"


@functools.lru_cache(maxsize=2)
def _load_network(checkpoint: str, changed: int, device: str, batch_statistics: bool) -> SSSNetwork:
    """Load a network, or return one that was loaded before.

    ``changed`` is the time of the file's last change. It is not used, but makes the cache load a file anew
    that has changed since.
    """
    from softseg.features._sss_network import SSSNetwork

    place = find_device(device)
    network: SSSNetwork = load_network(
        checkpoint, NETWORK, lambda weights: SSSNetwork(width=len(weights["conv1.conv.weight"]))
    )
    if batch_statistics:
        network.use_batch_statistics()
    return freeze(network, place)
