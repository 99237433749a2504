"""A result as one compressed NumPy archive, and back."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from softseg._files import whole_files
from softseg._paths import clear_errors, show_path
from softseg._threads import workers
from softseg.affinity import Affinity
from softseg.eigen import Eigenpairs
from softseg.eigen.blocks import TallBlocks
from softseg.formats.affinity_text import affinity_text, restored_affinity
from softseg.formats.names import checked_names, given_names
from softseg.formats.npz_entries import ENTRIES, DamagedError, check_entries
from softseg.formats.packing import (
    FASTEST,
    packed,
    packed_alphas,
    packed_photo,
    shortened,
    unpacked,
    unpacked_alphas,
    unpacked_photo,
)
from softseg.images import as_image, eight_bits
from softseg.layers.stack import given_colors
from softseg.progress import tick
from softseg.scene import Scene

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# How many bytes the eigenvectors may take, for each pixel at working size, so that an archive of a photo of
# 640 x 480 pixels is under 40 MB: they are rounded until they fit (measured: docs/reference/formats.md).
EIGENVECTOR_BYTES = 95
# Singular values below this part of the largest one count as zero where the layers before grouping are fitted
# with rounded eigenvectors. Chosen by the project's own tests.
NEGLIGIBLE = 1e-12
# How archives and NumPy's files of one array begin (APPNOTE.TXT of PKWARE, 4.3.7; numpy.lib.format).
ZIP, ARRAY = (b"PK\x03\x04", b"PK\x05\x06"), b"\x93NUMPY"
# An archive with fewer entries of the names that softseg's have is another program's: some names are common.
FEW_ENTRIES = 5


def save_npz(path: Path, result: Decomposition, names: Iterable[str] | None = None) -> None:
    """Write a result to an archive that `numpy.load` opens (without pickles), and `SoftSegmentation.load`.

    (h, w) is the size at which the layers were found: the photo's unless it was shrunk for that.

    ========================  ================  =====================================================
    array                     shape             dtype and meaning
    ========================  ================  =====================================================
    ``alpha_bytes``           (2, K + 1, H, W)  uint8, the layers' opacities, see
                                                `softseg.formats.packing.packed_alphas`
    ``largest_layer``         (H, W)            uint8, likewise
    ``colors``                (H, W, K, 3)      uint8, the layers' colors; only if they are not those that
                                                `softseg.layers.layer_colors` finds
    ``image_differences``     (H, W, 3)         uint8, the photo, exact, as differences along its rows
    ``image``                 (H, W, 3)         floats instead of these, exact, if the photo has more than
                                                8 bits
    ``working_image``         (h, w, 3)         the photo as the affinities saw it, exact: uint8, or floats if
                                                it was more; only if it is different
    ``features``              (h, w, 3)         the preprocessed semantic features
    ``superpixels``           (h, w)            int32, labels
    ``affinity``              ()                str, the affinity's repr
    ``eigenvalues``           (k,)              float64, the Laplacian's smallest
    ``residuals``             (k,)              float64, of the eigenpairs
    ``converged``             ()                bool, whether the eigensolver did
    ``eigenvector_bytes``     (b, k, h * w)     uint8, see `softseg.formats.packing.packed`
    ``eigenvector_step``      ()                float64, what they count
    ``initial_coefficients``  (k + 1, K0)       float64, of the layers before grouping, in the eigenvectors
                                                (of length 1) and the constant 1
    ``timing_stages``         (t,)              str, the stages that were timed
    ``timing_seconds``        (t,)              float64, how long each took
    ``profile``               (n,)              uint8, the ICC profile of the photo's file; only if it had one
    ``names``                 (K,)              str, what the layers are called; only if they have names
    ========================  ================  =====================================================

    Earlier development versions wrote ``alphas`` (H, W, K) as float32, and ``image`` and ``colors`` always.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there.
    result : SoftSegmentation
        What to write.
    names : iterable of str, optional
        What the layers are called, in the order of ``result.alphas``. `SoftSegmentation.load` gives these
        names to its result, and every format takes them from there. Default: the result's own, if it has any.

    Raises
    ------
    TypeError, ValueError
        If the names are not one line of text for each layer, all different
        (`softseg.formats.names.checked_names`).

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> with TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/photo.npz")
    ...     with np.load(f"{folder}/photo.npz") as archive:
    ...         print(archive["features"].shape, archive["superpixels"].shape)
    (10, 15, 3) (10, 15)
    """
    called = given_names(result, names)
    with (
        whole_files(path.parent) as scratch,
        zipfile.ZipFile(scratch / path.name, "w", zipfile.ZIP_DEFLATED, compresslevel=FASTEST) as archive,
    ):
        for name, array in _yield_arrays(result):
            tick()
            _write(archive, name, array)
        if called is not None:
            _write(archive, "names", np.array(called, dtype=str))


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
    OSError
        If it cannot be opened.
    ValueError
        If it is not such an archive, or damaged. The message has one line, which names the entry that is
        missing or wrong.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from softseg.formats import load_npz
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> with TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/photo.npz")
    ...     parts = load_npz(f"{folder}/photo.npz")
    >>> parts["alphas"].shape
    (20, 30, 3)
    """
    try:
        return _build_parts(_read(path), affinity)
    except (OSError, MemoryError):  # of one line already, or no fault of the file
        raise
    except DamagedError as error:
        raise ValueError(f"path: the archive {show_path(path)} is damaged: {error}") from error
    except Exception as error:  # whatever comes of a damaged file, or of one that was never ours
        raise ValueError(
            f"path: expected an archive that softseg saved, got {show_path(path)}: {_say_in_short(error)}"
        ) from error


