"""``softseg convert-checkpoint``: the authors' weights as a file that softseg reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from softseg._paths import show_path
from softseg.cli.messages import say

# What stands below the help of ``softseg convert-checkpoint``.
EXAMPLES = """\
[bold]Examples[/bold]

  softseg convert-checkpoint model/

  softseg segment photo.jpg --features sss
"""


def convert_checkpoint(
    model_dir: Annotated[
        Path, typer.Argument(help="The folder of the TensorFlow checkpoint.", metavar="MODEL_DIR")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to. [dim]Default: where --features sss looks[/dim]"
        ),
    ] = None,
) -> None:
    """Turn the authors' TensorFlow checkpoint into a file of weights for --features sss."""
    from softseg.features import convert_checkpoint as convert
    from softseg.features.sss import default_checkpoint

    say(show_path(convert(model_dir, output or default_checkpoint())))
