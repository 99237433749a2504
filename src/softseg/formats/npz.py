"""A result as one compressed NumPy archive, and back."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from softseg._files import whole_files
from softseg._threads import workers
from softseg.affinity import Affinity
from softseg.eigen import Eigenpairs
from softseg.eigen.blocks import TallBlocks
from softseg.formats.affinity_text import affinity_text, restored_affinity
from softseg.formats.packing import FASTEST, packed, unpacked
from softseg.images import as_image, eight_bits
from softseg.scene import Scene

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# How large an archive may become, in bytes per pixel at working size, so that it is under 40 MB at 640 x 480:
# eigenvectors are rounded until they fit. They get at least their share, however much the alphas and colors
# take of a photo that is larger than the working size (measured: docs/formats.md).
BYTES_PER_PIXEL, EIGENVECTORS_SHARE = 120, 40
# Singular values below this part of the largest one count as zero where the layers before grouping are fitted
# with rounded eigenvectors. Chosen by the project's own tests.
NEGLIGIBLE = 1e-12


def save_npz(path: Path, result: Decomposition) -> None:
    """Write a result to an archive that `numpy.load` opens (without pickles), and `SoftSegmentation.load`.

    (h, w) is the size at which the layers were found: the photo's unless it was shrunk for that.

    ========================  ===============  =====================================================
    array                     shape            dtype and meaning
    ========================  ===============  =====================================================
    ``alphas``                (H, W, K)        float32, the layers' opacities
    ``colors``                (H, W, K, 3)     uint8, the layers' colors
    ``image``                 (H, W, 3)        the photo, exact: uint8, or floats if it was more
    ``working_image``         (h, w, 3)        likewise, as the affinities saw it; only if different
    ``features``              (h, w, 3)        the preprocessed semantic features
    ``superpixels``           (h, w)           int32, labels
    ``affinity``              ()               str, the affinity's repr
    ``eigenvalues``           (k,)             float64, the Laplacian's smallest
    ``residuals``             (k,)             float64, of the eigenpairs
    ``converged``             ()               bool, whether the eigensolver did
    ``eigenvector_bytes``     (b, k, h * w)    uint8, see `softseg.formats.packing`
    ``eigenvector_step``      ()               float64, what they count
    ``initial_coefficients``  (k + 1, K0)      float64, of the layers before grouping, in the eigenvectors
                                               (of length 1) and the constant 1
    ``timing_stages``         (t,)             str, the stages that were timed
    ``timing_seconds``        (t,)             float64, how long each took
    ========================  ===============  =====================================================

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there.
    result : SoftSegmentation
        What to write.

    Examples
    --------
    >>> from softseg import segment
    >>> segment("photo.jpg").save("photo.npz")  # doctest: +SKIP
    """
    pixels = result.scene.shape[0] * result.scene.shape[1]
    with (
        whole_files(path.parent) as scratch,
        zipfile.ZipFile(scratch / path.name, "w", zipfile.ZIP_DEFLATED, compresslevel=FASTEST) as archive,
    ):
        taken = sum(_write(archive, name, array) for name, array in _collect_arrays(result).items())
        room = max(pixels * BYTES_PER_PIXEL - taken, pixels * EIGENVECTORS_SHARE)
        planes, step = packed(result.eigenpairs.vectors, room)
        _write(archive, "eigenvector_bytes", planes)
        _write(archive, "eigenvector_step", np.array(step))
        coefficients = _fit_coefficients(unpacked(planes, step), result.initial_alphas)
        _write(archive, "initial_coefficients", coefficients)


def load_npz(path: str | os.PathLike[str], affinity: Affinity | None = None) -> dict[str, Any]:
    """Read an archive that `save_npz` wrote, as what `SoftSegmentation` is made of.

    Parameters
    ----------
    path : str or path
        The file.
    affinity : Affinity, optional
        What the Laplacian was made of. Default: what the archive names, if all of its terms are registered
        (`softseg.affinity.register`); otherwise None, and the result remembers the text and the cause.

    Returns
    -------
    dict
        The keyword arguments of `softseg.SoftSegmentation`, whose `load` says what is exact.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such an archive, or damaged.

    Examples
    --------
    >>> from softseg.formats import load_npz
    >>> load_npz("photo.npz")["alphas"].shape  # doctest: +SKIP
    (427, 640, 5)
    """
    try:
        return _build_parts(_read(path), affinity)
    except FileNotFoundError:
        raise FileNotFoundError(f"path: no such file: {os.fspath(path)}") from None
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = f"no array {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"path: expected an archive that softseg saved, got {os.fspath(path)}: {reason}"
        ) from error


def _collect_arrays(result: Decomposition) -> dict[str, np.ndarray]:
    """Return what goes into the archive but for the eigenvectors and what is made of them."""
    scene, pairs = result.scene, result.eigenpairs
    arrays = {
        "alphas": np.asarray(result.alphas, dtype=np.float32),
        "colors": eight_bits(result.colors),
        "image": _shorten(result.image),
        "features": scene.features,
        "superpixels": scene.superpixels.astype(np.int32),
        "affinity": np.array(affinity_text(result)),
        "eigenvalues": pairs.values,
        "residuals": pairs.residuals,
        "converged": np.array(pairs.converged),
        "timing_stages": np.array(list(result.timings), dtype=str),
        "timing_seconds": np.array(list(result.timings.values()), dtype=np.float64),
    }
    if not np.array_equal(scene.image, result.image):
        arrays["working_image"] = _shorten(scene.image)
    return arrays


def _shorten(image: Float[np.ndarray, "H W 3"]) -> np.ndarray:
    """Return an image in the shortest type that is exact: 8 bits for photos, 32 for shrunk ones."""
    for short in (eight_bits(image), image.astype(np.float32)):
        if np.array_equal(as_image(short), image):
            return short
    return image


def _fit_coefficients(
    vectors: Float[np.ndarray, "N k"], layers: Float[np.ndarray, "h w K0"]
) -> Float[np.ndarray, "k1 K0"]:
    """Return the layers before grouping as combinations of the eigenvectors and 1, which they are (Eq. 7).

    The combinations are the best ones of the rounded eigenvectors: some are nearly constant on large regions,
    where the rounding of all pixels is the same.
    """
    basis = np.column_stack([vectors, np.ones(len(vectors))])
    values = np.asarray(layers, dtype=np.float64).reshape(len(vectors), -1)
    with workers() as pool:
        blocks = TallBlocks(pool)
        gram, right = blocks.gram(basis, basis), blocks.gram(basis, values)
    return np.linalg.lstsq(gram, right, rcond=NEGLIGIBLE)[0]


def _write(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> int:
    """Write an array; return how many bytes it takes."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)
    return archive.getinfo(f"{name}.npy").compress_size


