"""``softseg train-features``: the training as a command."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from softseg._paths import show_path
from softseg.cli.messages import say

# Of so many photos one is kept for the validation score. Chosen by the project.
_VALIDATE_EVERY = 20

# What stands below the help of ``softseg train-features``.
EXAMPLES = """\
[bold]Examples[/bold]

  softseg train-features --data photos -o run

  softseg train-features --data data --config docs/training/lite.json -o run

  softseg train-features --data coco --layout coco-stuff --network sss --device cuda -o run

  softseg train-features --data photos -o run --resume --steps 20000
"""


def train_features(
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="DIR",
            help="The photos with their label maps, or what the folders in --config are relative to.",
            exists=True,
            file_okay=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="For weights, log and checkpoint.", file_okay=False
        ),
    ],
    network: Annotated[
        str,
        typer.Option("--network", metavar="lite|sss", help="Which network, trained with its own recipe."),
    ] = "lite",
    layout: Annotated[
        str,
        typer.Option(
            "--layout",
            metavar="regions|coco-stuff",
            help="regions: ID.jpg, ID.regions0.png, ...; coco-stuff: images/ID.jpg, annotations/ID.png.",
        ),
    ] = "regions",
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE.json",
            help="A whole configuration, in place of --network and --layout.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option("--loss", metavar="NAME", help="Another loss: n-pair, cosine or combined."),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, metavar="N", help="How many steps.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, metavar="N", help="Seed of the random numbers.")
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="Where torch computes: cpu, cuda, ...")
    ] = "cpu",
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the checkpoint in --output.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")] = False,
) -> None:
    """Train a feature network on photos with label maps.

    Of every 20 photos one is kept for the validation score. Writes weights.safetensors, config.json, log.csv
    and checkpoint.pt.
    """
    from softseg.progress import reporter
    from softseg.training import LITE, PUBLISHED, Folder, TrainingConfig, train

    if config is not None:
        run = TrainingConfig.read(config)
    else:
        presets = {"lite": LITE, "sss": PUBLISHED}
        if network not in presets:
            raise typer.BadParameter(f"expected lite or sss, got {network}", param_hint="'--network'")
        run = dataclasses.replace(
            presets[network], folders=(Folder(".", layout=layout, validate_every=_VALIDATE_EVERY),)
        )
    chosen: dict[str, Any] = {"loss": loss, "steps": steps, "seed": seed}
    run = dataclasses.replace(run, **{name: value for name, value in chosen.items() if value is not None})
    with reporter(not quiet) as progress:
        weights = train(run, data, output, resume=resume, device=device, progress=progress)
    if not quiet:
        say(f"{show_path(weights)}\n{(output / 'log.csv').read_text().splitlines()[-1]}")
