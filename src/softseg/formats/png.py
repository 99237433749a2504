"""A result as a folder of PNG files, one per layer: its colors with its alpha, or its alpha alone."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from softseg._files import whole_files
from softseg.formats.color_space import OutputSpace
from softseg.formats.names import given_names, within_file_name
from softseg.formats.rounding import rounded_opacities
from softseg.images import eight_bits
from softseg.layers.stack import color_strips
from softseg.progress import tick

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition


# How zlib looks for repetitions: among neighbors only. Photos have no others, so that files are as large as
# with zlib's default, and take a third of the time (measured: docs/notes/performance.md).
STRATEGY = zlib.Z_RLE
# What each file says about itself: a keyword of the PNG specification (section 11.3.3.2), and its text.
MAKER = ("Software", "softseg")


def save_png_folder(
    folder: Path,
    result: Decomposition,
    profile: str = "srgb",
    names: Iterable[str] | None = None,
    alphas: bool = False,
) -> None:
    """Write each layer to ``layer_1.png``, ``layer_2.png``, ...: RGBA, 8 bits, straight alpha.

    Each file has its color profile in it.

    Parameters
    ----------
    folder : pathlib.Path
        It is made if need be. An earlier result's files of the same kind there are replaced, and those
        that this result does not have are removed, so that the folder holds one result.
    result : SoftSegmentation
        What to write.
    profile : {"srgb", "source"}
        The colors' profile: sRGB, or that of the photo's file, into which they are converted back; sRGB if it
        had none.
    names : iterable of str, optional
        What the layers are called, in the order of ``result.alphas``. Files are then called
        ``layer_1_sky.png``, with an underscore for each character that some system does not allow in names
        of files; the title in the file has all letters. Default: the result's own
        names; without any, they have numbers alone.
    alphas : bool
        Whether files are gray and hold nothing but the layer's alpha, with 16 bits: ``alpha_1.png``,
        ``alpha_2.png``, ... Alphas are rounded so that they sum to exactly 65535. ``profile`` then says
        nothing.

    Raises
    ------
    TypeError
        If the names are no list of texts.
    ValueError
        If ``profile`` is neither, or colors cannot be converted into that of the photo; or if the names are
        not one line of text for each layer, all different (`softseg.formats.names.checked_names`).

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> with TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/layers", names=["sky", "cat", "sofa"])
    ...     result.save(f"{folder}/mattes", alphas=True)
    ...     sorted(path.name for path in Path(folder, "layers").iterdir())
    ['layer_1_sky.png', 'layer_2_cat.png', 'layer_3_sofa.png']
    """
    count = result.alphas.shape[2]
    titles = given_names(result, names)
    space = OutputSpace.of(result, profile)
    kind = "alpha" if alphas else "layer"
    files = [f"{name}.png" for name in _name_files(kind, titles, count)]
    with whole_files(folder) as scratch:
        pictures = _make_gray(result) if alphas else _make_colored(result, space)
        for layer, picture in enumerate(pictures):
            tick()
            picture.save(
                scratch / files[layer],
                compress_type=STRATEGY,
                icc_profile=None if alphas else space.profile,
                pnginfo=_describe(None if titles is None else titles[layer]),
            )
    _remove_others(folder, kind, files)


def _name_files(kind: str, titles: list[str] | None, count: int) -> Iterator[str]:
    for layer in range(count):
        title = "" if titles is None else within_file_name(titles[layer])
        yield f"{kind}_{layer + 1}" + (title and f"_{title}")


def _make_colored(result: Decomposition, space: OutputSpace) -> Iterator[Image.Image]:
    """Yield each layer's colors and alpha in 8 bits."""
    height, width, count = result.alphas.shape
    pixels: UInt8[np.ndarray, "K H W 4"] = np.empty((count, height, width, 4), dtype=np.uint8)
    for rows, colors in color_strips(result):
        _, colors = space.converted(result.image[rows], result.alphas[rows], colors)
        pixels[:, rows, :, :3] = np.moveaxis(eight_bits(colors), 2, 0)
        pixels[:, rows, :, 3] = np.moveaxis(eight_bits(result.alphas[rows]), 2, 0)
    yield from map(Image.fromarray, pixels)


def _make_gray(result: Decomposition) -> Iterator[Image.Image]:
    """Yield each layer's alpha in 16 bits."""
    opacities = rounded_opacities(result.alphas, np.uint16)
    for layer in range(opacities.shape[2]):
        yield Image.fromarray(np.ascontiguousarray(opacities[:, :, layer]))


def _describe(title: str | None) -> PngInfo:
    """Return the texts in a file: what wrote it, and the layer's name if it was given one."""
    texts = PngInfo()
    texts.add_text(*MAKER)
    if title is not None:
        texts.add_itxt("Title", title)
    return texts


def _remove_others(folder: Path, kind: str, written: list[str]) -> None:
    """Remove what an earlier result left in the folder, but nothing that may be somebody else's."""
    # By what the file system calls them: it may spell letters in another way, or not tell capitals.
    kept = {(folder / name).stat().st_ino for name in written}
    for file in folder.glob(f"{kind}_*.png"):
        match = re.fullmatch(rf"{kind}_[1-9][0-9]*(_.*)?\.png", file.name)
        # Layers with a number alone were always ours, and say so only since they can have names.
        was_ours = match and kind == "layer" and not match[1]
        if match and file.stat().st_ino not in kept and (was_ours or is_ours(file)):
            file.unlink()


def is_ours(file: Path) -> bool:
    """Return whether a picture says that softseg wrote it; other programs leave that out."""
    try:
        with PngImageFile(file) as picture:
            return picture.info.get(MAKER[0]) == MAKER[1]
    except (OSError, ValueError, SyntaxError):  # no picture that Pillow can open
        return False
