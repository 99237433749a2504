"""A result as a layered Photoshop file, which is compressed a few rows at a time."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8

from softseg._files import whole_files
from softseg.formats.blending import BLACK, blended_strips, check_blend, layer_names
from softseg.formats.color_space import OutputSpace
from softseg.formats.rounding import OPAQUE
from softseg.images import eight_bits
from softseg.layers.colors import piece_rows

if TYPE_CHECKING:
    from psd_tools import PSDImage
    from psd_tools.psd import PSD
    from psd_tools.psd.image_data import ImageData

    from softseg.layers.stack import Decomposition

# A plane of bytes, compressed some rows at a time: how long each row has become, and the rows.
Plane = list[tuple[bytes, bytes]]


def save_psd(path: Path, result: Decomposition, blend: str = "add", profile: str = "srgb") -> None:
    """Write the layers, named ``layer 1``, ``layer 2``, ..., from back to front in the result's order.

    Each layer has straight colors and its opacity as transparency, 8 bits each. Together they show the photo,
    up to half a step of 255: opacities are rounded so that they add up, and colors are then changed as little
    as can be to make up for the rounding.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there.
    result : SoftSegmentation
        What to write.
    blend : {"add", "normal"}
        ``"add"``: the opacities are the layers' alphas. Each layer lies over black in a group of its own, and
        the groups add up (linear dodge) on a black base. ``"normal"``: each layer covers those behind it,
        with the opacities that show the photo that way; only the front layer's is its alpha.
    profile : {"srgb", "source"}
        The profile of the colors, which the file holds: sRGB, or that of the photo's file, into which they
        are converted back; sRGB if it had none.

    Raises
    ------
    ValueError
        If ``blend`` or ``profile`` is neither, or colors cannot be converted into the photo's profile.

    Notes
    -----
    The layers are in groups because linear dodge clips before it looks at transparency: backdrop B and color
    F with alpha a give ``(1 - a) B + a min(1, B + F)``, so two half transparent layers of white would make
    3/4 of white. A group that is opaque, black under its layer, gives ``min(1, B + a F)``.

    Examples
    --------
    >>> from softseg import segment
    >>> segment("photo.jpg").save("photo.psd", blend="normal")  # doctest: +SKIP
    """
    check_blend(blend)
    space = OutputSpace.of(result, profile)
    order = list(result.order)
    names = layer_names(order)
    with whole_files(path.parent) as scratch:
        document = _outline(names, grouped=blend == "add")
        layers = dict(zip(names, _pack_layers(result, order, blend, space), strict=True))
        _fill(document, result.image.shape[:2], layers)
        document.image_data = _pack_photo(result.image, space)
        _embed(document, space.profile)
        with open(scratch / path.name, "wb") as file:
            document.write(file)


def _pack_layers(
    result: Decomposition, order: Sequence[int], blend: str, space: OutputSpace
) -> list[list[Plane]]:
    """Return each layer's planes of opacity, red, green and blue, from back to front."""
    layers: list[list[Plane]] = [[[], [], [], []] for _ in order]
    for _, opacities, pixels in blended_strips(result, order, blend, space):
        for place, (opacity, *channels) in enumerate(layers):
            opacity.append(_compress(opacities[:, :, place]))
            for number, channel in enumerate(channels):
                channel.append(_compress(pixels[:, :, place, number]))
    return layers


def _embed(document: PSD, profile: bytes) -> None:
    """Put a color profile into a document."""
    from psd_tools.constants import Resource
    from psd_tools.psd.image_resources import ImageResource

    key = Resource.ICC_PROFILE
    document.image_resources[key] = ImageResource(key=key.value, data=profile)


def _pack_photo(image: Float[np.ndarray, "H W 3"], space: OutputSpace) -> ImageData:
    """Return the flattened picture. It is the photo; psd-tools would put the layers together for it."""
    from psd_tools.psd.image_data import ImageData

    planes: list[Plane] = [[], [], []]
    for rows in piece_rows(*image.shape[:2]):
        pixels = eight_bits(space.converted_photo(image[rows]))
        for number, plane in enumerate(planes):
            plane.append(_compress(pixels[:, :, number]))
    return _as_run_lengths(ImageData, planes)


def _compress(rows: UInt8[np.ndarray, "h W"]) -> tuple[bytes, bytes]:
    """Compress rows, each by itself, as run lengths (PackBits): how long each is, in two bytes, and they."""
    from psd_tools.compression import compress
    from psd_tools.constants import Compression

    height, width = rows.shape
    packed = compress(rows.tobytes(), Compression.RLE, width, height, 8)
    return packed[: 2 * height], packed[2 * height :]


def _as_run_lengths(kind: Callable[..., Any], planes: Sequence[Plane]) -> Any:
    """Return planes as what psd-tools writes: the lengths of all rows, then the rows. Empties the planes."""
    from psd_tools.constants import Compression

    pieces = [piece for plane in planes for piece in plane]
    data = kind(
        Compression.RLE, b"".join(part for which in (0, 1) for part in map(itemgetter(which), pieces))
    )
    for plane in planes:
        plane.clear()  # it holds the same bytes again
    return data


def _outline(names: Sequence[str], grouped: bool) -> PSD:
    """Return a document with layers of these names, from back to front, each of a single pixel."""
    from psd_tools import PSDImage
    from psd_tools.psd import PSD

    document = PSDImage.new("RGB", (1, 1))
    (_add_groups if grouped else _add_pixels)(document, names)
    buffer = io.BytesIO()
    document.save(buffer)
    buffer.seek(0)
    return PSD.read(buffer)


def _add_groups(document: PSDImage, names: Sequence[str]) -> None:
    """Add a black base, and each layer over black in a group that is added to what is below."""
    from psd_tools.constants import BlendMode

    _add_pixels(document, [BLACK])
    for name in names:
        group = document.create_group(name=name, blend_mode=BlendMode.LINEAR_DODGE, open_folder=False)
        _add_pixels(group, [BLACK, name])


def _add_pixels(parent: Any, names: Sequence[str]) -> None:
    for name in names:
        parent.create_pixel_layer_from_array(np.zeros((1, 1, 4), dtype=np.uint8), name)


def _fill(document: PSD, size: tuple[int, int], layers: dict[str, list[Plane]]) -> None:
    """Give a document and its layers of pixels their size, and the layers their planes."""
    from psd_tools.psd.layer_and_mask import ChannelData

    document.header.height, document.header.width = size
    black = [[_compress(np.full(size, value, dtype=np.uint8))] for value in (OPAQUE, 0, 0, 0)]
    packed = {
        name: [_as_run_lengths(ChannelData, [plane]) for plane in planes]
        for name, planes in {BLACK: black, **layers}.items()
    }
    info = document.layer_and_mask_information.layer_info
    assert info is not None  # since there are layers
    for record, channels in zip(info.layer_records, info.channel_image_data, strict=True):
        if record.right > record.left:  # a layer of pixels, and not where a group begins or ends
            record.bottom, record.right = size
            channels[:] = packed[record.name]
