"""``softseg select``: a soft mask of one object, from a few of its pixels."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from softseg._paths import show_path
from softseg.cli import machine, manifest
from softseg.cli.mattes import save_mattes
from softseg.cli.messages import say
from softseg.cli.streams import (
    as_file,
    check_named,
    is_standard_output,
    parse_file,
    show_file,
    write_picture,
)

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
            help="What segment wrote; - is standard input.",
            metavar="FILE.npz",
            parser=parse_file,
            show_default=False,
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
            help="Where to; - is standard output. [dim]Default: FILE's name + _mask.png[/dim]",
            dir_okay=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that select did not write, or somebody changed.")
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print warnings and errors only.", rich_help_panel="What is said"),
    ] = False,
    as_json: Annotated[bool, machine.make_option("Print a JSON object instead of a line.")] = False,
) -> None:
    """Select an object softly in a photo whose layers are known.

    The mask is a gray PNG of the photo's size: 255 is the object, 0 the rest. Pixels are counted from the top
    left corner, which is 0,0.
    """
    from softseg import SoftSegmentation
    from softseg.images import eight_bits

    began, is_sent = time.perf_counter(), is_standard_output(output, as_json)
    check_named(file, output)
    output = output or Path(f"{file.stem}_mask.png")
    if not is_sent and output.suffix.lower() != ".png":
        raise typer.BadParameter(f"expected a name that ends in .png, got {output}", param_hint="'--output'")
    if point is not None and len(point) != 1:
        raise typer.BadParameter("expected one pixel; --foreground takes several", param_hint="'--point'")
    made_from = {"select": str(file)}
    if not (force or is_sent):
        manifest.check_replaceable(output, False, made_from)
    with as_file(file, ".npz") as archive:
        result = SoftSegmentation.load(archive)
    try:
        mask = result.select(point and point[0], _join(foreground), _join(background), lasso)
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    if is_sent:
        write_picture(eight_bits(mask))
        return
    save_mattes(output, mask, made_from)
    height, width = mask.shape
    if as_json:
        facts = {
            "file": show_file(file),
            **machine.describe_mask(mask),
            **machine.describe_end(output, began),
        }
        machine.emit("mask", facts)
    elif not quiet:
        say(f"{show_path(output)}, {width} x {height} pixels: {mask.mean():.1%} selected")


def _join(given: list[Points] | None) -> Points | None:
    """Return the points of all times that an option was given; None if it was not."""
    return [point for points in given for point in points] if given else None
