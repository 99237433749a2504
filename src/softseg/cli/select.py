"""``softseg select``: a soft mask of one object, from a few of its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

# Pixels (x, y), counted from the top left corner.
Points = list[tuple[float, float]]

# What stands below the help of ``softseg select``.
EXAMPLES = """\
[bold]Examples[/bold]

  softseg segment photo.jpg -o photo.npz

  softseg select photo.npz --point 320,200 -o mask.png

  softseg select photo.npz --foreground "320,200 340,210" --background 10,10 -o mask.png
"""


def _parse_points(text: str) -> Points:
    """Return the points of ``"320,200 340,210"``."""
    try:
        return [(float(x), float(y)) for x, y in (point.split(",") for point in text.split())]
    except ValueError:
        raise typer.BadParameter(f"expected pixels as X,Y with spaces between them, got {text}") from None


def _make_option(name: str, metavar: str, help: str) -> Any:
    return typer.Option(name, parser=_parse_points, metavar=metavar, help=help)


def select(
    file: Annotated[
        Path,
        typer.Argument(
            help="What segment wrote.", metavar="FILE.npz", exists=True, dir_okay=False, show_default=False
        ),
    ],
    point: Annotated[Any, _make_option("--point", "X,Y", "A pixel of the object: a click.")] = None,
    foreground: Annotated[
        list[Any] | None, _make_option("--foreground", '"X,Y ..."', "Pixels of the object. May be repeated.")
    ] = None,
    background: Annotated[
        list[Any] | None, _make_option("--background", '"X,Y ..."', "Pixels of the rest. May be repeated.")
    ] = None,
    lasso: Annotated[
        Any, _make_option("--lasso", '"X,Y X,Y X,Y ..."', "Corners of an outline about the object.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.png",
            help="Where to. [dim]Default: FILE's name + _mask.png[/dim]",
            dir_okay=False,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")] = False,
) -> None:
    """Select an object softly in a photo whose layers are known.

    The mask is a gray PNG of the photo's size: 255 is the object, 0 the rest. Pixels are counted from the top
    left corner, which is 0,0.
    """
    from PIL import Image

    from softseg import SoftSegmentation
    from softseg._files import whole_files
    from softseg.images import eight_bits

    output = output or Path(f"{file.stem}_mask.png")
    if output.suffix.lower() != ".png":
        raise typer.BadParameter(f"expected a name that ends in .png, got {output}", param_hint="'--output'")
    if point is not None and len(point) != 1:
        raise typer.BadParameter("expected one pixel; --foreground takes several", param_hint="'--point'")
    result = SoftSegmentation.load(file)
    try:
        mask = result.select(point and point[0], _join(foreground), _join(background), lasso)
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    with whole_files(output.parent) as scratch:
        Image.fromarray(eight_bits(mask)).save(scratch / output.name, format="PNG")
    if not quiet:
        height, width = mask.shape
        print(f"{output}, {width} x {height} pixels: {mask.mean():.1%} selected")


def _join(given: list[Points] | None) -> Points | None:
    """Return the points of all times that an option was given; None if it was not."""
    return [point for points in given for point in points] if given else None
