"""How large a working size fits into a given amount of memory."""

from __future__ import annotations

import re
from typing import Any

from softseg._checks import check_count

# What a unit of memory is, in bytes.
_UNITS = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}

# All of the following were measured as the process's largest memory, and rounded up. What the plans that are
# made of them lead to is in docs/measurements/reliability.md, "Memory".
# Libraries, the network and its features, and compiled kernels, in bytes.
LIBRARIES = 350_000_000
# What saving needs at the least, in bytes.
SAVING = 400_000_000
# What the stages need for each working pixel: the Laplacian, its factors and the Krylov space, in bytes; and
# besides for each eigenvector, of which the space has several.
PER_WORKING_PIXEL, PER_EIGENVECTOR = 2000, 30
# What each pixel at full size needs while layers are saved in the format that takes the most, OpenEXR, in
# bytes: for each layer in the result (4), as half floats of four channels (8), and in the compressed file (4,
# of noise 5); and for the photo, as floats (24), as half floats (8), and as a whole opacity.
PER_PIXEL, PER_LAYER = 33, 16
# The smallest working size that is planned: layers of fewer pixels would miss most of a photo. Chosen by the
# project.
LEAST_WORKING_PIXELS = 120 * 90


def parse_memory(text: Any, name: str = "max_memory") -> int:
    """Return an amount of memory in bytes.

    Parameters
    ----------
    text : int or str
        Bytes, or a number with a unit, such as ``"4GB"`` (a GB is 10^9 bytes) or ``"512 MiB"``
        (2^20).
    name : str
        The name of the argument in error messages.

    Raises
    ------
    TypeError, ValueError
        If it is no amount of memory. The message has one line.

    Examples
    --------
    >>> from softseg.memory import parse_memory
    >>> parse_memory("1.5 GB"), parse_memory("2KiB")
    (1500000000, 2048)
    """
    if not isinstance(text, str):
        check_count(name, text)
        return int(text)
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", text.lower())
    amount = int(float(match[1]) * _UNITS.get(match[2] or "b", 0)) if match else 0
    if amount < 1:
        raise ValueError(
            f"{name}: expected bytes, or a number and a unit as in '4GB' or '512MiB', got {text!r}"
        )
    return amount


def plan_working_pixels(
    limit: int, used: int, height: int, width: int, n_layers: int, n_eigenvectors: int
) -> int:
    """Return the most working pixels with which a photo's layers are found and saved within a limit.

    Parameters
    ----------
    limit : int
        The most memory that the process may have, in bytes.
    used : int
        The memory that it has now, the photo included.
    height, width : int
        The photo's, in pixels.
    n_layers, n_eigenvectors : int
        How many there will be.

    Raises
    ------
    ValueError
        If the limit is too low for the layers at full size. The message says what suffices.

    Examples
    --------
    >>> from softseg.memory import plan_working_pixels
    >>> plan_working_pixels(3 * 10**9, 500_000_000, 3000, 4000, n_layers=5, n_eigenvectors=100)
    430000
    """
    at_full_size = SAVING + (PER_PIXEL + PER_LAYER * n_layers) * height * width
    least = used + LIBRARIES + max(at_full_size, LEAST_WORKING_PIXELS * _per_working_pixel(n_eigenvectors))
    if limit < least:
        before = used + LIBRARIES + SAVING
        raise ValueError(
            f"max_memory: expected at least {_say(least)}, {_say(before)} of them before any layer, the "
            f"rest for {width}x{height} pixels and {n_layers} layers; got {_say(limit)}"
        )
    return (limit - used - LIBRARIES) // _per_working_pixel(n_eigenvectors)


def _say(amount: int) -> str:
    return f"{amount / 1e9:.1f} GB" if amount >= 10**8 else f"{amount / 1e6:.3g} MB"


def _per_working_pixel(n_eigenvectors: int) -> int:
    return PER_WORKING_PIXEL + PER_EIGENVECTOR * n_eigenvectors


def used_memory() -> int:
    """Return the memory that this process has now, in bytes."""
    import psutil  # type: ignore[import-untyped]

    return int(psutil.Process().memory_info().rss)
