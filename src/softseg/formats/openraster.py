"""A result as OpenRaster, the format of layers that Krita, MyPaint and GIMP share: PNGs in a zip archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from softseg._files import whole_files
from softseg.formats.blending import BLACK, blended_strips, check_blend
from softseg.formats.color_space import OutputSpace
from softseg.formats.names import given_names, layer_names
from softseg.formats.png import STRATEGY
from softseg.formats.rounding import OPAQUE
from softseg.images import eight_bits
from softseg.layers.colors import piece_rows
from softseg.progress import tick

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# The version of the OpenRaster specification that the file keeps to, the last one with a number.
VERSION = "0.0.5"
# The longest side of the small picture, in pixels (OpenRaster 0.0.5, "File Layout").
THUMBNAIL = 256
# Where the opaque black lies that all layers share.
BLACK_FILE = "data/black.png"
# The rights of what is unpacked: the owner writes, everybody reads. They are the upper half of a number.
RIGHTS = 0o644 << 16


def save_openraster(
    path: Path,
    result: Decomposition,
    blend: str = "add",
    profile: str = "srgb",
    names: Iterable[str] | None = None,
) -> None:
    """Write an OpenRaster file of the layers and their names, from back to front in the result's order.

    Each layer is an RGBA PNG of straight colors with its opacity as alpha, 8 bits each. Together they show
    the photo, up to half a step of 255, as those of `softseg.formats.psd.save_psd` do.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there.
    result : SoftSegmentation
        What to write.
    blend : {"add", "normal"}
        ``"add"``: the opacities are the layers' alphas. Each layer lies over black in a group of its own, and
        the groups add up (``svg:plus``) on a black base. ``"normal"``: each layer covers those behind it,
        with the opacities that show the photo that way; only the front layer's is its alpha.
    profile : {"srgb", "source"}
        The profile of the colors, which every PNG holds: sRGB, or that of the photo's file, into which they
        are converted back; sRGB if it had none.
    names : iterable of str, optional
        What the layers are called, in the order of ``result.alphas``. Default: the result's own names,
        or where they are (`softseg.formats.layer_names`).

    Raises
    ------
    ValueError
        If ``blend`` or ``profile`` is neither, or colors cannot be converted into the photo's profile; or if
        the names are not one line of text for each layer, all different
        (`softseg.formats.names.checked_names`).

    Notes
    -----
    By the specification ``svg:plus`` adds premultiplied colors, and no groups would be needed. But Krita
    clips the sum before it looks at transparency, as Photoshop does. Opaque groups look right either way.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from zipfile import ZipFile
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> with TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/photo.ora")
    ...     with ZipFile(f"{folder}/photo.ora") as file:
    ...         parts = file.namelist()
    >>> sorted(part for part in parts if "layer" in part)
    ['data/layer_1.png', 'data/layer_2.png', 'data/layer_3.png']
    """
    check_blend(blend)
    called = given_names(result, names) or layer_names(result)
    space = OutputSpace.of(result, profile)
    order = list(result.order)
    layers = _round(result, order, blend, space)
    height, width = result.image.shape[:2]
    photo = Image.fromarray(_round_photo(result, space))
    thumbnail = photo.copy()
    thumbnail.thumbnail((THUMBNAIL, THUMBNAIL))
    with (
        whole_files(path.parent) as scratch,
        zipfile.ZipFile(scratch / path.name, "w", zipfile.ZIP_STORED) as archive,  # PNGs are compressed
    ):
        _add(archive, "mimetype", b"image/openraster")  # the first file, so that it is found at byte 38
        _add(archive, "stack.xml", _describe(width, height, order, called, grouped=blend == "add"))
        for layer, pixels in zip(order, layers, strict=True):
            tick()
            _add(archive, _name_file(layer), _as_png(Image.fromarray(pixels), space))
        if blend == "add":
            black = Image.new("RGBA", (width, height), (0, 0, 0, OPAQUE))
            _add(archive, BLACK_FILE, _as_png(black, space))
        _add(archive, "mergedimage.png", _as_png(photo, space))
        _add(archive, "Thumbnails/thumbnail.png", _as_png(thumbnail, space))


def _round(
    result: Decomposition, order: Sequence[int], blend: str, space: OutputSpace
) -> UInt8[np.ndarray, "K H W 4"]:
    """Return each layer's colors and opacity in 8 bits, from back to front."""
    height, width, count = result.alphas.shape
    layers = np.empty((count, height, width, 4), dtype=np.uint8)
    for rows, opacities, pixels in blended_strips(result, order, blend, space):
        layers[:, rows, :, :3] = np.moveaxis(pixels, 2, 0)
        layers[:, rows, :, 3] = np.moveaxis(opacities, 2, 0)
    return layers


def _round_photo(result: Decomposition, space: OutputSpace) -> UInt8[np.ndarray, "H W 4"]:
    """Return the picture as a whole, which is the photo."""
    photo = np.full((*result.image.shape[:2], 4), OPAQUE, dtype=np.uint8)
    for rows in piece_rows(*photo.shape[:2]):
        photo[rows, :, :3] = eight_bits(space.converted_photo(result.image[rows]))
    return photo


def _describe(width: int, height: int, order: Sequence[int], names: Sequence[str], grouped: bool) -> bytes:
    """Return the XML that says how the layers lie on each other. Unlike elsewhere the front one is first."""
    image = ElementTree.Element("image", version=VERSION, w=str(width), h=str(height))
    root = ElementTree.SubElement(image, "stack")
    for layer in reversed(order):
        parent, name = root, names[layer]
        if grouped:
            parent = ElementTree.SubElement(root, "stack", name=name, isolation="isolate")
            parent.set("composite-op", "svg:plus")
        _add_layer(parent, name, _name_file(layer))
        if grouped:
            _add_layer(parent, BLACK, BLACK_FILE)
    if grouped:
        _add_layer(root, BLACK, BLACK_FILE)
    return ElementTree.tostring(image, "UTF-8")


def _add_layer(parent: ElementTree.Element, name: str, source: str) -> None:
    layer = ElementTree.SubElement(parent, "layer", name=name, src=source, x="0", y="0")
    layer.set("composite-op", "svg:src-over")


def _name_file(layer: int) -> str:
    return f"data/layer_{layer + 1}.png"


def _as_png(image: Image.Image, space: OutputSpace) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_type=STRATEGY, icc_profile=space.profile)
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Put a file into the archive, without the time, so that equal results are equal files."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = RIGHTS
    archive.writestr(entry, content)
