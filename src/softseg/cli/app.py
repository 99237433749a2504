"""The command line: ``softseg segment``, ``softseg select``, ``softseg demo``, and two for features.

Results go to standard output; errors and warnings, a line each, to standard error. Exit codes: 0 done, 1 a
photo that cannot be processed, 2 bad usage, 130 interrupted, 143 terminated. What is heavy is imported inside
the commands, so that ``softseg --help`` answers at once.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

import softseg
from softseg.cli import batch, reports
from softseg.cli.choices import parse_choice, read_features
from softseg.cli.convert import convert_checkpoint
from softseg.cli.messages import BAD_USAGE, DONE, FAILED, INTERRUPTED, complain, one_line_warnings, say
from softseg.cli.outputs import Job, known_formats, make_plan
from softseg.cli.reading import (
    check_background,
    check_memory,
    check_profile,
    parse_channels,
    standard_input_as_file,
)
from softseg.cli.recipe import make_recipe
from softseg.cli.select import EXAMPLES as SELECT_EXAMPLES
from softseg.cli.select import select
from softseg.cli.stopping import Interrupted, Stop, orderly_stop
from softseg.cli.train import EXAMPLES as TRAINING_EXAMPLES
from softseg.cli.train import train_features
from softseg.progress import process_began

# click's UsageError. typer exports it under no name, and its newer versions bring a click of their own.
_UsageError: type[Exception] = typer.BadParameter.mro()[1]

app = typer.Typer(
    help="Semantic soft segmentation: from one photo to a stack of soft layers.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

# What stands below the help of ``softseg segment``.
EXAMPLES = """\
[bold]Examples[/bold]

  softseg segment photo.jpg

  softseg segment photo.jpg -o layers --layers 7

  softseg segment photo.jpg -o photo.psd -o photo.html -o photo.npz

  softseg segment holiday/ more/*.jpg -o out/{name}.psd --layers auto

  softseg segment photo.jpg --features features.npy --published
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        What follows ``softseg``. Default: the process's own arguments.

    Returns
    -------
    int
        0 done, 1 a photo that cannot be processed, 2 bad usage, 130 interrupted, 143 terminated.
    """
    # Whoever gives arguments may have run for long before.
    began = process_began() if arguments is None else time.perf_counter()
    with orderly_stop(ends=arguments is None) as stop:
        return _run(arguments, began, stop)


def _run(arguments: list[str] | None, began: float, stop: Stop) -> int:
    """Run the command line, say in a line what went wrong, and return the exit code."""
    tally = ""
    try:
        with one_line_warnings():
            code = app(arguments, prog_name="softseg", standalone_mode=False, obj=began) or DONE
    except _UsageError as error:
        complain(f"{error.format_message()} (softseg --help shows the usage)")  # type: ignore[attr-defined]
        return BAD_USAGE
    except Interrupted as error:
        code, tally = INTERRUPTED, error.tally
    except KeyboardInterrupt:
        code = INTERRUPTED
    except typer.Abort as error:  # what typer makes of KeyboardInterrupt, and of the end of a damaged file
        if isinstance(error.__cause__, EOFError):
            complain(reports.say_why(error.__cause__))
            return FAILED
        code = INTERRUPTED
    except MemoryError as error:
        complain(reports.say_why(error))
        return FAILED
    except (ImportError, OSError, TypeError, ValueError) as error:
        complain(str(error))
        return FAILED
    if code == INTERRUPTED:
        complain("; ".join(filter(None, [stop.word, tally])))
        return stop.code
    return code


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"softseg {softseg.__version__}")
        raise typer.Exit


@app.callback()
def _take_global_options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass


def _parse_layer_count(text: str) -> int | str:
    if text == "auto" or (text.isdecimal() and int(text) > 0):
        return text if text == "auto" else int(text)
    raise typer.BadParameter(f"expected auto or a number of at least 1, got {text}")


@app.command(epilog=EXAMPLES)
def segment(
    context: typer.Context,
    photos: Annotated[
        list[str],
        typer.Argument(
            help="Photos, folders of photos, patterns; - is standard input.",
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
            "{name} stands for the photo's name, {suffix} for its suffix. [dim]Default: {name}_layers[/dim]",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Do again what is finished, and replace files that softseg did not write."
        ),
    ] = False,
    layers: Annotated[
        Any,
        typer.Option(
            "--layers",
            parser=_parse_layer_count,
            metavar="N|auto",
            help="How many layers. [dim]Default: 5[/dim]",
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            "--features",
            metavar="NAME|FILE.npy",
            help="The semantic features: an extractor's name, or an array of shape (H, W, C).",
        ),
    ] = None,
    affinity: Annotated[
        str | None,
        typer.Option(
            "--affinity",
            metavar="SUM",
            help="What makes pixels belong together, such as 'MattingAffinity() + 0.02 * ColorAffinity()'.",
        ),
    ] = None,
    eigensolver: Annotated[
        str | None,
        typer.Option(
            "--eigensolver",
            metavar="NAME|CALL",
            help="What finds the eigenvectors, such as ShiftInvert or "
            "'LOBPCG(preconditioner=Multigrid())'. [dim]Default: LOBPCG[/dim]",
        ),
    ] = None,
    eigenvectors: Annotated[
        int | None,
        typer.Option(
            "--eigenvectors",
            min=1,
            metavar="N",
            help="How many eigenvectors span the layers. [dim]Default: 100[/dim]",
        ),
    ] = None,
    initial: Annotated[
        int | None,
        typer.Option(
            "--initial", min=1, metavar="N", help="How many layers to start from. [dim]Default: 40[/dim]"
        ),
    ] = None,
    superpixels: Annotated[
        int | None,
        typer.Option(
            "--superpixels", min=1, metavar="N", help="About how many superpixels. [dim]Default: 2500[/dim]"
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            metavar="N",
            help="Seed of the random numbers; one seed, one result. [dim]Default: 0[/dim]",
        ),
    ] = None,
    frame: Annotated[
        int | None,
        typer.Option("--frame", min=0, metavar="N", help="Which picture of an animation or stack, from 0."),
    ] = None,
    channels: Annotated[
        Any,
        typer.Option(
            "--channels",
            parser=parse_channels,
            metavar="N|N,N,N",
            help="Which channels become gray, or red, green and blue, from 0.",
        ),
    ] = None,
    white: Annotated[
        float | None,
        typer.Option("--white", metavar="LEVEL", help="The level that is white, such as 4095 for 12 bits."),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(
            "--background",
            metavar="COLOR|layer",
            help="What transparent photos are put over; layer makes what is transparent a layer. "
            "[dim]Default: white[/dim]",
        ),
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            "--max-pixels",
            min=1,
            metavar="N",
            help="The most pixels that a file may have. [dim]Default: 179 million[/dim]",
        ),
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(
            "--max-memory",
            metavar="SIZE",
            help="How much memory to take, such as 4GB; where that is little, the working size is smaller.",
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="srgb|source",
            help="The color profile of .psd and .ora files and layers: sRGB, or the photo's own. "
            "[dim]Default: srgb[/dim]",
        ),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="The paper's exact settings, which take longer.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")] = False,
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
    writing = {} if profile is None else {"profile": check_profile(profile)}
    request = batch.Request(options, recipe, force, quiet, reading, writing)
    with standard_input_as_file(photos, output or []) as names:
        raise typer.Exit(batch.run(make_plan(names, output or []), request, began=context.obj))


@app.command()
def demo(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where to.", file_okay=False)
    ] = Path("out"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")] = False,
) -> None:
    """Decompose a sample photo, scikit-image's astronaut (NASA, public domain)."""
    from skimage.data import astronaut

    from softseg.progress import reporter

    job = Job(Path("astronaut"), folders=(output,), files=())
    with reporter(not quiet) as progress:
        outcome = batch.decompose(job, astronaut(), progress, {}, {"photo": "skimage.data.astronaut"})
    for path, why in outcome.failed.items():
        complain(f"cannot write {path}: {why}")
    if not quiet and not outcome.failed:
        say(reports.summary(job, outcome, began=context.obj))
    raise typer.Exit(FAILED if outcome.failed else DONE)


@app.command()
def warm_up() -> None:
    """Compile all kernels now, so that the first photo need not wait for that.

    For containers, and before many processes start at once. Compiled kernels are kept beside the installed
    package, or in the folder that the environment variable NUMBA_CACHE_DIR names.
    """
    softseg.warm_up()


app.command(epilog=SELECT_EXAMPLES)(select)
app.command("train-features", epilog=TRAINING_EXAMPLES)(train_features)
app.command("convert-checkpoint")(convert_checkpoint)
