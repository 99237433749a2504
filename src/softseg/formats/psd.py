"""A result as a layered Photoshop file, or as layers in a given one, compressed a few rows at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from softseg._extras import require
from softseg._files import whole_files
from softseg.formats.blending import blended_strips, check_blend
from softseg.formats.color_space import OutputSpace
from softseg.formats.names import given_names, layer_names
from softseg.formats.psd_base import GROUP, read_base, space_of, with_document
from softseg.formats.psd_document import Plane, as_run_lengths, compress_rows, embed, fill, outline
from softseg.images import eight_bits
from softseg.layers.colors import piece_rows

if TYPE_CHECKING:
    from psd_tools.psd.image_data import ImageData

    from softseg.layers.stack import Decomposition

# Here and not where a file is written: formats are imported before the work, which is when to say it.
require("psd_tools", "writing .psd files")


def save_psd(
    path: Path,
    result: Decomposition,
    blend: str = "add",
    profile: str = "srgb",
    names: Iterable[str] | None = None,
    base: str | os.PathLike[str] | None = None,
) -> None:
    """Write a Photoshop file of the layers and their names, from back to front in the result's order.

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
    names : iterable of str, optional
        What the layers are called, in the order of ``result.alphas``. Default: the result's own names,
        or where they are (`softseg.formats.layer_names`).
    base : str or path, optional
        A Photoshop file of RGB with 8 bits and the photo's size, to which the layers are added: as a group on
        top, named ``softseg`` and hidden, so that the file looks as it did. All else in it stays as it is,
        byte for byte. A file without layers gets its picture as the layer ``Background``. Colors are in the
        file's own profile, and ``profile`` must not be given. It may be the same file as ``path``. Default:
        a new file.

    Raises
    ------
    FileNotFoundError
        If there is no ``base``.
    ImportError
        When this module is imported: if psd-tools is not installed (``pip install "softseg[psd]"``).
    TypeError
        If the names are no list of texts.
    ValueError
        If ``blend`` or ``profile`` is neither, or colors cannot be converted into the photo's profile; if the
        names are not one line of text for each layer, all different (`softseg.formats.names.checked_names`);
        or if ``base`` is another kind of file, of other colors or of another size.

    Notes
    -----
    The layers are in groups because linear dodge clips before it looks at transparency: backdrop B and color
    F with alpha a give ``(1 - a) B + a min(1, B + F)``, so two half transparent layers of white would make
    3/4 of white. A group that is opaque, black under its layer, gives ``min(1, B + a F)``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from psd_tools import PSDImage
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> with TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/photo.psd", blend="normal", names=["sky", "cat", "sofa"])
    ...     psd = PSDImage.open(f"{folder}/photo.psd")
    >>> sorted(layer.name for layer in psd)
    ['cat', 'sky', 'sofa']

    Layers can be put on top of a picture that has been worked on:

    >>> result.save("layered.psd", base="retouched.psd")  # doctest: +SKIP
    """
    check_blend(blend)
    called = given_names(result, names) or layer_names(result)
    size = result.image.shape[:2]
    given = None if base is None else read_base(base, *size)
    if given is not None and profile != "srgb":
        raise ValueError(f"profile: expected none, for the base's own is taken, got {profile!r}")
    space = OutputSpace.of(result, profile) if given is None else space_of(given)
    order = list(result.order)
    document = outline(len(order), grouped=blend == "add", within=None if given is None else GROUP)
    with whole_files(path.parent) as scratch:
        fill(document, size, [called[k] for k in order], _pack_layers(result, order, blend, space))
        with open(scratch / path.name, "wb") as file:
            if given is None:
                document.image_data = _pack_photo(result.image, space)
                embed(document, space.profile)
                document.write(file)
            else:
                file.writelines(with_document(given, document).parts())


def _pack_layers(
    result: Decomposition, order: Sequence[int], blend: str, space: OutputSpace
) -> list[list[Plane]]:
    """Return each layer's planes of opacity, red, green and blue, from back to front."""
    layers: list[list[Plane]] = [[[], [], [], []] for _ in order]
    for _, opacities, pixels in blended_strips(result, order, blend, space):
        for place, (opacity, *channels) in enumerate(layers):
            opacity.append(compress_rows(opacities[:, :, place]))
            for number, channel in enumerate(channels):
                channel.append(compress_rows(pixels[:, :, place, number]))
    return layers


def _pack_photo(image: Float[np.ndarray, "H W 3"], space: OutputSpace) -> ImageData:
    """Return the flattened picture. It is the photo; psd-tools would put the layers together for it."""
    from psd_tools.psd.image_data import ImageData

    planes: list[Plane] = [[], [], []]
    for rows in piece_rows(*image.shape[:2]):
        pixels = eight_bits(space.converted_photo(image[rows]))
        for number, plane in enumerate(planes):
            plane.append(compress_rows(pixels[:, :, number]))
    return as_run_lengths(ImageData, planes)
