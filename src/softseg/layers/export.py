"""Files out: the writer that a path's suffix stands for. A new format is a new module and one line here."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softseg.result import SoftSegmentation

# Writers take a path, a result, and options by name. They are named and not imported: each costs something.
FORMATS = {
    ".npz": "softseg.layers.npz.save_npz",
    ".psd": "softseg.layers.psd.save_psd",
    ".html": "softseg.layers.viewer.save_html",
    ".png": "softseg.layers.label_map.save_label_map",
    ".json": "softseg.layers.coco.save_coco",
}
FOLDER = "softseg.layers.png.save_png_folder"


def save(path: str | os.PathLike[str], result: SoftSegmentation, **options: Any) -> None:
    """Write a result in the format that the path's suffix stands for.

    Files are written whole or not at all; what is there already is replaced, missing folders are made.

    Parameters
    ----------
    path : str or path
        One of

        - ``*.npz``: everything, for `softseg.layers.load` (`softseg.layers.npz.save_npz`)
        - ``*.psd``: layers for Photoshop and GIMP (`softseg.layers.psd.save_psd`)
        - ``*.html``: a page to look at (`softseg.layers.viewer.save_html`)
        - ``*.png``: a label map (`softseg.layers.label_map.save_label_map`)
        - ``*.json``: COCO annotations (`softseg.layers.coco.save_coco`)
        - a folder, or a path without a suffix: one RGBA PNG per layer (`softseg.layers.png.save_png_folder`)
    result : SoftSegmentation
        What to write.
    **options
        Of the format; see its writer.

    Raises
    ------
    ValueError
        If the suffix stands for no format.
    TypeError
        If the format has no such option.
    OSError
        If the file or folder cannot be written.

    Examples
    --------
    >>> from softseg import segment
    >>> from softseg.layers import save
    >>> result = segment("photo.jpg")  # doctest: +SKIP
    >>> save("photo.npz", result)  # doctest: +SKIP
    >>> save("photo.psd", result, blend="normal")  # doctest: +SKIP
    """
    path = Path(path)
    writer = _writer(path)
    _check_options(path, writer, options)
    writer(path, result, **options)


def _writer(path: Path) -> Callable[..., None]:
    if path.is_dir() or not path.suffix:
        name = FOLDER
    elif path.suffix.lower() in FORMATS:
        name = FORMATS[path.suffix.lower()]
    else:
        raise ValueError(
            f"path: expected a folder or a name that ends in {', '.join(FORMATS)}, got {os.fspath(path)}"
        )
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(module), function)


def _check_options(path: Path, writer: Callable[..., None], options: dict[str, Any]) -> None:
    _, _, *known = inspect.signature(writer).parameters
    for option in options:
        if option not in known:
            raise TypeError(
                f"{option}: no option of {path.suffix or 'a folder'}, which has {', '.join(known) or 'none'}"
            )
