"""What became of an image layer: a result for each frame, and what layers remember of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from softseg import SoftSegmentation
from softseg.eigen import Eigenpairs
from softseg.formats import layer_names

from softseg_napari.frames import Frame
from softseg_napari.matching import match

if TYPE_CHECKING:
    from napari.layers import Layer

#: Where a layer's ``metadata`` holds what is known of it: a `Segmentation`, or a `Former` one, in that of a
#: photo, a `SoftLayer`, or a `Mask`.
KEY = "softseg"


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The results of an image layer's frames. All of them have equally many layers.

    Attributes
    ----------
    results : dict
        The result of each frame that was segmented, in order.
    shape : tuple of int
        How many frames the block of them has along each leading axis.
    """

    results: dict[Frame, SoftSegmentation]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, results: dict[Frame, SoftSegmentation]) -> Segmentation:
        """Put the results of some frames together, which form a block; some in it may be missing.

        Layers of a frame are numbered as those of the frame before that they overlap the most. Where frames
        have different numbers of layers, the missing ones are empty.
        """
        if len(results) > 1:
            results = dict(zip(results, _numbered_alike(list(results.values())), strict=True))
        corners = np.array(list(results), dtype=int).reshape(len(results), -1)
        shape = corners.max(axis=0) - corners.min(axis=0) + 1
        return cls(results, tuple(shape.tolist()))

    @property
    def origin(self) -> Frame:
        """The first frame of the block, which may itself be missing."""
        return tuple(min(places) for places in zip(*self.results, strict=True))

    @property
    def size(self) -> tuple[int, int]:
        """A photo's height and width, in pixels."""
        height, width = self._first.alphas.shape[:2]
        return height, width

    @property
    def count(self) -> int:
        """How many layers there are."""
        return int(self._first.alphas.shape[2])

    @property
    def _first(self) -> SoftSegmentation:
        return next(iter(self.results.values()))

    def names(self) -> list[str]:
        """Return what the layers are called: where they are, or, if they may move, their numbers."""
        if len(self.results) > 1:
            return [f"layer {index + 1}" for index in range(self.count)]
        return layer_names(self._first)

    def place(self, frame: Frame) -> Frame:
        """Return where a frame is in arrays of this `shape`."""
        return tuple(index - first for index, first in zip(frame, self.origin, strict=True))

    def alphas(self) -> list[np.ndarray]:
        """Return each layer's alphas, float32, of this `shape` and the photo's."""
        made = [np.zeros((*self.shape, *self.size), dtype=np.float32) for _ in range(self.count)]
        for frame, result in self.results.items():
            for layer, alphas in enumerate(made):
                alphas[self.place(frame)] = result.alphas[..., layer]
        return made

    def labels(self) -> np.ndarray:
        """Return the largest layer at each pixel, counted from 1, of this `shape` and the photo's."""
        made = np.zeros((*self.shape, *self.size), dtype=np.uint8 if self.count < 256 else np.uint16)
        for frame, result in self.results.items():
            made[self.place(frame)] = result.alphas.argmax(axis=2) + 1
        return made


@dataclass(frozen=True, eq=False)
class Former:
    """What a photo's metadata say once it has other data: the segmentation of those that it had."""

    segmentation: Segmentation


@dataclass(frozen=True, eq=False)
class SoftLayer:
    """What a soft layer's metadata say: whose it is, and which; and what its name began with."""

    segmentation: Segmentation
    index: int
    prefix: str = ""


@dataclass(frozen=True, eq=False)
class Mask:
    """What a mask's metadata say: of which photos it selects a part; and what its name began with."""

    segmentation: Segmentation
    prefix: str = ""


def known_of(layer: Layer) -> Any:
    """Return the `Segmentation`, `Former`, `SoftLayer` or `Mask` that a layer knows of, or None."""
    return layer.metadata.get(KEY)


def outdate(event: Any) -> None:
    """Remember that a photo has other data than those that were segmented; for the layer's event of that."""
    known = known_of(event.source)
    if isinstance(known, Segmentation):
        event.source.metadata[KEY] = Former(known)


def lightened(result: SoftSegmentation) -> SoftSegmentation:
    """Return a result that takes a third of the memory, for one of many frames.

    Eigenvectors are in single precision, as selections take them, and the Laplacian is made anew when it is
    asked for.
    """
    pairs = result.eigenpairs
    single = Eigenpairs(pairs.values, pairs.vectors.astype(np.float32), pairs.residuals, pairs.converged)
    return replace(result, eigenpairs=single)


def _numbered_alike(results: Sequence[SoftSegmentation]) -> list[SoftSegmentation]:
    count = max(result.alphas.shape[2] for result in results)
    made: list[SoftSegmentation] = []
    for result in results:
        height, width, own = result.alphas.shape
        empty = np.zeros((height, width, count - own), dtype=np.float32)
        alphas = np.concatenate([result.alphas, empty], axis=2)
        if made:
            alphas = alphas[:, :, match(made[-1].alphas, alphas)]
        made.append(replace(result, alphas=alphas))
    return made
