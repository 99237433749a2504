"""What `softseg.segment` returns: soft layers of a photo, and the result of every stage on the way."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
from jaxtyping import Float, Int

from softseg._warnings import warn
from softseg.affinity import Affinity
from softseg.eigen import Eigenpairs
from softseg.formats import save
from softseg.formats.affinity_text import UnrestoredAffinity
from softseg.formats.names import checked_names
from softseg.formats.registry import read
from softseg.grid import Laplacian
from softseg.layers.display import preview, show
from softseg.layers.propagation import propagate
from softseg.layers.selection import select
from softseg.layers.stack import LayerStack
from softseg.scene import Scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from softseg.formats.notebook import Explorer


@final
@dataclass(frozen=True, eq=False, repr=False)
class SoftSegmentation(LayerStack):
    """Soft layers of a photo, and the result of every stage on the way to them.

    `softseg.segment` makes one, and `load` reads one from a file. What can be done with the layers is in
    `softseg.layers`; the methods here call its functions. It prints as a list of its layers, and a notebook
    shows a picture of them.

    Every parameter whose name does not begin with ``given_`` is an attribute of the same name. `colors`,
    `rgba`, `order`, `features`, `superpixels` and `laplacian` follow from them.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        The photo, float in [0, 1].
    alphas : ndarray, shape (H, W, K)
        The layers' opacities, float32 in [0, 1] (1 is opaque). They sum to 1 over the layers up to 1e-5.
    scene : Scene
        What the affinities saw, at working size (h, w), which is the photo's size unless it was shrunk. It
        has the photo at that size, the features and the superpixels.
    affinity : Affinity or None
        What the Laplacian was made of; None if the result was read from a file that could not hold it, or
        from one that names terms which are not known here.
    eigenpairs : Eigenpairs
        The smallest eigenpairs of the Laplacian.
    initial_alphas : ndarray, shape (h, w, K0)
        The layers before grouping, float, near [0, 1]. They sum to 1.
    timings : dict of str to float
        How long each stage took, in seconds, by its name.
    given_colors : ndarray, shape (H, W, K, 3), optional
        The layers' colors, float32 in [0, 1], where they are known already. Default: they are found when they
        are first asked for.
    profile : bytes, optional
        The ICC profile of the photo's file, whose colors were converted to sRGB. Default: it had none.
    names : sequence of str, optional
        What the layers are called, each in one line of text, all different. Files take the names from here.
        Default: nobody has named them. ``dataclasses.replace(result, names=["sky", "cat"])`` names them.
    given_laplacian : Laplacian, optional
        The Laplacian, where it is known already. Default: it is made of the affinity when it is first asked
        for. `dataclasses.replace` leaves out what begins with ``given_``, because it belongs to this image,
        these alphas, this scene and this affinity.

    Raises
    ------
    TypeError, ValueError
        In one line, if the names are not one line of text for each layer, all different.

    See Also
    --------
    softseg.segment : Makes one of a photo.
    softseg.LayerStack : Layers alone, without what they were found by.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import segment
    >>> image = np.zeros((20, 30, 3)); image[:, 12:] = (1, 0.8, 0)
    >>> result = segment(image, features=image, n_layers=2)
    >>> result.alphas.shape, result.colors.shape, len(result.order)
    ((20, 30, 2), (20, 30, 2, 3), 2)
    >>> mask = result.select(point=(20, 10))                    # x, y
    >>> mask.shape, bool(mask[10, 20] > 0.95), bool(mask[10, 5] < 0.05)
    ((20, 30), True, True)
    >>> strokes = np.zeros((20, 30), int); strokes[4:16, 15:25] = 1
    >>> result.propagate(strokes, [0.5]).shape
    (20, 30)
    >>> result.refined().alphas.shape
    (20, 30, 2)
    >>> result.show()  # doctest: +SKIP
    >>> result.save("layers.psd")  # doctest: +SKIP
    """

    scene: Scene
    affinity: Affinity | None
    eigenpairs: Eigenpairs
    initial_alphas: Float[np.ndarray, "h w K0"]
    timings: dict[str, float]
    profile: bytes | None = field(default=None, kw_only=True)
    names: Sequence[str] | None = field(default=None, kw_only=True)
    given_laplacian: InitVar[Laplacian | None] = field(default=None, kw_only=True)
    # What a file said of the affinity, where it could not be restored. It is an argument of the constructor,
    # so that `dataclasses.replace`, and with it every edit, hands it on.
    _unrestored_affinity: UnrestoredAffinity | None = field(default=None, kw_only=True)
    _known_laplacian: Laplacian | None = field(default=None, init=False)

    def __post_init__(
        self, given_colors: Float[np.ndarray, "H W K 3"] | None, given_laplacian: Laplacian | None
    ) -> None:
        super().__post_init__(given_colors)
        if self.names is not None:
            checked = tuple(checked_names(self.names, self.alphas.shape[2]))
            object.__setattr__(self, "names", checked)
        object.__setattr__(self, "_known_laplacian", given_laplacian)

    @cached_property
    def laplacian(self) -> Laplacian:
        """The affinity's Laplacian, at working size. Unless it was given, it is made when first asked for.

        Raises
        ------
        ValueError
            If the affinity is not known, because a file could not hold it: give it to `load`. If the file
            named it, the message has what it said, and why that could not be restored.
        """
        if self._known_laplacian is not None:
            return self._known_laplacian
        if self.affinity is None:
            raise ValueError(self._say_what_is_missing())
        return self.affinity.laplacian(self.scene)

    def _say_what_is_missing(self) -> str:
        """Return one line: how to make the affinity known, and why it is not."""
        advice = "affinity: not known; give the one the layers were made with to load()"
        if self._unrestored_affinity is None:
            return advice
        return (
            f"{advice}, or install, import or register its terms and load again: {self._unrestored_affinity}"
        )

    @property
    def features(self) -> Float[np.ndarray, "h w C"]:
        """The preprocessed semantic features, float in [0, 1], (h, w, 3)."""
        return self.scene.features

    @property
    def superpixels(self) -> Int[np.ndarray, "h w"]:
        """The superpixels' labels, integers from 0, (h, w)."""
        return self.scene.superpixels

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the result in the format that the path's suffix stands for.

        What cannot be written is refused before any work where that can be known. The layers' colors, if they
        are not known yet, are found a few rows at a time and not kept: ask for `colors` before, if you save
        several files that hold them.

        Parameters
        ----------
        path : str or path
            Its suffix chooses the format; a folder gets one RGBA PNG per layer. See `softseg.formats.save`.
        **options
            Options of the format, such as ``blend="normal"`` for ``.psd``; see its writer in
            `softseg.formats`.

        Raises
        ------
        ValueError
            If the suffix stands for no format, or the photo is too large for it.
        TypeError
            If the format has no such option.
        ImportError
            If the format needs a package that is not installed.
        OSError
            If the file or folder cannot be written.
        """
        save(path, self, **options)

    @classmethod
    def load(cls, path: str | os.PathLike[str], affinity: Affinity | None = None) -> SoftSegmentation:
        """Read a result that was saved as ``.npz``, or in any other format that has a reader.

        From ``.npz``, the photo, features, superpixels and eigenvalues come back exactly, and so does the
        Laplacian. Alphas are rounded to 16 bits and sum to one: they are off by 8e-6, and the largest of a
        pixel by that for each of the other layers. Colors are found anew from the two when they are asked
        for; those of an edit are rounded to 8 bits instead. Eigenvectors, and with them the layers before
        grouping, are rounded by 0.1 % of their length, or by more where the file would be too large, as for
        noise (`softseg.formats.packing`). Files of earlier development versions have exact alphas.

        Parameters
        ----------
        path : str or path
            The file. Its suffix says which format it is of (`softseg.formats.Format`).
        affinity : Affinity, optional
            What the Laplacian was made of. Default: what the file names, if all of its terms are registered
            (`softseg.affinity.register`). Otherwise the affinity is None, because files do not hold code, and
            `laplacian` raises; `save` writes the file's text back.

        Returns
        -------
        SoftSegmentation
            The result, whose affinity may be None.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is not of the format that its suffix stands for, or damaged, or if that format cannot be
            read.

        Warns
        -----
        UserWarning
            In one line, if the file names an affinity that cannot be restored.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from softseg import SoftSegmentation
        >>> from softseg.testing import random_result
        >>> result = random_result(np.random.default_rng(0), 20, 30, 3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result.save(f"{folder}/photo.npz")
        ...     again = SoftSegmentation.load(f"{folder}/photo.npz")
        >>> bool(abs(again.alphas - result.alphas).max() < 1e-4)
        True
        """
        result = cls(**read(path, affinity))
        if result._unrestored_affinity is not None:
            warn(result._say_what_is_missing())
        return result

    def select(
        self,
        point: Sequence[float] | Sequence[int] | None = None,
        foreground: Any = None,
        background: Any = None,
        lasso: Any = None,
    ) -> Float[np.ndarray, "H W"]:
        """Select an object softly: by a click, by scribbles, or by a rough outline.

        Parameters
        ----------
        point : (x, y) of int, optional
            A pixel of the object, x to the right and y down from the top left corner, from 0.
        foreground, background : array_like, shape (n, 2) or (H, W), optional
            Pixels of the object and of the rest: (x, y) of each, or a mask.
        lasso : array_like, shape (n, 2), optional
            Corners (x, y) of an outline about the object.

        Returns
        -------
        ndarray, shape (H, W)
            The mask, float32 in [0, 1]. See `softseg.layers.select`.

        Raises
        ------
        TypeError, ValueError
            In one line that names the argument, if none or too many are given, or one does not fit the photo.
        """
        return select(self, point, foreground, background, lasso)

    def propagate(self, strokes: Any, values: Any) -> Float[np.ndarray, "H W"]:
        """Spread the strengths of an edit from sparse strokes over everything alike.

        Parameters
        ----------
        strokes : array_like of int, shape (H, W)
            0 where there is no stroke; 1 .. n are the strokes.
        values : array_like, shape (n,)
            The strength of each stroke, in any unit; 0 is no edit.

        Returns
        -------
        ndarray, shape (H, W)
            The strength at each pixel, float32. See `softseg.layers.propagate`.

        Raises
        ------
        TypeError, ValueError
            In one line that names the argument, if one is not as above, or if the Laplacian is not known.
        """
        return propagate(self, strokes, values)

    def show(self) -> Figure:
        """Draw the photo, its layers in distinct colors, and each layer, with matplotlib.

        Returns
        -------
        matplotlib.figure.Figure
            One of pyplot's figures. See `softseg.layers.show`.

        Raises
        ------
        ImportError
            If matplotlib is not installed (``pip install "softseg[plot]"``).
        """
        return show(self)

    def explore(self, height: int = 640, names: Iterable[str] | None = None) -> Explorer:
        """Return the page that ``save("photo.html")`` writes, for a notebook to show.

        Parameters
        ----------
        height : int
            How high it is in the notebook, in pixels, at least 1.
        names : iterable of str, optional
            What the layers are called. Default: the result's own names, or where they are.

        Returns
        -------
        Explorer
            Jupyter, VS Code and others show it where it is a cell's last line. See
            `softseg.formats.notebook.explore`.

        Raises
        ------
        TypeError, ValueError
            If the height is no integer of at least 1, or the names are not one line of text for each layer.

        Examples
        --------
        >>> import numpy as np
        >>> from softseg.testing import random_result
        >>> random_result(np.random.default_rng(0), 20, 30, 3).explore(height=400)  # doctest: +ELLIPSIS
        <Explorer: 3 layers of 30x20 pixels; ...>
        """
        from softseg.formats.notebook import explore

        return explore(self, height, names)

    def _repr_png_(self) -> bytes:
        return preview(self)
