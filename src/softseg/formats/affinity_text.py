"""An affinity as files hold it: the text that it prints, of which it is made again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from softseg.affinity import Affinity

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition


@final
@dataclass(frozen=True)
class UnrestoredAffinity:
    """An affinity that a file names, and that cannot be made again here.

    Attributes
    ----------
    text : str
        What the file says, as it is.
    cause : str
        Why that was no use, on one line.

    Examples
    --------
    >>> from softseg.formats.affinity_text import UnrestoredAffinity
    >>> print(UnrestoredAffinity("GaborAffinity()", "no such name"))
    the file says GaborAffinity(), which cannot be restored (no such name)
    """

    text: str
    cause: str

    def __str__(self) -> str:
        return f"the file says {_on_one_line(self.text)}, which cannot be restored ({self.cause})"


def affinity_text(result: Decomposition) -> str:
    """Return what a file says of a result's affinity.

    Parameters
    ----------
    result : SoftSegmentation
        If it was read from a file whose affinity could not be made again, the text is that file's.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.formats.affinity_text import affinity_text
    >>> from softseg.testing import random_result
    >>> affinity_text(random_result(np.random.default_rng(0), 7, 11, 3))
    'MattingAffinity(epsilon=1e-07)'
    """
    # What stands in for a result need not know of this.
    unrestored = getattr(result, "_unrestored_affinity", None)
    if result.affinity is None and unrestored is not None:
        return unrestored.text
    return repr(result.affinity)


def restored_affinity(text: str, given: Affinity | None = None) -> dict[str, Any]:
    """Return the affinity that prints like this, as keyword arguments of `softseg.SoftSegmentation`.

    Nothing is raised where the affinity cannot be made again, so that all else of the file can be used. The
    result then remembers the text and the cause: its ``laplacian`` says them, and its ``save`` writes the
    text back.

    Parameters
    ----------
    text : str
        What `affinity_text` returned.
    given : Affinity, optional
        What the caller knows better; it is taken as it is.

    Examples
    --------
    >>> from softseg.formats.affinity_text import restored_affinity
    >>> restored_affinity("MattingAffinity(epsilon=1e-05)")
    {'affinity': MattingAffinity(epsilon=1e-05)}
    """
    if given is not None:
        return {"affinity": given}
    if text == repr(None):  # it was not known to the writer either
        return {"affinity": None}
    try:
        return {"affinity": Affinity.parse(text)}
    except Exception as error:  # whatever a package raises that brings a term
        cause = _on_one_line(str(error)).removeprefix("affinity: ") or type(error).__name__
        return {"affinity": None, "_unrestored_affinity": UnrestoredAffinity(text, cause)}


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