def _yield_arrays(result: Decomposition) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what goes into the archive, each array when its turn comes, so that few are held at once."""
    scene, pairs = result.scene, result.eigenpairs
    yield from zip(("alpha_bytes", "largest_layer"), packed_alphas(result.alphas), strict=True)
    colors = given_colors(result)
    if colors is not None:
        yield "colors", eight_bits(colors)
    photo = shortened(result.image)
    if photo.dtype == np.uint8:
        yield "image_differences", packed_photo(photo)
    else:
        yield "image", photo
    if not np.array_equal(scene.image, result.image):
        yield "working_image", shortened(scene.image)
    yield "features", scene.features
    yield "superpixels", scene.superpixels.astype(np.int32)
    yield "affinity", np.array(affinity_text(result))
    yield "eigenvalues", pairs.values
    yield "residuals", pairs.residuals
    yield "converged", np.array(pairs.converged)
    yield "timing_stages", np.array(list(result.timings), dtype=str)
    yield "timing_seconds", np.array(list(result.timings.values()), dtype=np.float64)
    profile = getattr(result, "profile", None)
    if profile is not None:
        yield "profile", np.frombuffer(profile, dtype=np.uint8)
    planes, step = packed(pairs.vectors, len(pairs.vectors) * EIGENVECTOR_BYTES)
    yield "eigenvector_bytes", planes
    yield "eigenvector_step", np.array(step)
    yield "initial_coefficients", _fit_coefficients(unpacked(planes, step), result.initial_alphas)


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


def _write(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def _read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Return the entries of an archive, each of which is what it must be."""
    with clear_errors("path", path, "read"):
        file = open(path, "rb")  # noqa: SIM115  # closed below; what is read of it may fail otherwise
    with file, _without_numbers():  # given a path, numpy leaves the file open if it is damaged
        if not file.read(len(ARRAY)).startswith((*ZIP, ARRAY)):  # numpy takes any other for pickled objects
            raise ValueError("it is no archive")
        file.seek(0)
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        if len(ENTRIES.keys() & set(archive.files)) < FEW_ENTRIES:
            raise ValueError("it has other entries")
        # What is no array, as other programs' archives hold, comes as bytes.
        arrays = {name: array for name in archive.files if isinstance(array := archive[name], np.ndarray)}
    check_entries(arrays)
    return arrays


@contextlib.contextmanager
def _without_numbers() -> Iterator[None]:
    """Turn what the system says of a damaged file into an error without the system's number."""
    try:
        yield
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error


def _build_parts(arrays: dict[str, np.ndarray], affinity: Affinity | None) -> dict[str, Any]:
    image = as_image(_find_photo(arrays))
    working = arrays.get("working_image", image)
    scene = Scene(working, arrays["features"], arrays["superpixels"])
    vectors = unpacked(arrays["eigenvector_bytes"], float(arrays["eigenvector_step"]))
    coefficients = arrays["initial_coefficients"]
    return {
        "image": image,
        "alphas": _find_alphas(arrays),
        "scene": scene,
        **restored_affinity(str(arrays["affinity"]), affinity),
        "eigenpairs": Eigenpairs(
            arrays["eigenvalues"], vectors, arrays["residuals"], bool(arrays["converged"])
        ),
        "initial_alphas": (vectors @ coefficients[:-1] + coefficients[-1]).reshape(*scene.shape, -1),
        "timings": dict(
            zip(arrays["timing_stages"].tolist(), arrays["timing_seconds"].tolist(), strict=True)
        ),
        "profile": arrays["profile"].tobytes() if "profile" in arrays else None,
        "names": _find_names(arrays),
        "given_colors": arrays["colors"] / np.float32(255) if "colors" in arrays else None,
    }


def _say_in_short(error: Exception) -> str:
    """Return an error's first line, or its name if it has none: a compiler's has dozens."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _find_names(arrays: dict[str, np.ndarray]) -> tuple[str, ...] | None:
    if "names" not in arrays:
        return None
    try:
        return tuple(checked_names(arrays["names"].tolist(), len(arrays["names"])))
    except ValueError as error:
        raise DamagedError(f"is not what layers can be called: {error}", "names") from None


def _find_photo(arrays: dict[str, np.ndarray]) -> np.ndarray:
    if "image" in arrays:  # of floats, or of an earlier development version
        return arrays["image"]
    return unpacked_photo(arrays["image_differences"])


def _find_alphas(arrays: dict[str, np.ndarray]) -> np.ndarray:
    if "alphas" in arrays:  # an earlier development version's
        return arrays["alphas"]
    alphas = unpacked_alphas(arrays["alpha_bytes"], arrays["largest_layer"])
    if alphas.min() < 0 or alphas.max() > 1:
        raise DamagedError("holds alphas outside [0, 1]", "alpha_bytes")
    return alphas
