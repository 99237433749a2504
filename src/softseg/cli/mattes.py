"""Mattes as gray pictures on disk, with the record that says what they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from softseg.cli import manifest

if TYPE_CHECKING:
    import numpy as np


def save_mattes(output: Path, mattes: np.ndarray, made_from: dict[str, Any]) -> None:
    """Write a matte, (H, W), as a gray PNG, or those of labels, (H, W, K), as a folder of them.

    A label that is nowhere has no file, and those of earlier labels are removed.
    """
    from PIL import Image

    from softseg._files import whole_files
    from softseg.images import eight_bits

    together = mattes.ndim == 3
    if together:
        labels = [k for k in range(mattes.shape[2]) if mattes[..., k].any()]
        files, folder = {f"label_{k}.png": mattes[..., k] for k in labels}, output
    else:
        files, folder = {output.name: mattes}, output.parent
    with manifest.recorded(output, together, made_from):
        with whole_files(folder, "--output") as scratch:
            for name, matte in files.items():
                Image.fromarray(eight_bits(matte)).save(scratch / name, format="PNG")
        for file in folder.iterdir() if together else ():
            if manifest.MATTE.fullmatch(file.name) and file.name not in files:
                file.unlink()
