"""``softseg info``: what a file holds that softseg wrote, and can read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from softseg.cli import machine, manifest
from softseg.cli.messages import DONE, FAILED, complain, on_one_line, say
from softseg.cli.reports import say_why
from softseg.cli.streams import DASH, as_file, show_file

if TYPE_CHECKING:
    from softseg.result import SoftSegmentation

# What stands below the help of ``softseg info``.
EXAMPLES = """\
[bold]Examples[/bold]

  softseg info photo.npz

  softseg info photo_layers/

  softseg info out/*.npz --json | jq -r ".file, .layers[].name"
"""
# What keeps one file from being read, and no other.
_FAILURES = (MemoryError, OSError, TypeError, ValueError)
# What records say besides that is no option of the command line.
_NO_OPTIONS = {"photo", "softseg", "file_name"}


def info(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="What segment wrote: .npz files, folders of layers; - is an .npz file on standard input.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, machine.make_option("Print one JSON object per file instead of lines.")] = False,
) -> None:
    """Say what is in files of layers.

    Said are the photo's size and that at which the layers were found, each layer's name and share of the
    photo, eigenvectors, affinity, features, the color profile of the photo's file, and how long each stage
    took. The version and the options that the file was made with are known as long as the hidden folder
    .softseg is beside it, and the file is as it was written.
    """
    if list(map(str, files)).count(DASH) > 1:
        raise typer.BadParameter("standard input (-) is one file, and can be named once", param_hint="'FILE'")
    code = DONE
    for number, file in enumerate(files):
        try:
            facts = _look_into(file)
        except _FAILURES as error:
            code = FAILED
            why = on_one_line(say_why(error))
            complain(f"{show_file(file)}: {why}")
            if as_json:
                machine.emit("info", {"file": show_file(file)}, why, FAILED)
            continue
        if as_json:
            machine.emit("info", facts)
        else:
            say("\n" * (number > 0) + _as_lines(facts))
    raise typer.Exit(code)


def _look_into(file: Path) -> dict[str, Any]:
    """Return what a file holds, as JSON can hold it."""
    from softseg.formats.registry import read
    from softseg.result import SoftSegmentation

    with as_file(file, ".npz") as given:
        path = _find_archive(given) if given.is_dir() else given
        result = SoftSegmentation(**read(path))
        return {"file": show_file(file), **_describe(result), **_read_record(path)}


def _find_archive(folder: Path) -> Path:
    """Return the archive in a folder of layers."""
    archive = folder / manifest.ARCHIVE
    if not archive.exists():
        raise ValueError(
            f"expected a folder that segment filled, got one without {manifest.ARCHIVE}: name the .npz files"
        )
    return archive


def _describe(result: SoftSegmentation) -> dict[str, Any]:
    from softseg.formats.affinity_text import affinity_text

    pairs = result.eigenpairs
    return {
        **machine.describe_result(result),
        "eigenvectors": len(pairs.values),
        "converged": bool(pairs.converged),
        "affinity": None if (text := affinity_text(result)) == repr(None) else text,
        "feature_channels": result.features.shape[2],
        "superpixels": int(result.superpixels.max()) + 1,
        "profile": _name_profile(result.profile),
        "seconds": machine.as_seconds(result.timings),
    }


def _name_profile(profile: bytes | None) -> str | None:
    """Return what a color profile calls itself; None if there is none."""
    if profile is None:
        return None
    import io

    from PIL import ImageCms

    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (OSError, ImageCms.PyCMSError):
        return "of an unknown name"


def _read_record(path: Path) -> dict[str, Any]:
    """Return the version and the options that a file was made with, if that is known of what it is now."""
    for is_folder, output in ((False, path), (True, path.parent)):
        record = manifest.read_record(manifest.find_record(output, is_folder))
        if record is not None and record.files is not None and record.fits(path):
            made_from = record.made_from
            options = {name: value for name, value in made_from.items() if name not in _NO_OPTIONS}
            return {"softseg": made_from.get("softseg"), "options": options}
    return {"softseg": None, "options": None}


def _as_lines(facts: dict[str, Any]) -> str:
    """Return the same for a person."""
    size, working = (f"{facts[f'{kind}width']} x {facts[f'{kind}height']}" for kind in ("", "working_"))
    shrunk = f", worked on at {working}" * (working != size)
    options = dict(facts["options"] or {})
    kind = options.pop("features", None)
    rows = {
        "eigenvectors": f"{facts['eigenvectors']}{', not converged' * (not facts['converged'])}",
        "affinity": facts["affinity"] or "not known",
        "features": f"{facts['feature_channels']} channels" + (f", made from {kind}" if kind else ""),
        "superpixels": str(facts["superpixels"]),
        "profile": facts["profile"] or "none",
    }
    if facts["softseg"] is not None:
        rows["softseg"] = facts["softseg"]
    if options:
        rows["options"] = ", ".join(f"{name}={value!r}" for name, value in options.items())
    layers = {layer["name"]: layer["share"] for layer in facts["layers"]}
    column = max(map(len, [*rows, *layers, *facts["seconds"]])) + 2
    return "\n".join(
        [
            f"{facts['file']}, {size} pixels{shrunk}: {len(layers)} soft layer{'s' * (len(layers) > 1)}",
            *(f"  {name:<{column}}{share:8.1%}" for name, share in layers.items()),
            "How they were found",
            *(f"  {name:<{column}}{value}" for name, value in rows.items()),
            *(["Time"] if facts["seconds"] else []),
            *(f"  {stage:<{column}}{seconds:8.2f} s" for stage, seconds in facts["seconds"].items()),
        ]
    )
