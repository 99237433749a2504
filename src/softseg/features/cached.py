"""Preprocessed features that are kept on disk, so that a network runs only once on a photo."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

import softseg
from softseg._checks import check_count
from softseg._files import whole_files
from softseg.features.base import FeatureExtractor

# The errors that numpy raises for a file of features that is missing, damaged, or something else.
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class CachedFeatures(FeatureExtractor):
    """An extractor whose preprocessed features are kept in a folder.

    The folder holds preprocessed features, of 3 channels instead of perhaps 128. :meth:`preprocessed` looks
    in the folder first, while :meth:`extract` always computes the raw features.

    Parameters
    ----------
    extractor : FeatureExtractor
        The extractor that computes the features.
    folder : str or path
        The folder, which is made if it does not exist. It has one file for each photo, extractor (told apart
        by ``fingerprint()``), number of channels and version of softseg. No file is ever deleted.

    Raises
    ------
    OSError
        When features are kept: if the folder cannot be made or written.

    Notes
    -----
    Files are written whole, so that several processes can share the folder. Features whose file cannot be
    read or is damaged, which its checksums tell, are computed anew.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from softseg.features import LowLevelFeatures
    >>> from softseg.features.cached import CachedFeatures
    >>> photo = np.random.default_rng(0).random((20, 30, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     extractor = CachedFeatures(LowLevelFeatures(), folder)
    ...     computed = extractor.preprocessed(photo)
    ...     read = extractor.preprocessed(photo)
    >>> np.array_equal(computed, read)
    True
    """

    extractor: FeatureExtractor
    folder: str | os.PathLike[str]

    def extract(self, image: Float64[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W C"]:
        """Return the extractor's raw features, computed each time.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1].

        Returns
        -------
        array of float32, shape (H, W, C)
            The raw features.
        """
        return self.extractor.extract(image)

    def preprocessed(
        self, image: Float64[np.ndarray, "H W 3"], n_components: int = 3
    ) -> Float32[np.ndarray, "H W {n_components}"]:
        """Return the extractor's preprocessed features, from the folder if they are there.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1].
        n_components : int
            The number of channels to return, at least 1.

        Returns
        -------
        array of float32, shape (H, W, n_components)
            In [0, 1].

        Raises
        ------
        TypeError, ValueError
            If ``n_components`` is not an integer of at least 1.
        """
        check_count("n_components", n_components)
        path = self._find_path(image, n_components)
        features = _read(path, (*image.shape[:2], n_components))
        if features is None:
            features = self.extractor.preprocessed(image, n_components)
            with whole_files(path.parent) as scratch:
                np.savez_compressed(scratch / path.name, features=features)
        return features

    def fingerprint(self) -> str:
        """Return the extractor's fingerprint, because the folder does not change the features.

        Returns
        -------
        str
            Equal for extractors that compute equal features.
        """
        return self.extractor.fingerprint()

    def _find_path(self, image: Float64[np.ndarray, "H W 3"], n_components: int) -> Path:
        """Return the file of a photo's features, whose name is a hash of all that they depend on."""
        about = f"{softseg.__version__} {self.extractor.fingerprint()} {n_components} {image.shape}"
        digest = hashlib.sha256(about.encode())
        digest.update(np.ascontiguousarray(image).data)
        return Path(self.folder) / f"{digest.hexdigest()}.npz"


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the features in a file, or None if there is no file with features of this shape."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            features = arrays["features"]
    except _UNREADABLE:
        return None
    return features if features.shape == shape and features.dtype == np.float32 else None
