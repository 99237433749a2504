"""Files out: the writer that a path's suffix stands for. A new format is a new module and one line here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from softseg.layers.npz import save_npz
from softseg.layers.png import save_png_folder

if TYPE_CHECKING:
    from softseg.result import SoftSegmentation

_FORMATS: dict[str, Callable[[Path, SoftSegmentation], None]] = {
    ".npz": save_npz,
}


def save(path: str | os.PathLike[str], result: SoftSegmentation) -> None:
    """Write a result in the format that the path's suffix stands for.

    Files are written whole or not at all; what is there already is replaced, missing folders are made.

    Parameters
    ----------
    path : str or path
        ``*.npz``: the arrays (`softseg.layers.npz.save_npz`). A folder, or a path without a suffix: one RGBA
        PNG per layer (`softseg.layers.png.save_png_folder`).
    result : SoftSegmentation
        What to write.

    Raises
    ------
    ValueError
        If the suffix stands for no format.
    OSError
        If the file or folder cannot be written.

    Examples
    --------
    >>> from softseg import segment
    >>> from softseg.layers.export import save
    >>> result = segment("photo.jpg")  # doctest: +SKIP
    >>> save("layers.npz", result)  # doctest: +SKIP
    """
    path = Path(path)
    if path.is_dir() or not path.suffix:
        save_png_folder(path, result)
    elif path.suffix.lower() in _FORMATS:
        _FORMATS[path.suffix.lower()](path, result)
    else:
        raise ValueError(
            f"path: expected a folder or a name that ends in {' or '.join(_FORMATS)}, got {os.fspath(path)}"
        )
