"""A result as one compressed NumPy archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from softseg.images import eight_bits
from softseg.layers._whole import whole_files

if TYPE_CHECKING:
    from softseg.result import SoftSegmentation


def save_npz(path: Path, result: SoftSegmentation) -> None:
    """Write a result's arrays to an archive that `numpy.load` opens (without pickles).

    ====================  ===============  =========================================================
    array                 shape            dtype and meaning
    ====================  ===============  =========================================================
    ``alphas``            (H, W, K)        float32, the layers' opacities
    ``colors``            (H, W, K, 3)     float16, the layers' colours (half an 8-bit step is 8 times
                                           its rounding)
    ``image``             (H, W, 3)        uint8, the photo
    ``features``          (h, w, 3)        float32, the preprocessed semantic features
    ``superpixels``       (h, w)           int32, labels
    ``initial_alphas``    (h, w, K0)       float16, the layers before grouping
    ``eigenvalues``       (k,)             float64, the Laplacian's smallest
    ``residuals``         (k,)             float64, of the eigenpairs
    ``converged``         ()               bool, whether the eigensolver did
    ``timing_stages``     (t,)             str, the stages that were timed
    ``timing_seconds``    (t,)             float64, how long each took
    ====================  ===============  =========================================================

    (h, w) is the size at which the layers were found: the photo's unless it was shrunk for that.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there.
    result : SoftSegmentation
        What to write.
    """
    pairs = result.eigenpairs
    arrays: dict[str, np.ndarray] = {
        "alphas": np.asarray(result.alphas, dtype=np.float32),
        "colors": np.asarray(result.colors, dtype=np.float16),
        "image": eight_bits(result.image),
        "features": np.asarray(result.features, dtype=np.float32),
        "superpixels": np.asarray(result.superpixels, dtype=np.int32),
        "initial_alphas": np.asarray(result.initial_alphas, dtype=np.float16),
        "eigenvalues": np.asarray(pairs.values, dtype=np.float64),
        "residuals": np.asarray(pairs.residuals, dtype=np.float64),
        "converged": np.asarray(pairs.converged, dtype=bool),
        "timing_stages": np.array(list(result.timings), dtype=str),
        "timing_seconds": np.array(list(result.timings.values()), dtype=np.float64),
    }
    # An open file, because given a name numpy would append .npz to one that ends in .NPZ.
    with whole_files(path.parent) as scratch, open(scratch / path.name, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's stub has only allow_pickle in mind
