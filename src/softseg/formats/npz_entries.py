"""What each entry of an archive must be: its types, its shape and its values, checked when it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

FLOATS = ("float16", "float32", "float64")
LABELS = ("uint8", "uint16", "int32", "int64")
PHOTOS = ("uint8", *FLOATS)
# The most bytes that an eigenvector's value is stored in (`softseg.formats.packing.packed`).
MOST_PLANES = 4
# What is larger than any eigenvalue or coefficient that comes of a photo, and still has a square.
LARGEST = 1e150


class DamagedError(ValueError):
    """An entry of an archive that is missing, or not what it must be; the message names it."""

    def __init__(self, problem: str, name: str) -> None:
        super().__init__(f"its entry {name!r} {problem}")


@final
@dataclass(frozen=True)
class Entry:
    """What an entry must be.

    Attributes
    ----------
    types : tuple of str
        NumPy's names of its types; ``"str"`` for any text.
    shape : tuple of int or str
        Letters stand for numbers that are the same in all entries; ``"K+1"`` is one more than ``"K"``.
    low, high : float
        Between which its values lie, if they are floats or labels.
    needed : bool
        Whether there is no archive without it.
    """

    types: tuple[str, ...]
    shape: tuple[int | str, ...]
    low: float = -np.inf
    high: float = np.inf
    needed: bool = True


# By name, such that what a letter stands for is known from the first entry that has it. `save_npz` says what
# they mean. Of those that are not needed, some take the place of others, which `check_entries` sees to.
ENTRIES = {
    "image": Entry(PHOTOS, ("H", "W", 3), 0.0, 1.0, needed=False),
    "image_differences": Entry(("uint8",), ("H", "W", 3), needed=False),
    "alphas": Entry(FLOATS, ("H", "W", "K"), 0.0, 1.0, needed=False),
    "alpha_bytes": Entry(("uint8",), (2, "K+1", "H", "W"), needed=False),
    "largest_layer": Entry(("uint8", "uint16"), ("H", "W"), needed=False),
    "colors": Entry(("uint8",), ("H", "W", "K", 3), needed=False),
    "profile": Entry(("uint8",), ("n",), needed=False),
    "names": Entry(("str",), ("K",), needed=False),
    "features": Entry(FLOATS, ("h", "w", 3), 0.0, 1.0),
    "superpixels": Entry(LABELS, ("h", "w"), 0.0, 2.0**31),
    "working_image": Entry(PHOTOS, ("h", "w", 3), 0.0, 1.0, needed=False),
    "affinity": Entry(("str",), ()),
    "eigenvalues": Entry(FLOATS, ("k",), -LARGEST, LARGEST),
    "residuals": Entry(FLOATS, ("k",), 0.0, LARGEST),
    "converged": Entry(("bool",), ()),
    "eigenvector_bytes": Entry(("uint8",), ("b", "k", "N")),
    "eigenvector_step": Entry(FLOATS, (), 0.0, 1.0),
    "initial_coefficients": Entry(FLOATS, ("k+1", "K0"), -LARGEST, LARGEST),
    "timing_stages": Entry(("str",), ("t",)),
    "timing_seconds": Entry(FLOATS, ("t",), 0.0, LARGEST),
}
# Of each group there is one that can take the place of the others, which are what is written now.
INSTEAD = {"image": ("image_differences",), "alphas": ("alpha_bytes", "largest_layer")}


def check_entries(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise an error if an archive lacks an entry, or has one that is not what it must be.

    Parameters
    ----------
    arrays : mapping
        The entries by name. Others than those of `ENTRIES` are not looked at.

    Raises
    ------
    DamagedError
        In one line, which names the entry.

    Examples
    --------
    >>> from softseg.formats.npz_entries import check_entries
    >>> check_entries({"image": np.zeros((3, 4))})
    Traceback (most recent call last):
    softseg.formats.npz_entries.DamagedError: its entry 'alpha_bytes' is missing
    """
    for name in _find_needed(arrays):
        if name not in arrays:
            raise DamagedError("is missing", name)
    sizes: dict[str, int] = {}
    for name, entry in ENTRIES.items():
        if name in arrays:
            _check_type(name, entry, arrays[name])
            _check_shape(name, entry, arrays[name], sizes)
            _check_values(name, entry, arrays[name])
    _check_sizes(arrays, sizes)


def _find_needed(arrays: Mapping[str, np.ndarray]) -> Iterator[str]:
    for old, new in INSTEAD.items():
        if old not in arrays:
            yield from new
    yield from (name for name, entry in ENTRIES.items() if entry.needed)


def _check_type(name: str, entry: Entry, array: np.ndarray) -> None:
    found = "str" if array.dtype.kind == "U" else str(array.dtype)  # with the order of bytes, if it is odd
    if found not in entry.types:
        raise DamagedError(f"has the type {found}, expected {' or '.join(entry.types)}", name)


def _check_shape(name: str, entry: Entry, array: np.ndarray, sizes: dict[str, int]) -> None:
    """Compare an entry's shape with those before, and note the sizes that it is the first to have."""
    expected: list[int | str] = []
    for place, size in enumerate(entry.shape):
        letter, _, more = str(size).partition("+")
        if isinstance(size, str) and array.ndim == len(entry.shape):
            sizes.setdefault(letter, array.shape[place] - int(more or 0))
        expected.append(size if isinstance(size, int) else sizes.get(letter, letter))
        if more and letter in sizes:
            expected[-1] = sizes[letter] + int(more)
    if array.shape != tuple(expected):
        wanted = str(tuple(expected)).replace("'", "")
        raise DamagedError(f"has the shape {array.shape}, expected {wanted}", name)


def _check_values(name: str, entry: Entry, array: np.ndarray) -> None:
    """Check that values are within their bounds; those of bytes always are."""
    if array.dtype == np.uint8 or array.dtype.kind not in "fiu" or array.size == 0:
        return
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):  # NaN is the least and the largest of all
        raise DamagedError("has NaN or infinity in it", name)
    if low < entry.low or high > entry.high:
        raise DamagedError(
            f"has values from {low:.6g} to {high:.6g}, expected {entry.low:.6g} to {entry.high:.6g}", name
        )


def _check_sizes(arrays: Mapping[str, np.ndarray], sizes: dict[str, int]) -> None:
    """Check what shapes alone do not say."""
    if "working_image" not in arrays and (sizes["h"], sizes["w"]) != (sizes["H"], sizes["W"]):
        raise DamagedError("is missing", "working_image")
    if sizes["N"] != sizes["h"] * sizes["w"]:
        raise DamagedError(
            f"has {sizes['N']} pixels, expected {sizes['h']} x {sizes['w']}", "eigenvector_bytes"
        )
    if not 1 <= sizes["b"] <= MOST_PLANES:
        raise DamagedError(
            f"has {sizes['b']} bytes a value, expected 1 to {MOST_PLANES}", "eigenvector_bytes"
        )
    if arrays["eigenvector_step"] == 0:
        raise DamagedError("is zero", "eigenvector_step")
    if sizes["K"] < 1 or ("alphas" not in arrays and arrays["largest_layer"].max() >= sizes["K"]):
        raise DamagedError(f"names a layer that is not there: there are {sizes['K']}", "largest_layer")
