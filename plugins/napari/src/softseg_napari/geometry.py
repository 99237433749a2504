"""Where layers lie: from one layer's data coordinates to another's, and layers placed as another is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import Affine

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


def placement(layer: Layer, origin: Sequence[int]) -> dict[str, Any]:
    """Return how to place a layer whose first pixel is the pixel ``origin`` of another layer.

    Parameters
    ----------
    layer : Layer
        The other layer.
    origin : sequence of int
        An index along all its axes.

    Returns
    -------
    dict
        Keyword arguments of napari's layers.
    """
    return {
        "scale": layer.scale,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "translate": _data_to_physical(layer)(np.asarray(origin, dtype=float)),
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def at_the_viewer(layer: Layer, viewer: ViewerModel) -> np.ndarray:
    """Return where the viewer's sliders are, in a layer's data coordinates."""
    return np.asarray(_data_to_world(layer).inverse(np.asarray(viewer.dims.point[-layer.ndim :])))


def carry(positions: np.ndarray, start: Layer, end: Layer, viewer: ViewerModel) -> np.ndarray:
    """Return positions in one layer's data coordinates in those of another.

    Parameters
    ----------
    positions : ndarray, shape (n, start.ndim)
        In data coordinates of the first layer. Along axes that it lacks they are where the sliders are.
    start, end : Layer
        The two layers. Their last axes are the same ones.
    viewer : ViewerModel
        It shows both.

    Returns
    -------
    ndarray, shape (n, end.ndim)
    """
    world = np.tile(np.asarray(viewer.dims.point, dtype=float), (len(positions), 1))
    world[:, world.shape[1] - start.ndim :] = _data_to_world(start)(positions)
    return np.asarray(_data_to_world(end).inverse(world[:, world.shape[1] - end.ndim :]))


def _data_to_physical(layer: Layer) -> Affine:
    return Affine(
        scale=layer.scale,
        rotate=layer.rotate,
        shear=layer.shear,
        translate=layer.translate,
        ndim=layer.ndim,
    )


def _data_to_world(layer: Layer) -> Affine:
    return layer.affine.compose(_data_to_physical(layer))
