"""Mattes as gray pictures on disk, with the record that says what they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from softseg.cli import manifest

if TYPE_CHECKING:
    import numpy as np


def save_mattes(output: Path, mattes: np.ndarray, made_from: dict[str, Any]) -> None:
    """Write a matte, (H, W), as a gray PNG, or those of labels, (H, W, K), as a folder of them."""
    from PIL import Image

    from softseg._files import whole_files
    from softseg.images import eight_bits

    grays = eight_bits(mattes)
    if grays.ndim == 2:
        files, folder = {output.name: grays}, output.parent
    else:
        files, folder = {f"label_{k}.png": grays[..., k] for k in range(grays.shape[2])}, output
    with (
        manifest.recorded(output, grays.ndim == 3, made_from),
        whole_files(folder, "--output") as scratch,
    ):
        for name, gray in files.items():
            Image.fromarray(gray).save(scratch / name, format="PNG")
