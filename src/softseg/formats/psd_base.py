"""A given Photoshop file to which the layers are added, as a hidden group on top of all else."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import numpy as np

from softseg._paths import show_path
from softseg.formats.color_space import OutputSpace
from softseg.formats.psd_document import compress_rows, fill, outline
from softseg.formats.psd_splice import Spliceable, cut, read_spliceable
from softseg.formats.rounding import OPAQUE
from softseg.photos.profiles import check_target, srgb_profile

if TYPE_CHECKING:
    from psd_tools.psd import PSD

# What the group is called that holds the new layers.
GROUP = "softseg"
# What Photoshop calls the layer of a file that has none.
BACKGROUND = "Background"
# What colors of a file can be, that layers are added to: "RGB", and the bits of a channel.
MODE, DEPTH = "RGB", 8


def read_base(base: str | os.PathLike[str], height: int, width: int) -> Spliceable:
    """Read the file to which layers are added.

    A file without layers gets its picture as one, because programs show nothing but layers where there are
    any.

    Parameters
    ----------
    base : str or path
        A Photoshop file of RGB with 8 bits.
    height, width : int
        Of the photo, in pixels.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no Photoshop file, damaged, a large document (PSB), of other colors or another size than the
        photo, or if colors cannot be converted into its profile.
    """
    if not isinstance(base, str | os.PathLike):
        raise TypeError(f"base: expected the path of a Photoshop file, got {type(base).__name__}")
    given, name = read_spliceable(base), show_path(base)
    try:
        header, profile = given.header, given.profile
    except Exception:  # whatever psd-tools raises of numbers that are none of the format's
        raise ValueError(f"base: expected a whole Photoshop file, got a damaged one: {name}") from None
    if (header.color_mode.name, header.depth) != (MODE, DEPTH):
        raise ValueError(
            f"base: expected a Photoshop file of {MODE} with {DEPTH} bits, "
            f"got {header.color_mode.name} with {header.depth}: {name}"
        )
    if (header.height, header.width) != (height, width):
        raise ValueError(
            f"base: expected the photo's size, {width}x{height}, got {header.width}x{header.height}: {name}"
        )
    _check_profile(profile)
    return given if given.count else given.with_layers(_cut_document(_make_background(given, name)))


def space_of(given: Spliceable) -> OutputSpace:
    """Return the color space of a file that `read_base` took, which is sRGB if it does not say."""
    profile = given.profile
    if profile is None or profile == srgb_profile():
        return OutputSpace(srgb_profile(), True)
    return OutputSpace(profile, False)


def _check_profile(profile: bytes | None) -> None:
    """Raise unless colors can be converted into a profile, or there is none."""
    try:
        if profile is not None:
            check_target(profile)
    except ValueError:
        raise ValueError("base: expected a file with a color profile of RGB, got one of no use") from None


def with_document(given: Spliceable, document: PSD) -> Spliceable:
    """Return a file with the layers of a document on top."""
    return given.with_layers(_cut_document(document))


def _make_background(given: Spliceable, name: str) -> PSD:
    """Return a document of one layer, which is a file's flattened picture."""
    from psd_tools.psd.image_data import ImageData

    size = (given.header.height, given.header.width)
    try:
        channels = ImageData.read(io.BytesIO(given.picture)).get_data(given.header)
        planes = [np.frombuffer(bytes(channels[k]), dtype=np.uint8).reshape(size) for k in range(3)]
    except Exception:  # whatever psd-tools raises of bytes that are no picture
        raise ValueError(f"base: expected a whole Photoshop file, got a damaged one: {name}") from None
    opaque = np.full(size, OPAQUE, dtype=np.uint8)
    document = outline(1, grouped=False)
    fill(document, size, [BACKGROUND], [[[compress_rows(plane)] for plane in (opaque, *planes)]])
    return document


def _cut_document(document: PSD) -> Spliceable:
    buffer = io.BytesIO()
    document.write(buffer)
    return cut(buffer.getvalue(), "the new layers")