def _read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    with open(path, "rb") as file:  # given a path, numpy leaves the file open if it is damaged
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        # What is no array, as other programs' archives hold, comes as bytes.
        return {name: array for name, array in archive.items() if isinstance(array, np.ndarray)}


def _build_parts(arrays: dict[str, np.ndarray], affinity: Affinity | None) -> dict[str, Any]:
    working = arrays.get("working_image", arrays["image"])
    scene = Scene(working, arrays["features"], arrays["superpixels"])
    vectors = unpacked(arrays["eigenvector_bytes"], float(arrays["eigenvector_step"]))
    coefficients = arrays["initial_coefficients"]
    return {
        "image": as_image(arrays["image"]),
        "alphas": arrays["alphas"],
        "scene": scene,
        **restored_affinity(str(arrays["affinity"]), affinity),
        "eigenpairs": Eigenpairs(
            arrays["eigenvalues"], vectors, arrays["residuals"], bool(arrays["converged"])
        ),
        "initial_alphas": (vectors @ coefficients[:-1] + coefficients[-1]).reshape(*scene.shape, -1),
        "timings": dict(
            zip(arrays["timing_stages"].tolist(), arrays["timing_seconds"].tolist(), strict=True)
        ),
        "given_colors": arrays["colors"] / np.float32(255),
    }
