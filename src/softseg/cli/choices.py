"""What options stand for: affinities and eigensolvers that are written out, features by name or in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

import softseg
from softseg._paths import explain, is_raw

if TYPE_CHECKING:
    import numpy as np

    from softseg.affinity import Affinity
    from softseg.eigen import Eigensolver


def parse_choice(text: str | None, kind: str) -> Affinity | Eigensolver | None:
    """Return what the text of ``--affinity`` or ``--eigensolver`` stands for; None if there is none."""
    if text is None:
        return None
    try:
        return getattr(softseg, kind).parse(text)  # imported now: it is heavy
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint=f"'--{kind.lower()}'") from error


def read_features(choice: str) -> str | np.ndarray:
    """Return what ``--features`` stands for: the array of an .npy file, or the name of an extractor."""
    if choice.endswith(".npy"):
        import numpy as np

        try:
            with open(choice, "rb") as file:  # given a name, numpy leaves the file open if it is damaged
                array = np.load(file, allow_pickle=False)
            if isinstance(array, np.ndarray):
                return array
            raise ValueError("it holds several arrays, as .npz files do")
        except OSError as error:
            why = explain(error, choice, "read") if is_raw(error) else f"cannot read {choice}: {error}"
            raise typer.BadParameter(why, param_hint="'--features'") from None
        except Exception as error:  # whatever numpy raises at a damaged file
            why = str(error) or type(error).__name__
            raise typer.BadParameter(f"cannot read {choice}: {why}", param_hint="'--features'") from error
    from softseg.features import extractor_names

    if choice not in extractor_names():
        raise typer.BadParameter(
            f"expected {', '.join(extractor_names())} or a file that ends in .npy, got {choice}",
            param_hint="'--features'",
        )
    return choice
