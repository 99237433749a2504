"""``softseg segment``: what is asked of photos, which are then done one after the other or all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import softseg
from softseg.cli import batch, machine
from softseg.cli.choices import parse_choice, read_features
from softseg.cli.messages import DONE
from softseg.cli.one_photo import Request
from softseg.cli.outputs import known_formats, make_plan
from softseg.cli.reading import check_background, check_memory, parse_channels
from softseg.cli.recipe import make_recipe
from softseg.cli.streams import standard_streams
from softseg.cli.ways import choose_way
from softseg.cli.writing import make_writing

# What stands below the help of ``softseg segment``.
EXAMPLES = """\
[bold]Examples[/bold]

  softseg segment photo.jpg

  softseg segment photo.jpg -o layers --layers 7

  softseg segment photo.jpg -o photo.psd -o photo.html -o photo.npz

  softseg segment holiday/ more/*.jpg -o out/{name}.psd --layers auto

  softseg segment photo.jpg --features features.npy --published

  softseg segment photo.jpg -o photo.psd --layers 2 --names "sky,cat"

  softseg segment - -o -.psd < photo.jpg > photo.psd

  softseg segment album/ -o out/{name}.npz --json > done.jsonl
"""


def _parse_layer_count(text: str) -> int | str:
    if text == "auto" or (text.isdecimal() and int(text) > 0):
        return text if text == "auto" else int(text)
    raise typer.BadParameter(f"expected auto or a number of at least 1, got {text}")


def segment(
    context: typer.Context,
    photos: Annotated[
        list[str],
        typer.Argument(
            help="Photos, folders of photos, patterns, URLs; - is standard input.",
            metavar="PHOTO",
            show_default=False,
        ),
    ],
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help=f"Where to, by suffix: {known_formats()}; or a folder. May be repeated. "
            "{name} stands for the photo's name, {suffix} for its suffix; -.npz, -.psd and so on write the "
            "file to standard output. [dim]Default: {name}_layers[/dim]",
            rich_help_panel="What is written",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Do again what is finished, and replace files that softseg did not write.",
            rich_help_panel="What is written",
        ),
    ] = False,
    layers: Annotated[
        Any,
        typer.Option(
            "--layers",
            parser=_parse_layer_count,
            metavar="N|auto",
            help="How many layers. [dim]Default: 5[/dim]",
            rich_help_panel="The method",
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            "--features",
            metavar="NAME|FILE.npy",
            help="The semantic features: an extractor's name, or an array of shape (H, W, C).",
            rich_help_panel="The method",
        ),
    ] = None,
    affinity: Annotated[
        str | None,
        typer.Option(
            "--affinity",
            metavar="SUM",
            help="What makes pixels belong together, such as 'MattingAffinity() + 0.02 * ColorAffinity()'.",
            rich_help_panel="The method",
        ),
    ] = None,
    eigensolver: Annotated[
        str | None,
        typer.Option(
            "--eigensolver",
            metavar="NAME|CALL",
            help="What finds the eigenvectors, such as ShiftInvert or "
            "'LOBPCG(preconditioner=Multigrid())'. [dim]Default: LOBPCG[/dim]",
            rich_help_panel="The method",
        ),
    ] = None,
    eigenvectors: Annotated[
        int | None,
        typer.Option(
            "--eigenvectors",
            min=1,
            metavar="N",
            help="How many eigenvectors span the layers. [dim]Default: 100[/dim]",
            rich_help_panel="The method",
        ),
    ] = None,
    initial: Annotated[
        int | None,
        typer.Option(
            "--initial",
            min=1,
            metavar="N",
            help="How many layers to start from. [dim]Default: 40[/dim]",
            rich_help_panel="The method",
        ),
    ] = None,
    superpixels: Annotated[
        int | None,
        typer.Option(
            "--superpixels",
            min=1,
            metavar="N",
            help="About how many superpixels. [dim]Default: 2500[/dim]",
            rich_help_panel="The method",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            metavar="N",
            help="Seed of the random numbers; one seed, one result. [dim]Default: 0[/dim]",
            rich_help_panel="The method",
        ),
    ] = None,
    frame: Annotated[
        int | None,
        typer.Option(
            "--frame",
            min=0,
            metavar="N",
            help="Which picture of an animation or stack, from 0.",
            rich_help_panel="How photos are read",
        ),
    ] = None,
    channels: Annotated[
        Any,
        typer.Option(
            "--channels",
            parser=parse_channels,
            metavar="N|N,N,N",
            help="Which channels become gray, or red, green and blue, from 0.",
            rich_help_panel="How photos are read",
        ),
    ] = None,
    white: Annotated[
        float | None,
        typer.Option(
            "--white",
            metavar="LEVEL",
            help="The level that is white, such as 4095 for 12 bits.",
            rich_help_panel="How photos are read",
        ),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(
            "--background",
            metavar="COLOR|layer",
            help="What transparent photos are put over; layer makes what is transparent a layer. "
            "[dim]Default: white[/dim]",
            rich_help_panel="How photos are read",
        ),
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            "--max-pixels",
            min=1,
            metavar="N",
            help="The most pixels that a file may have. [dim]Default: 179 million[/dim]",
            rich_help_panel="How photos are read",
        ),
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(
            "--max-memory",
            metavar="SIZE",
            help="How much memory to take, such as 4GB; where that is little, the working size is smaller.",
            rich_help_panel="How it runs",
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="srgb|source",
            help="The color profile of .psd and .ora files and layers: sRGB, or the photo's own. "
            "[dim]Default: srgb[/dim]",
            rich_help_panel="What is written",
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            "--names",
            metavar="NAME,NAME,...",
            help="What the layers are called, in their order. [dim]Default: where they are, or numbers[/dim]",
            rich_help_panel="What is written",
        ),
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(
            "--base",
            metavar="FILE.psd",
            help="The Photoshop file, of the photo's size, to whose layers those of a .psd output are added.",
            exists=True,
            dir_okay=False,
            rich_help_panel="What is written",
        ),
    ] = None,
    alphas: Annotated[
        bool,
        typer.Option(
            "--alphas",
            help="Fill folders with gray PNGs of 16 bits, the layers' alphas, and no colors.",
            rich_help_panel="What is written",
        ),
    ] = False,
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="The paper's exact settings, which take longer.",
            rich_help_panel="The method",
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            metavar="N",
            help="Do photos in so many processes at once, on this machine.",
            rich_help_panel="How it runs",
        ),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            "--dask",
            metavar="ADDRESS",
            help="Do photos on the Dask cluster of this scheduler, tcp://host:8786.",
            rich_help_panel="How it runs",
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Print warnings and errors only.",
            rich_help_panel="What is said",
        ),
    ] = False,
    as_json: Annotated[
        bool, machine.make_option("Print one JSON object per photo, as it ends, instead of lines.")
    ] = False,
) -> None:
    """Decompose photos into soft layers.

    A folder gets one RGBA PNG per layer, contact_sheet.png (everything on one page) and layers.npz (for
    softseg select). Of several photos each gets its own; one that fails is reported and the next one taken.
    What was made from the same photo with the same options is not done again.
    Photos of more than 320 x 240 pixels are worked on at that size, and their layers carried up and finished.
    """
    reading = {
        "frame": frame,
        "channels": channels,
        "white": white,
        "background": check_background(background),
        "max_pixels": max_pixels,
    }
    chosen = {
        "n_layers": layers,
        "n_eigenvectors": eigenvectors,
        "n_initial": initial,
        "n_superpixels": superpixels,
        "affinity": parse_choice(affinity, "Affinity"),
        "eigensolver": parse_choice(eigensolver, "Eigensolver"),
        "max_memory": check_memory(max_memory),
    }
    options = {
        "features": None if features is None else read_features(features),
        "rng": seed,
        "settings": softseg.PUBLISHED if published else None,
        **{name: value for name, value in chosen.items() if value is not None},
    }
    # How large a file may be does not change what comes of it.
    recipe = make_recipe(
        {**options, **reading, "max_pixels": None, "settings": "published" if published else None}
    )
    way = choose_way(workers, dask)
    with standard_streams(photos, output or [], as_json, dask is not None) as streams:
        plan = make_plan(streams.photos, streams.outputs)
        writing = make_writing(plan, layers, background, profile, names, base, alphas)
        report = "json" if as_json else "none" if streams.sent else "text"
        request = Request(options, recipe, force, quiet, reading, writing, report)
        code = batch.run(plan, request, context.obj, way, streams.rename)
        if code == DONE:
            streams.send()
    raise typer.Exit(code)
