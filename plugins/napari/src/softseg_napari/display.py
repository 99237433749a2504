"""How soft layers and masks look in the viewer, and where they are put."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils import Colormap, DirectLabelColormap
from softseg.layers.arrangement import distinct_colors

from softseg_napari.geometry import placement
from softseg_napari.segmentations import KEY, Former, Mask, Segmentation, SoftLayer, known_of

if TYPE_CHECKING:
    from napari.components import ViewerModel

# A mask's color over the photo, which photos hardly have, and how much of it there is where the mask is 1.
# Chosen by looking at photos.
MASK_COLOR = (1.0, 0.0, 0.8)
MASK_OPACITY = 0.6


def soft_layers(name: str, segmentation: Segmentation, where: dict[str, Any]) -> list[Layer]:
    """Return layers that show a segmentation: its soft layers, which add up, and the largest at each pixel.

    Parameters
    ----------
    name : str
        The photo's.
    segmentation : Segmentation
        What to show.
    where : dict
        Keyword arguments that place the layers.
    """
    colors = distinct_colors(segmentation.count) / 255
    prefix = f"{name}: "
    made: list[Layer] = [
        Image(
            alphas,
            name=prefix + called,
            colormap=Colormap([(0, 0, 0), color], name=f"softseg {index + 1}"),
            contrast_limits=(0, 1),
            blending="additive",
            metadata={KEY: SoftLayer(segmentation, index, prefix)},
            **where,
        )
        for index, (alphas, called, color) in enumerate(
            zip(segmentation.alphas(), segmentation.names(), colors, strict=True)
        )
    ]
    table: dict[int | None, Any] = {index + 1: (*color, 1) for index, color in enumerate(colors)}
    labels = Labels(
        segmentation.labels(),
        name=f"{prefix}labels",
        colormap=DirectLabelColormap(color_dict={None: (0, 0, 0, 0), **table}),
        visible=False,
        **where,
    )
    return [*made, labels]


def mask_layer(name: str, of: str, segmentation: Segmentation, where: dict[str, Any]) -> Image:
    """Return an empty mask of a segmentation's photos, a tint over them.

    Parameters
    ----------
    name, of : str
        What the photo is called, and what the strokes are called that the mask comes from.
    segmentation : Segmentation
        That of the photos.
    where : dict
        Keyword arguments that place the layer.
    """
    return Image(
        np.zeros((*segmentation.shape, *segmentation.size), dtype=np.float32),
        name=f"{name}: mask of {of}",
        colormap=Colormap([(*MASK_COLOR, 0), (*MASK_COLOR, 1)], name="softseg mask"),
        contrast_limits=(0, 1),
        opacity=MASK_OPACITY,
        metadata={KEY: Mask(segmentation, f"{name}: ")},
        **where,
    )


def add_segmentation(viewer: ViewerModel, image: Image, segmentation: Segmentation) -> None:
    """Put a segmentation's layers right above the photo, and let them be seen instead of it.

    Earlier soft layers of the photo are hidden and stay. The new ones are selected, so that the viewer saves
    them.
    """
    earlier = _layers_of(viewer, known_of(image))
    made = soft_layers(image.name, segmentation, placement(image, (*segmentation.origin, 0, 0)))
    # Nothing can fail from here on.
    for layer in earlier:
        layer.visible = False
    image.visible = False
    image.metadata[KEY] = segmentation
    above = viewer.layers.index(image) + 1
    for number, layer in enumerate(made):
        viewer.layers.insert(above + number, layer)
    viewer.layers.selection = set(made[:-1])


def add_mask(viewer: ViewerModel, image: Image, mask: Image, below: Layer) -> None:
    """Put a mask below what the user draws on, and show the photo under it instead of its soft layers.

    What is selected stays selected, and with it the tool that the user draws with.
    """
    selected, active = set(viewer.layers.selection), viewer.layers.selection.active
    viewer.layers.insert(viewer.layers.index(below), mask)
    for layer in _layers_of(viewer, known_of(image)):
        layer.visible = isinstance(known_of(layer), Mask)
    image.visible = True
    viewer.layers.selection = selected
    viewer.layers.selection.active = active


def _layers_of(viewer: ViewerModel, known: Segmentation | Former | None) -> list[Layer]:
    """Return the soft layers and masks that came of a segmentation, also of one that is former by now."""
    segmentation = known.segmentation if isinstance(known, Former) else known
    return [
        layer
        for layer in viewer.layers
        if isinstance(what := known_of(layer), SoftLayer | Mask) and what.segmentation is segmentation
    ]
