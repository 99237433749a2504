"""A result as OpenEXR: named layers in linear light, as film tools expect them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float16

from softseg._extras import require
from softseg._files import whole_files
from softseg.formats.names import as_channel_names, given_names, numbered_names
from softseg.formats.rounding import nearest_colors
from softseg.layers.stack import color_strips
from softseg.photos.profiles import SRGB, linear_light
from softseg.progress import tick

# Here and not where a file is written: formats are imported before the work, which is when to say it.
OpenEXR = require("OpenEXR", "writing .exr files")

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# What the channels are called, in a layer after its name and a dot. Nuke, Blender and OpenImageIO know these.
CHANNELS = "RGBA"
# The header's attribute that holds the layers' names as they were given, with all letters.
GIVEN_NAMES = "layerNames"


def save_exr(path: Path, result: Decomposition, names: Iterable[str] | None = None) -> None:
    """Write the layers as channels ``layer_1.R``, ``layer_1.G``, ..., and the photo as ``R`` to ``A``.

    All are half floats, premultiplied, in linear light, with the primaries of sRGB (Rec. 709), and compressed
    with ZIP. The layers add up ("plus") to the photo, to 1e-4 and what half floats lose, which is half a
    thousandth of each value.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there.
    result : SoftSegmentation
        What to write. Its layers are numbered as they are in ``result.alphas``.
    names : iterable of str, optional
        What the layers are called, in that order. The channels' names are spelled with what Nuke allows,
        which is ASCII letters, digits and underscores (`softseg.formats.names.as_channel_names`): ``le café``
        is ``le_cafe.R``. The names as they are stand in the header, as ``layerNames``. Default: the
        result's own names; without any, ``layer_1``, ``layer_2``, ..., which are the same for every picture
        of a sequence.

    Raises
    ------
    TypeError, ValueError
        If the names are not one line of text for each layer, all different
        (`softseg.formats.names.checked_names`).

    Notes
    -----
    Alphas mix colors as the photo has them, which are not linear. Made linear, the layers' colors would add
    up to a little more light than the photo has. They are changed as little as can be to make up for that.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> import OpenEXR
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> with TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/photo.exr", names=["sky", "cat", "sofa"])
    ...     file = OpenEXR.File(f"{folder}/photo.exr", separate_channels=True)
    >>> file.channels()["cat.R"].pixels.shape
    (20, 30)
    """
    count = result.alphas.shape[2]
    given = given_names(result, names)
    called = given or numbered_names(count)
    prefixes = ["", *(f"{name}." for name in as_channel_names(called))]
    channels = {
        prefix + channel: plane
        for prefix, picture in zip(prefixes, _make_planes(result), strict=True)
        for channel, plane in zip(CHANNELS, picture, strict=True)
    }
    header: dict[str, Any] = {
        "type": OpenEXR.scanlineimage,
        "compression": OpenEXR.ZIP_COMPRESSION,
        # Red, green, blue and white, x and y of each.
        "chromaticities": tuple(float(number) for color in (*SRGB[1:], SRGB.white) for number in color),
    }
    if given is not None:
        header[GIVEN_NAMES] = given
    with whole_files(path.parent) as scratch, open(scratch / path.name, "wb") as stream:
        # No threads of OpenEXR's own: a process that is forked later would wait for them forever.
        OpenEXR.File(header, channels, num_threads=0).write(stream)


def _make_planes(result: Decomposition) -> Float16[np.ndarray, "pictures 4 H W"]:
    """Return the channels of the photo, and then of each layer."""
    height, width, count = result.alphas.shape
    planes = np.empty((count + 1, len(CHANNELS), height, width), dtype=np.float16)
    for rows, colors in color_strips(result):
        tick()
        alphas, photo = result.alphas[rows], linear_light(result.image[rows])
        light = nearest_colors(photo, alphas, linear_light(colors))
        planes[0, :3, rows] = np.moveaxis(photo, 2, 0)
        planes[0, 3, rows] = 1
        planes[1:, :3, rows] = np.moveaxis(alphas[..., None] * light, (2, 3), (0, 1))
        planes[1:, 3, rows] = np.moveaxis(alphas, 2, 0)
    return planes
