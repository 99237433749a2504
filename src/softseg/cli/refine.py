"""``softseg refine``: a soft matte from a photo and a hard or rough mask of an object in it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from softseg._identity import identify
from softseg._paths import show_path
from softseg.cli import machine, manifest
from softseg.cli.mattes import save_mattes
from softseg.cli.messages import say
from softseg.cli.streams import (
    DASH,
    as_file,
    check_named,
    is_standard_output,
    parse_file,
    show_file,
    write_picture,
)

if TYPE_CHECKING:
    import numpy as np

# What stands below the help of ``softseg refine``.
EXAMPLES = """\
[bold]Examples[/bold]

  softseg refine photo.jpg mask.png -o alpha.png

  softseg refine photo.jpg labels.png -o alphas/
"""


def refine(
    photo: Annotated[
        Path,
        typer.Argument(
            help="The photo; - is standard input.",
            metavar="PHOTO",
            parser=parse_file,
            show_default=False,
        ),
    ],
    mask: Annotated[
        Path,
        typer.Argument(
            help="A picture: white or opaque is the object; or a label map of the numbers 0, 1, 2 ... "
            "- is standard input.",
            metavar="MASK",
            parser=parse_file,
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.png",
            help="Where to; of a label map a folder, with a PNG for each label in it; - is standard output. "
            "[dim]Default: PHOTO's name + _alpha.png or _alphas/[/dim]",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that refine did not write, or somebody changed.")
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print warnings and errors only.", rich_help_panel="What is said"),
    ] = False,
    as_json: Annotated[bool, machine.make_option("Print a JSON object instead of a line.")] = False,
) -> None:
    """Turn a hard or rough mask into a soft matte.

    The matte is a gray PNG of the photo's size: 255 is the object, 0 the rest. A mask may be some pixels too
    small or too large, or smaller than the photo.
    """
    began, is_sent = time.perf_counter(), is_standard_output(output, as_json)
    if str(photo) == str(mask) == DASH:
        raise typer.BadParameter("standard input (-) is the photo or the mask", param_hint="'MASK'")
    check_named(photo, output)
    with as_file(photo) as photo_file, as_file(mask) as mask_file:
        output, alphas = _refine(photo_file, mask_file, output, force, is_sent)
    if is_sent:
        from softseg.images import eight_bits

        write_picture(eight_bits(alphas))
        return
    if as_json:
        facts = {"photo": show_file(photo), "mask": show_file(mask)}
        described = _describe(alphas) | machine.describe_end(output, began)
        machine.emit("matte", facts | described)
    elif not quiet:
        height, width = alphas.shape[:2]
        layers = alphas.any(axis=(0, 1)).sum() if alphas.ndim == 3 else 0
        what = f"{layers} layers" if layers else f"{alphas.mean():.1%} object"
        say(f"{show_path(output)}, {width} x {height} pixels: {what}")


def _refine(
    photo: Path, mask: Path, output: Path | None, force: bool, is_sent: bool
) -> tuple[Path, np.ndarray]:
    """Refine a mask, write what comes of it unless it is sent to standard output, and return both."""
    import softseg
    from softseg.images import as_image
    from softseg.refinement import as_masks

    pixels = as_image(photo, "PHOTO")
    together = as_masks(mask, pixels.shape[:2], "MASK")[1]
    output = output or Path(f"{photo.stem}_alphas" if together else f"{photo.stem}_alpha.png")
    if is_sent and together:
        raise typer.BadParameter(
            "standard output (-) is one file, and a label map needs a folder", param_hint="'--output'"
        )
    if is_sent:
        return output, softseg.refine(pixels, mask)
    _check_output(output, together)
    _check_inputs_stay(output, together, (photo, mask))
    made_from = {"refine": manifest.hash_file(photo), "mask": manifest.hash_file(mask)}
    if not force:
        manifest.check_replaceable(output, together, made_from)
    alphas = softseg.refine(pixels, mask)
    save_mattes(output, alphas, made_from)
    return output, alphas


def _describe(alphas: np.ndarray) -> dict[str, Any]:
    """Return what a program is told of a matte, or of those of a label map, which then stand in its place."""
    if alphas.ndim == 2:
        return {**machine.describe_mask(alphas), "layers": None}
    mattes = [machine.describe_mask(alphas[..., k]) for k in range(alphas.shape[2])]
    layers = [
        {"name": f"label_{k}", "share": matte["share"]}
        for k, matte in enumerate(mattes)
        if alphas[..., k].any()
    ]
    return {**mattes[0], "share": None, "layers": layers}


def _check_output(output: Path, folder: bool) -> None:
    """Raise a BadParameter if the output's name does not fit the mask."""
    is_png = output.suffix.lower() == ".png"
    if folder and (output.suffix or output.is_file()):
        raise typer.BadParameter(f"expected a folder, for a label map, got {output}", param_hint="'--output'")
    if not folder and not is_png:
        raise typer.BadParameter(f"expected a name that ends in .png, got {output}", param_hint="'--output'")


def _check_inputs_stay(output: Path, folder: bool, inputs: tuple[Path, ...]) -> None:
    """Raise a BadParameter if the output would replace the photo or the mask, which --force is not for."""
    for file in inputs:
        is_matte = manifest.MATTE.fullmatch(file.name) and identify(file.parent) == identify(output)
        if is_matte if folder else identify(file) == identify(output):
            raise typer.BadParameter(
                f"expected another place than that of what is read, got {output}", param_hint="'--output'"
            )
