"""``softseg segment``: what is asked of photos, which are then done one after the other or all at once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import softseg
from softseg.cli import batch, segment_options
from softseg.cli.choices import parse_choice, read_features
from softseg.cli.exchange import Request
from softseg.cli.messages import DONE
from softseg.cli.outputs import make_plan
from softseg.cli.reading import check_background, check_memory, check_white
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


def segment(
    context: typer.Context,
    photos: segment_options.Photos,
    output: Annotated[list[str] | None, segment_options.make_outputs()] = None,
    force: segment_options.Force = False,
    layers: segment_options.LayerCount = None,
    features: segment_options.Features = None,
    affinity: segment_options.Affinity = None,
    eigensolver: segment_options.Eigensolver = None,
    eigenvectors: segment_options.EigenvectorCount = None,
    initial: segment_options.InitialCount = None,
    superpixels: segment_options.SuperpixelCount = None,
    seed: segment_options.Seed = None,
    frame: segment_options.Frame = None,
    channels: segment_options.Channels = None,
    white: segment_options.White = None,
    background: segment_options.Background = None,
    max_pixels: segment_options.MaxPixels = None,
    max_memory: segment_options.MaxMemory = None,
    profile: segment_options.Profile = None,
    names: segment_options.Names = None,
    base: segment_options.Base = None,
    alphas: segment_options.Alphas = False,
    published: segment_options.Published = False,
    workers: segment_options.Workers = None,
    dask: segment_options.Dask = None,
    quiet: segment_options.Quiet = False,
    as_json: segment_options.AsJson = False,
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
        "white": check_white(white),
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
    way = choose_way(workers, dask)
    with standard_streams(photos, output or [], as_json, dask is not None) as streams:
        plan = make_plan(streams.photos, streams.outputs)
        called = None if names is None else names.split(",")
        writing = make_writing(plan, layers, background, profile, called, base, alphas)
        report = "json" if as_json else "none" if streams.sent else "text"
        manner: dict[str, Any] = {"force": force, "quiet": quiet, "report": report}
        request = Request.of(options, reading, writing, here=dask is None, **manner)
        code = batch.run(plan, request, context.obj, way, streams.rename)
        if code == DONE:
            streams.send()
    raise typer.Exit(code)
