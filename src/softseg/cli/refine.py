"""``softseg refine``: a soft matte from a photo and a hard or rough mask of an object in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# What stands below the help of ``softseg refine``.
EXAMPLES = """\
[bold]Examples[/bold]

  softseg refine photo.jpg mask.png -o alpha.png

  softseg refine photo.jpg labels.png -o alphas/
"""


def refine(
    photo: Annotated[
        Path,
        typer.Argument(help="The photo.", metavar="PHOTO", exists=True, dir_okay=False, show_default=False),
    ],
    mask: Annotated[
        Path,
        typer.Argument(
            help="A picture: white or opaque is the object; or a label map of the numbers 0, 1, 2 ...",
            metavar="MASK",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.png",
            help="Where to; of a label map a folder, with a PNG for each label. "
            "[dim]Default: PHOTO's name + _alpha.png or _alphas/[/dim]",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that refine did not write, or somebody changed.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")] = False,
) -> None:
    """Turn a hard or rough mask into a soft matte.

    The matte is a gray PNG of the photo's size: 255 is the object, 0 the rest. A mask may be some pixels too
    small or too large, or smaller than the photo.
    """
    import softseg
    from softseg.cli import manifest
    from softseg.images import as_image
    from softseg.refinement import as_masks

    pixels = as_image(photo, "PHOTO")
    together = as_masks(mask, pixels.shape[:2])[1]
    output = output or Path(f"{photo.stem}_alphas" if together else f"{photo.stem}_alpha.png")
    _check_output(output, together)
    made_from = {"refine": manifest.hash_file(photo), "mask": manifest.hash_file(mask)}
    if not force:
        manifest.check_replaceable(output, together, made_from)
    alphas = softseg.refine(pixels, mask)
    with manifest.recorded(output, together, made_from):
        _write(output, alphas)
    if not quiet:
        height, width = alphas.shape[:2]
        what = f"{alphas.shape[2]} layers" if together else f"{alphas.mean():.1%} object"
        print(f"{output}, {width} x {height} pixels: {what}")


def _check_output(output: Path, folder: bool) -> None:
    """Raise a BadParameter if the output's name does not fit the mask."""
    is_png = output.suffix.lower() == ".png"
    if folder and (output.suffix or output.is_file()):
        raise typer.BadParameter(f"expected a folder, for a label map, got {output}", param_hint="'--output'")
    if not folder and not is_png:
        raise typer.BadParameter(f"expected a name that ends in .png, got {output}", param_hint="'--output'")


def _write(output: Path, alphas: object) -> None:
    """Write a matte as a gray PNG, or layers as a folder of them."""
    import numpy as np
    from PIL import Image

    from softseg._files import whole_files
    from softseg.images import eight_bits

    grays = eight_bits(np.asarray(alphas))
    if grays.ndim == 2:
        files, folder = {output.name: grays}, output.parent
    else:
        files, folder = {f"label_{k}.png": grays[..., k] for k in range(grays.shape[2])}, output
    with whole_files(folder, "--output") as scratch:
        for name, gray in files.items():
            Image.fromarray(gray).save(scratch / name, format="PNG")
