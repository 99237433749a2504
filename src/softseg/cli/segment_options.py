"""The options of ``softseg segment``: what each is called, what it takes, and what its help says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from softseg.cli import machine
from softseg.cli.outputs import known_formats
from softseg.cli.reading import parse_channels

# Under which title of the help an option stands.
WRITTEN, METHOD, READ, RUNS, SAID = (
    "What is written",
    "The method",
    "How photos are read",
    "How it runs",
    "What is said",
)


def _parse_layer_count(text: str) -> int | str:
    if text == "auto" or (text.isdecimal() and int(text) > 0):
        return text if text == "auto" else int(text)
    raise typer.BadParameter(f"expected auto or a number of at least 1, got {text}")


def make_outputs() -> Any:
    """Return the option ``--output``, whose help lists the formats that are known by now."""
    return typer.Option(
        "--output",
        "-o",
        metavar="FILE|DIR",
        help=f"Where to, by suffix: {known_formats()}; or a folder. May be repeated. "
        "{name} stands for the photo's name, {suffix} for its suffix; -.npz, -.psd and so on write the "
        "file to standard output. [dim]Default: {name}_layers[/dim]",
        rich_help_panel=WRITTEN,
    )


Photos = Annotated[
    list[str],
    typer.Argument(
        help="Photos, folders of photos, patterns, URLs; - is standard input.",
        metavar="PHOTO",
        show_default=False,
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Do again what is finished, and replace files that softseg did not write.",
        rich_help_panel=WRITTEN,
    ),
]
LayerCount = Annotated[
    Any,
    typer.Option(
        "--layers",
        parser=_parse_layer_count,
        metavar="N|auto",
        help="How many layers. [dim]Default: 5[/dim]",
        rich_help_panel=METHOD,
    ),
]
Features = Annotated[
    str | None,
    typer.Option(
        "--features",
        metavar="NAME|FILE.npy",
        help="The semantic features: an extractor's name, or an array of shape (H, W, C).",
        rich_help_panel=METHOD,
    ),
]
Affinity = Annotated[
    str | None,
    typer.Option(
        "--affinity",
        metavar="SUM",
        help="What makes pixels belong together, such as 'MattingAffinity() + 0.02 * ColorAffinity()'.",
        rich_help_panel=METHOD,
    ),
]
Eigensolver = Annotated[
    str | None,
    typer.Option(
        "--eigensolver",
        metavar="NAME|CALL",
        help="What finds the eigenvectors, such as ShiftInvert or "
        "'LOBPCG(preconditioner=Multigrid())'. [dim]Default: LOBPCG[/dim]",
        rich_help_panel=METHOD,
    ),
]
EigenvectorCount = Annotated[
    int | None,
    typer.Option(
        "--eigenvectors",
        min=1,
        metavar="N",
        help="How many eigenvectors span the layers. [dim]Default: 100[/dim]",
        rich_help_panel=METHOD,
    ),
]
InitialCount = Annotated[
    int | None,
    typer.Option(
        "--initial",
        min=1,
        metavar="N",
        help="How many layers to start from. [dim]Default: 40[/dim]",
        rich_help_panel=METHOD,
    ),
]
SuperpixelCount = Annotated[
    int | None,
    typer.Option(
        "--superpixels",
        min=1,
        metavar="N",
        help="About how many superpixels. [dim]Default: 2500[/dim]",
        rich_help_panel=METHOD,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        metavar="N",
        help="Seed of the random numbers; one seed, one result. [dim]Default: 0[/dim]",
        rich_help_panel=METHOD,
    ),
]
Frame = Annotated[
    int | None,
    typer.Option(
        "--frame",
        min=0,
        metavar="N",
        help="Which picture of an animation or stack, from 0.",
        rich_help_panel=READ,
    ),
]
Channels = Annotated[
    Any,
    typer.Option(
        "--channels",
        parser=parse_channels,
        metavar="N|N,N,N",
        help="Which channels become gray, or red, green and blue, from 0.",
        rich_help_panel=READ,
    ),
]
White = Annotated[
    float | None,
    typer.Option(
        "--white",
        metavar="LEVEL",
        help="The level that is white, such as 4095 for 12 bits.",
        rich_help_panel=READ,
    ),
]
Background = Annotated[
    str | None,
    typer.Option(
        "--background",
        metavar="COLOR|layer",
        help="What transparent photos are put over; layer makes what is transparent a layer. "
        "[dim]Default: white[/dim]",
        rich_help_panel=READ,
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        min=1,
        metavar="N",
        help="The most pixels that a file may have. [dim]Default: 179 million[/dim]",
        rich_help_panel=READ,
    ),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        help="How much memory to take, such as 4GB; where that is little, the working size is smaller.",
        rich_help_panel=RUNS,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="srgb|source",
        help="The color profile of .psd and .ora files and layers: sRGB, or the photo's own. "
        "[dim]Default: srgb[/dim]",
        rich_help_panel=WRITTEN,
    ),
]
Names = Annotated[
    str | None,
    typer.Option(
        "--names",
        metavar="NAME,NAME,...",
        help="What the layers are called, in their order. [dim]Default: where they are, or numbers[/dim]",
        rich_help_panel=WRITTEN,
    ),
]
Base = Annotated[
    Path | None,
    typer.Option(
        "--base",
        metavar="FILE.psd",
        help="The Photoshop file, of the photo's size, to whose layers those of a .psd output are added.",
        exists=True,
        dir_okay=False,
        rich_help_panel=WRITTEN,
    ),
]
Alphas = Annotated[
    bool,
    typer.Option(
        "--alphas",
        help="Fill folders with gray PNGs of 16 bits, the layers' alphas, and no colors.",
        rich_help_panel=WRITTEN,
    ),
]
Published = Annotated[
    bool,
    typer.Option(
        "--published",
        help="The paper's exact settings, which take longer.",
        rich_help_panel=METHOD,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="Do photos in so many processes at once, on this machine.",
        rich_help_panel=RUNS,
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Do photos on the Dask cluster of this scheduler, tcp://host:8786.",
        rich_help_panel=RUNS,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print warnings and errors only.",
        rich_help_panel=SAID,
    ),
]
AsJson = Annotated[
    bool, machine.make_option("Print one JSON object per photo, as it ends, instead of lines.")
]
