"""The page to look at inside a notebook: Jupyter, JupyterLab, VS Code, and whatever else shows HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from softseg._checks import check_count

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# The page's title there, and what the names of its saved selections begin with.
TITLE = "photo"
# What the page may do inside the notebook: run its script and save selections. Not among it is
# allow-same-origin, so that it cannot reach the notebook.
SANDBOX = "allow-scripts allow-downloads"


@final
@dataclass(frozen=True, repr=False)
class Explorer:
    """A page that a notebook shows; `softseg.SoftSegmentation.explore` makes one.

    Every parameter is an attribute of the same name.

    Parameters
    ----------
    page : str
        The HTML, which connects to nothing.
    height : int
        How high it is shown, in pixels.
    about : str
        What is on it, in a few words.

    Examples
    --------
    >>> from softseg.formats.notebook import Explorer
    >>> Explorer("<p>Hello</p>", height=100, about="a greeting")
    <Explorer: a greeting; outside of a notebook, save("photo.html") writes this page>
    """

    page: str
    height: int
    about: str

    def _repr_html_(self) -> str:
        # Notebooks look for this name. The page gets a document of its own: neither can change the other.
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" title="{html.escape(self.about)}" '
            f'sandbox="{SANDBOX}" width="100%" height="{self.height}" style="border: 0"></iframe>'
        )

    def __repr__(self) -> str:
        # What is read where nothing shows HTML, and in a notebook's file beside the page.
        return f'<Explorer: {self.about}; outside of a notebook, save("photo.html") writes this page>'


def explore(result: Decomposition, height: int = 640, names: Iterable[str] | None = None) -> Explorer:
    """Return the page that ``save("photo.html")`` writes, for a notebook to show.

    It can do the same as the file, and becomes a part of the notebook: about 2 MB for a photo of 400 x 400
    pixels, and some ten for one of a million, as long as the cell's output is kept.

    Parameters
    ----------
    result : SoftSegmentation
        What to show. A photo above a million pixels is shrunk to that.
    height : int
        How high it is in the notebook, in pixels, at least 1. It is as wide as the cell.
    names : iterable of str, optional
        What the layers are called, in the order of ``result.alphas``. Default: the result's own names,
        or where they are (`softseg.formats.layer_names`).

    Returns
    -------
    Explorer
        Shown where it is a cell's last line; ``display(explorer)`` shows it elsewhere. Outside of a notebook
        it prints as one line.

    Raises
    ------
    TypeError
        If the height is no integer, or the names are no list of texts.
    ValueError
        If the height is below 1, or the names are not one line of text for each layer, all different
        (`softseg.formats.names.checked_names`).

    Examples
    --------
    >>> from softseg import segment
    >>> from softseg.formats.notebook import explore
    >>> explore(segment("photo.jpg"))  # doctest: +SKIP
    <Explorer: 5 layers of 640x427 pixels; outside of a notebook, save("photo.html") writes this page>
    """
    check_count("height", height)
    from softseg.formats.viewer import make_page  # only now: it imports what takes seconds

    page = make_page(result, TITLE, names)
    rows, columns, count = result.alphas.shape
    return Explorer(page, int(height), f"{count} layer{'s' * (count > 1)} of {columns}x{rows} pixels")
