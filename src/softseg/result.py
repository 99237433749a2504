"""What comes out: soft layers of a photo, everything in between, and what can be done with them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
from jaxtyping import Float, Int

from softseg.affinity import Affinity
from softseg.eigen import Eigenpairs
from softseg.formats import save
from softseg.formats.npz import load_npz
from softseg.grid import Laplacian
from softseg.layers.display import preview, show
from softseg.layers.propagation import propagate
from softseg.layers.selection import select
from softseg.layers.stack import LayerStack
from softseg.scene import Scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True, eq=False, repr=False)
class SoftSegmentation(LayerStack):
    """Soft layers of a photo, and everything in between.

    `softseg.segment` makes one, `load` reads one from a file. What can be done with the layers is in
    `softseg.layers`; the methods here are short for it.

    Attributes
    ----------
    image : ndarray, shape (H, W, 3)
        The photo, float in [0, 1].
    alphas : ndarray, shape (H, W, K)
        Float32; each in [0, 1] (1 is opaque), summing to 1 over the layers up to 1e-5.
    scene : Scene
        What the affinities saw, at working size (h, w): the photo's, unless it was shrunk.
    affinity : Affinity or None
        What the Laplacian was made of; None if it was read from a file that could not hold it.
    eigenpairs : Eigenpairs
        Of the Laplacian.
    initial_alphas : ndarray, shape (h, w, K0)
        The layers before grouping.
    timings : dict of str to float
        Seconds that each stage took.
    given_colors, given_laplacian : optional
        The layers' colors and the Laplacian, where they are at hand. Else they are made when first asked for.
    """

    scene: Scene
    affinity: Affinity | None
    eigenpairs: Eigenpairs
    initial_alphas: Float[np.ndarray, "h w K0"]
    timings: dict[str, float]
    given_laplacian: Laplacian | None = field(default=None, kw_only=True)

    @cached_property
    def laplacian(self) -> Laplacian:
        """The affinities' Laplacian, at working size; made anew where the result comes from a file.

        Raises
        ------
        ValueError
            If the file could not hold the affinity: give it to `load`.
        """
        if self.given_laplacian is not None:
            return self.given_laplacian
        if self.affinity is None:
            raise ValueError("affinity: not known; give the one the layers were made with to load()")
        return self.affinity.laplacian(self.scene)

    @property
    def features(self) -> Float[np.ndarray, "h w C"]:
        """The preprocessed semantic features, float in [0, 1], (h, w, 3)."""
        return self.scene.features

    @property
    def superpixels(self) -> Int[np.ndarray, "h w"]:
        """Superpixel labels, (h, w)."""
        return self.scene.superpixels

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the result in the format that the path's suffix stands for.

        Parameters
        ----------
        path : str or path
            Its suffix chooses the format; a folder gets one RGBA PNG per layer. See `softseg.layers.save`.
        **options
            Of the format, such as ``blend="normal"`` for ``.psd``.
        """
        save(path, self, **options)

    @classmethod
    def load(cls, path: str | os.PathLike[str], affinity: Affinity | None = None) -> SoftSegmentation:
        """Read a result that was saved as ``.npz``.

        Alphas, the photo, features, superpixels and eigenvalues come back exactly, and so does the Laplacian.
        Colors are rounded to 8 bits. Eigenvectors are rounded by 0.1 % of their length, or more where the
        file would be too large, as for noise (`softseg.formats.packing`), and the layers before grouping by
        as much.

        Parameters
        ----------
        path : str or path
            The file.
        affinity : Affinity, optional
            What the Laplacian was made of. Default: what the file names, if all of its terms are registered
            (`softseg.affinity.register`); else None, because files do not hold code, and `laplacian` raises.

        Returns
        -------
        SoftSegmentation

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is not such an archive, or damaged.

        Examples
        --------
        >>> from softseg import SoftSegmentation
        >>> SoftSegmentation.load("photo.npz").select(point=(320, 200))  # doctest: +SKIP
        """
        return cls(**load_npz(path, affinity))

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
        point : (x, y), optional
            A pixel of the object, counted from the top left corner.
        foreground, background : array_like, optional
            Pixels of the object and of the rest: (n, 2) as x, y, or an (H, W) mask.
        lasso : array_like, shape (n, 2), optional
            Corners (x, y) of an outline about the object.

        Returns
        -------
        ndarray, shape (H, W)
            Float32, in [0, 1]. See `softseg.layers.select`.
        """
        return select(self, point, foreground, background, lasso)

    def propagate(self, strokes: Any, values: Any) -> Float[np.ndarray, "H W"]:
        """Spread the strengths of an edit from sparse strokes over everything alike.

        Parameters
        ----------
        strokes : array_like, shape (H, W)
            0 where there is no stroke; 1 .. n are the strokes.
        values : array_like, shape (n,)
            The strength of each.

        Returns
        -------
        ndarray, shape (H, W)
            Float32. See `softseg.layers.propagate`.
        """
        return propagate(self, strokes, values)

    def show(self) -> Figure:
        """Draw the photo, its layers in distinct colors, and each layer, with matplotlib."""
        return show(self)

    def _repr_png_(self) -> bytes:
        return preview(self)
