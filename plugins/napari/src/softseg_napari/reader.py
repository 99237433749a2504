"""Opening `.npz` archives that softseg saved: the photo and its soft layers."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from napari.layers import Image
from softseg import SoftSegmentation

from softseg_napari.display import soft_layers
from softseg_napari.segmentations import KEY, Segmentation

#: Layers as readers return them: data, keyword arguments, and the type's name.
LayerData = tuple[Any, dict[str, Any], str]

# What only softseg's archives hold, of any version.
MEMBERS = {"eigenvalues.npy", "superpixels.npy"}


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return `read_archives` for archives that softseg saved, and None for other files.

    Parameters
    ----------
    path : str or list of str
        The files. Each is a photo of its own.
    """
    paths = [path] if isinstance(path, str) else list(path)
    return read_archives if paths and all(_is_archive(one) for one in paths) else None


def read_archives(path: str | Sequence[str]) -> list[LayerData]:
    """Return the photos and soft layers of archives, the photos hidden under their layers."""
    paths = [path] if isinstance(path, str) else list(path)
    return [layer for one in paths for layer in _read_archive(one)]


def _read_archive(path: str) -> list[LayerData]:
    segmentation = Segmentation.of({(): SoftSegmentation.load(path)})
    name = os.path.splitext(os.path.basename(path))[0]
    image = segmentation.results[()].image
    photo = Image(image, rgb=True, name=name, visible=False, metadata={KEY: segmentation})
    return [layer.as_layer_data_tuple() for layer in (photo, *soft_layers(name, segmentation, {}))]


def _is_archive(path: str) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist()) >= MEMBERS
    except (OSError, zipfile.BadZipFile):
        return False
