"""Saving soft layers, or masks, as any file that softseg writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count as count_up
from pathlib import Path
from typing import Any

import numpy as np
from softseg import SoftSegmentation
from softseg.formats import check_output, save

from softseg_napari.frames import Frame
from softseg_napari.messages import one_line
from softseg_napari.segmentations import KEY, Mask, Segmentation, SoftLayer

# Where more than this is left of the photo beside the chosen layers, it becomes one more layer: half a step
# of 8 bits.
NOTHING = 0.5 / 255
# What that layer is called.
REST = "rest"


class CannotSaveError(RuntimeError):
    """Why layers were not saved, in one line.

    It is no ValueError: of those napari only says that no plugin could write the file.
    """


@dataclass(frozen=True, eq=False)
class _Chosen:
    """A layer to be saved: its data, what its metadata say, and its name."""

    data: Any
    what: SoftLayer | Mask
    name: str

    @property
    def index(self) -> int:
        return self.what.index if isinstance(self.what, SoftLayer) else 0


def write_layers(path: str, layers: Sequence[tuple[Any, dict[str, Any], str]]) -> list[str]:
    """Write the soft layers, or the masks, among some layers; each frame to a file of its own.

    They keep the names that they have in the viewer, without the photo's. What of the photo belongs to none
    of them becomes one more layer, so that the file shows the photo. An ``.npz`` file holds all that softseg
    found, whichever layers are chosen.

    Parameters
    ----------
    path : str
        Its suffix chooses the format. With several frames, their numbers stand before the suffix.
    layers : sequence of tuple
        Data, attributes and the type's name, as napari hands them to writers. Others than softseg's are left
        out.

    Returns
    -------
    list of str
        The files.

    Raises
    ------
    CannotSaveError
        If these are not layers of one segmentation, or softseg cannot write them so.
    OSError, ImportError
        As `softseg.formats.save` does.
    """
    try:
        return _write(path, _find_chosen(layers))
    except (TypeError, ValueError) as error:
        raise CannotSaveError(one_line(error)) from error


def _write(path: str, chosen: Sequence[_Chosen]) -> list[str]:
    segmentation = _check_chosen(path, chosen)
    written = []
    for frame, target in _targets(Path(path), segmentation).items():
        result = segmentation.results[frame]
        if target.suffix.lower() == ".npz":
            save(target, result)
        else:
            check_output(target, *segmentation.size)
            place = segmentation.place(frame)
            _save_chosen(target, result, [replace(one, data=np.asarray(one.data[place])) for one in chosen])
        written.append(os.fspath(target))
    return written


def _find_chosen(layers: Sequence[tuple[Any, dict[str, Any], str]]) -> list[_Chosen]:
    """Return the soft layers and masks, soft layers by their numbers."""
    chosen = []
    for data, attributes, _ in layers:
        what = attributes.get("metadata", {}).get(KEY)
        if isinstance(what, SoftLayer | Mask):
            chosen.append(_Chosen(data, what, str(attributes.get("name", "")).removeprefix(what.prefix)))
    return sorted(chosen, key=lambda one: one.index)


def _check_chosen(path: str, chosen: Sequence[_Chosen]) -> Segmentation:
    """Return the segmentation that the layers are of; raise if it is not one."""
    file = os.path.basename(path)
    if not chosen:
        raise ValueError(
            f"{file}: expected soft layers or a mask, got none; segment an image, and select its soft layers"
        )
    if len({type(one.what) for one in chosen}) > 1:
        raise ValueError(
            f"{file}: expected either soft layers or masks, got both; save them one after the other"
        )
    segmentations = {one.what.segmentation for one in chosen}
    if len(segmentations) > 1:
        raise ValueError(
            f"{file}: expected layers of one segmentation, got those of {len(segmentations)}; save them one "
            "after the other"
        )
    segmentation = segmentations.pop()
    shape = (*segmentation.shape, *segmentation.size)
    for one in chosen:
        if np.shape(one.data) != shape:
            raise ValueError(
                f"{file}: expected the layer {one.name!r} to have the photo's shape {shape}, "
                f"got {np.shape(one.data)}; select the layers that segmenting made"
            )
    return segmentation


def _targets(path: Path, segmentation: Segmentation) -> dict[Frame, Path]:
    """Return the file of each frame."""
    frames = list(segmentation.results)
    if len(frames) == 1:
        return {frames[0]: path}
    digits = [len(str(most)) for most in np.max(frames, axis=0)]

    def number(frame: Frame) -> str:
        return "-".join(f"{index:0{width}}" for index, width in zip(frame, digits, strict=True))

    return {frame: path.with_stem(f"{path.stem}-{number(frame)}") for frame in frames}


def _save_chosen(target: Path, result: SoftSegmentation, chosen: Sequence[_Chosen]) -> None:
    """Write a photo with the chosen layers, and with one of all that is not chosen."""
    names = [one.name for one in chosen]
    for one in chosen:
        if not np.isfinite(one.data).all():
            raise ValueError(
                f"{target.name}: expected the layer {one.name!r} to be finite, got NaN or infinity"
            )
    alphas = np.clip(np.stack([one.data for one in chosen], axis=2), 0, 1).astype(np.float32)
    if alphas.shape != result.alphas.shape or not np.array_equal(alphas, result.alphas):
        total = alphas.sum(axis=2, keepdims=True)
        alphas /= np.maximum(total, 1)
        rest = 1 - np.minimum(total, 1)
        if rest.max() > NOTHING:
            alphas = np.concatenate([alphas, rest], axis=2)
            names.append(_unlike(names))
        else:
            alphas /= np.minimum(total, 1)
        result = replace(result, alphas=alphas)
    save(target, result, names=names)


def _unlike(names: Sequence[str]) -> str:
    """Return a name for the rest that none of the others has."""
    return next(name for count in count_up() if (name := REST + " of the rest" * count) not in names)
