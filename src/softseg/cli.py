"""The command line: ``softseg segment PHOTO`` and ``softseg demo``.

Results go to standard output; errors and warnings, a line each, to standard error. Exit codes: 0 done, 1 a
photo that cannot be processed, 2 bad usage, 130 interrupted. What is heavy is imported inside the commands,
so that ``softseg --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import softseg
from softseg.features.convert import command as convert_checkpoint
from softseg.features.training.command import EXAMPLES as TRAINING_EXAMPLES
from softseg.features.training.command import train_features

if TYPE_CHECKING:
    import numpy as np

    from softseg.result import SoftSegmentation

DONE, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130

# click's UsageError, which typer exports under no name and of late carries inside itself.
_UsageError: type[Exception] = typer.BadParameter.mro()[1]

app = typer.Typer(
    help="Semantic soft segmentation: from one photo to a stack of soft layers.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXAMPLES = """\
[bold]Examples[/bold]

  softseg segment photo.jpg

  softseg segment photo.jpg -o layers --layers 7

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
        0 done, 1 a photo that cannot be processed, 2 bad usage, 130 interrupted.
    """
    try:
        with _one_line_warnings():
            code = app(arguments, prog_name="softseg", standalone_mode=False) or DONE
    except _UsageError as error:
        return _fail(f"{_one_line(error.format_message())} (softseg --help shows the usage)", BAD_USAGE)  # type: ignore[attr-defined]
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except MemoryError as error:
        return _fail(_one_line(str(error)) or "out of memory: try a smaller photo", FAILED)
    except (ImportError, OSError, TypeError, ValueError) as error:
        return _fail(_one_line(str(error)), FAILED)
    return _fail("interrupted", INTERRUPTED) if code == INTERRUPTED else code


def _version(wanted: bool) -> None:
    if wanted:
        print(f"softseg {softseg.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command(epilog=EXAMPLES)
def segment(
    photo: Annotated[
        Path,
        typer.Argument(help="The photo.", metavar="PHOTO", exists=True, dir_okay=False, show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Where to. [dim]Default: PHOTO's name + _layers[/dim]",
            file_okay=False,
        ),
    ] = None,
    layers: Annotated[
        int | None,
        typer.Option("--layers", min=1, metavar="N", help="How many layers. [dim]Default: 5[/dim]"),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            "--features",
            metavar="NAME|FILE.npy",
            help="The semantic features: an extractor's name, or an array of shape (H, W, C).",
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
    published: Annotated[
        bool, typer.Option("--published", help="The paper's exact settings, which take longer.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")] = False,
) -> None:
    """Decompose a photo into soft layers.

    Writes one RGBA PNG per layer, contact_sheet.png (everything on one page) and layers.npz (the arrays).
    Photos of more than 640 x 480 pixels are worked on at that size, and their layers carried up and finished.
    """
    from softseg.images import as_image

    extractor = None if features is None else _features(features)
    image = as_image(photo)
    chosen = {
        "n_layers": layers,
        "n_eigenvectors": eigenvectors,
        "n_initial": initial,
        "n_superpixels": superpixels,
    }
    _run(
        photo.name,
        image,
        output or Path(f"{photo.stem}_layers"),
        quiet,
        features=extractor,
        rng=seed,
        settings=softseg.PUBLISHED if published else None,
        **{name: value for name, value in chosen.items() if value is not None},
    )


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where to.", file_okay=False)
    ] = Path("out"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")] = False,
) -> None:
    """Decompose a sample photo, scikit-image's astronaut (NASA, public domain)."""
    from skimage.data import astronaut

    from softseg.images import as_image

    _run("astronaut", as_image(astronaut()), output, quiet)


def _features(choice: str) -> str | np.ndarray:
    """Return what ``--features`` stands for: the array of an .npy file, or the name of an extractor."""
    if choice.endswith(".npy"):
        import numpy as np

        try:
            return np.load(choice, allow_pickle=False)
        except FileNotFoundError:
            raise typer.BadParameter(f"no such file: {choice}", param_hint="'--features'") from None
        except (OSError, ValueError) as error:
            raise typer.BadParameter(f"cannot read {choice}: {error}", param_hint="'--features'") from error
    from softseg.features import names

    if choice not in names():
        raise typer.BadParameter(
            f"expected {', '.join(names())} or a file that ends in .npy, got {choice}",
            param_hint="'--features'",
        )
    return choice


app.command("train-features", epilog=TRAINING_EXAMPLES)(train_features)
app.command("convert-checkpoint")(convert_checkpoint)


def _run(name: str, image: np.ndarray, folder: Path, quiet: bool, **options: Any) -> None:
    from softseg.layers._whole import whole_files
    from softseg.layers.export import save
    from softseg.layers.sheet import contact_sheet
    from softseg.progress import reporter

    folder.mkdir(parents=True, exist_ok=True)  # before the long work, so that it is not for nothing
    with reporter(not quiet) as progress:
        result = softseg.segment(image, progress=progress, **options)
        save(folder, result)
        save(folder / "layers.npz", result)
        with whole_files(folder) as scratch:
            contact_sheet(result).save(scratch / "contact_sheet.png")
    if not quiet:
        print(_summary(name, folder, result))


def _summary(name: str, folder: Path, result: SoftSegmentation) -> str:
    height, width, count = result.alphas.shape
    layers = "layer_1.png" if count == 1 else f"layer_1.png .. layer_{count}.png"
    files = {
        layers: "one RGBA image per layer",
        "contact_sheet.png": "everything on one page",
        "layers.npz": "the arrays, for numpy.load",
    }
    working_height, working_width = result.features.shape[:2]
    shrunk = f", worked on at {working_width} x {working_height}" * (working_height < height)
    times = {**result.timings, "total": sum(result.timings.values())}
    column = max(map(len, [*files, *times])) + 2
    return "\n".join(
        [
            f"{name}, {width} x {height} pixels{shrunk}: {count} soft layer{'s' * (count > 1)} in {folder}",
            *(f"  {file:<{column}}{meaning}" for file, meaning in files.items()),
            "Time",
            *(f"  {stage:<{column}}{seconds:8.2f} s" for stage, seconds in times.items()),
        ]
    )


@contextlib.contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Print what the library warns of, a line each; what is for developers (deprecations) stays unseen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        warnings.simplefilter("default", RuntimeWarning)
        warnings.showwarning = lambda message, *_, **__: print(
            f"softseg: warning: {_one_line(str(message))}", file=sys.stderr
        )
        yield


def _fail(message: str, code: int) -> int:
    print(f"softseg: {message}", file=sys.stderr)
    return code


def _one_line(text: str) -> str:
    return " ".join(text.split())
