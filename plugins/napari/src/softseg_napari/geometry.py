"""Where layers lie: from one layer's data coordinates to another's, and layers placed as another is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pint
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


def put(layer: Layer, where: dict[str, Any]) -> None:
    """Place a layer that is there already; nothing happens if it lies there.

    Parameters
    ----------
    layer : Layer
        What to move.
    where : dict
        As `placement` returns it.
    """
    here = placement(layer, (0,) * layer.ndim)
    for name, value in where.items():
        if not _is_same(here[name], value):
            setattr(layer, name, value)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, Affine) and isinstance(other, Affine):
        return np.array_equal(one.affine_matrix, other.affine_matrix)
    return np.array_equal(one, other)


def at_the_viewer(layer: Layer, viewer: ViewerModel) -> np.ndarray:
    """Return where the viewer's sliders are, in a layer's data coordinates."""
    return _world_to_data(np.array(viewer.dims.point)[None], layer, viewer)[0]


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
    world[:, world.shape[1] - start.ndim :] = _data_to_world(start)(positions) * _units(start, viewer)
    return _world_to_data(world, end, viewer)


def _world_to_data(world: np.ndarray, layer: Layer, viewer: ViewerModel) -> np.ndarray:
    """Return positions (n, the viewer's ndim) in a layer's data coordinates, (n, its ndim)."""
    own = world[:, world.shape[1] - layer.ndim :] / _units(layer, viewer)
    return np.asarray(_data_to_world(layer).inverse(own))


def _units(layer: Layer, viewer: ViewerModel) -> np.ndarray:
    """Return how many of the viewer's units each unit of a layer is, along the layer's axes.

    napari shows layers of micrometers and of millimeters together as they lie; what cannot be compared, such
    as pixels and micrometers, it takes for the same.
    """
    shown = getattr(viewer.dims, "units", None)  # napari before 0.9 has none, and compares nothing
    if shown is None or len(shown) < layer.ndim:
        return np.ones(layer.ndim)
    registry = pint.get_application_registry()
    pairs = zip(layer.units, shown[len(shown) - layer.ndim :], strict=True)
    return np.array(
        [float(registry.get_base_units(a)[0]) / float(registry.get_base_units(b)[0]) for a, b in pairs]
    )


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
