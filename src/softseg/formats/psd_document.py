"""Photoshop documents of layers with the same size as the picture, which psd-tools then writes."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from softseg.formats.blending import BLACK
from softseg.formats.names import LONGEST_NAME
from softseg.formats.rounding import OPAQUE

if TYPE_CHECKING:
    from psd_tools.psd import PSD
    from psd_tools.psd.layer_and_mask import LayerRecord

# A plane of bytes, compressed some rows at a time: how long each row has become, and the rows.
Plane = list[tuple[bytes, bytes]]


def compress_rows(rows: UInt8[np.ndarray, "h W"]) -> tuple[bytes, bytes]:
    """Compress rows, each by itself, as run lengths (PackBits): how long each is, in two bytes, and they."""
    from psd_tools.compression import compress
    from psd_tools.constants import Compression

    height, width = rows.shape
    packed = compress(rows.tobytes(), Compression.RLE, width, height, 8)
    return packed[: 2 * height], packed[2 * height :]


def as_run_lengths(kind: Callable[..., Any], planes: Sequence[Plane]) -> Any:
    """Return planes as what psd-tools writes: the lengths of all rows, then the rows. Empties the planes."""
    from psd_tools.constants import Compression

    pieces = [piece for plane in planes for piece in plane]
    data = kind(
        Compression.RLE, b"".join(part for which in (0, 1) for part in map(itemgetter(which), pieces))
    )
    for plane in planes:
        plane.clear()  # it holds the same bytes again
    return data


def outline(count: int, grouped: bool, within: str | None = None) -> PSD:
    """Return a document of layers, from back to front, each of a single pixel and called by its place.

    Parameters
    ----------
    count : int
        How many.
    grouped : bool
        Whether each layer lies over black in a group of its own, and the groups add up on a black base.
    within : str, optional
        The name of a group that all of it is in, which is hidden. Default: there is none.
    """
    from psd_tools import PSDImage
    from psd_tools.constants import BlendMode
    from psd_tools.psd import PSD

    document = PSDImage.new("RGB", (1, 1))
    parent: Any = document
    if within is not None:
        parent = document.create_group(name=within, blend_mode=BlendMode.NORMAL, open_folder=False)
    places = [str(place) for place in range(count)]
    (_add_groups if grouped else _add_pixels)(parent, places)
    if within is not None:
        parent.visible = False
    buffer = io.BytesIO()
    document.save(buffer)
    buffer.seek(0)
    return PSD.read(buffer)


def _add_groups(parent: Any, names: Sequence[str]) -> None:
    """Add a black base, and each layer over black in a group that is added to what is below."""
    from psd_tools.constants import BlendMode

    _add_pixels(parent, [BLACK])
    for name in names:
        group = parent.create_group(name=name, blend_mode=BlendMode.LINEAR_DODGE, open_folder=False)
        _add_pixels(group, [BLACK, name])


def _add_pixels(parent: Any, names: Sequence[str]) -> None:
    for name in names:
        parent.create_pixel_layer_from_array(np.zeros((1, 1, 4), dtype=np.uint8), name)


def fill(document: PSD, size: tuple[int, int], names: Sequence[str], layers: Sequence[list[Plane]]) -> None:
    """Give an outlined document its size, and the layers their names and planes.

    Parameters
    ----------
    document : PSD
        What `outline` returned.
    size : (int, int)
        Height and width.
    names : sequence of str
        What the layers are called, from back to front; with their groups, if they are in any.
    layers : sequence
        For each layer its planes of opacity, red, green and blue. They are emptied.
    """
    from psd_tools.psd.layer_and_mask import ChannelData

    document.header.height, document.header.width = size
    black = [[compress_rows(np.full(size, value, dtype=np.uint8))] for value in (OPAQUE, 0, 0, 0)]
    packed, packed_black = (
        [[as_run_lengths(ChannelData, [plane]) for plane in planes] for planes in some]
        for some in (layers, [black])
    )
    info = document.layer_and_mask_information.layer_info
    assert info is not None  # since there are layers
    for record, channels in zip(info.layer_records, info.channel_image_data, strict=True):
        # Names are still places, or black, or what a group has that is not one of a layer.
        place = int(record.name) if record.name.isdecimal() else None
        if record.right > record.left:  # a layer of pixels, and not where a group begins or ends
            record.bottom, record.right = size
            channels[:] = packed_black[0] if place is None else packed[place]
        if place is not None:
            _call(record, names[place])


def _call(record: LayerRecord, name: str) -> None:
    """Give a layer its name, and in ASCII as well for programs that do not read the one of all letters."""
    from psd_tools.constants import Tag

    letters = (letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    record.name = "".join(letters).encode("ascii", "replace").decode()[:LONGEST_NAME]
    record.tagged_blocks.set_data(Tag.UNICODE_LAYER_NAME, name)


def embed(document: PSD, profile: bytes) -> None:
    """Put a color profile into a document."""
    from psd_tools.constants import Resource
    from psd_tools.psd.image_resources import ImageResource

    key = Resource.ICC_PROFILE
    document.image_resources[key] = ImageResource(key=key.value, data=profile)
