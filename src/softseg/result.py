"""What `softseg.segment` returns: soft layers of a photo, and the result of every stage on the way."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field
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
    """Soft layers of a photo, and the result of every stage on the way to them.

    `softseg.segment` makes one, `load` reads one from a file. What can be done with the layers is in
    `softseg.layers`; the methods here call its functions.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        The photo, float in [0, 1].
    alphas : ndarray, shape (H, W, K)
        The layers' opacities, float32 in [0, 1] (1 is opaque). They sum to 1 over the layers up to 1e-5.
    scene : Scene
        What the affinities saw, at working size (h, w), which is the photo's size unless it was shrunk.
    affinity : Affinity or None
        What the Laplacian was made of; None if the result was read from a file that could not hold it.
    eigenpairs : Eigenpairs
        The smallest eigenpairs of the Laplacian.
    initial_alphas : ndarray, shape (h, w, K0)
        The layers before grouping.
    timings : dict of str to float
        How long each stage took, in seconds.
    given_colors : ndarray, shape (H, W, K, 3), optional
        The layers' colors, where they are known already. Default: they are found when they are first asked
        for.
    given_laplacian : Laplacian, optional
        The Laplacian, where it is known already. Default: it is made of the affinity when it is first asked
        for. `dataclasses.replace` leaves both out, because they belong to this image, these alphas, this
        scene and this affinity.
    """

    scene: Scene
    affinity: Affinity | None
    eigenpairs: Eigenpairs
    initial_alphas: Float[np.ndarray, "h w K0"]
    timings: dict[str, float]
    given_laplacian: InitVar[Laplacian | None] = field(default=None, kw_only=True)

    def __post_init__(
        self, given_colors: Float[np.ndarray, "H W K 3"] | None, given_laplacian: Laplacian | None
    ) -> None:
        super().__post_init__(given_colors)
        if given_laplacian is not None:
            vars(self)["laplacian"] = given_laplacian  # so that the cached property has nothing to make

    @cached_property
    def laplacian(self) -> Laplacian:
        """The affinity's Laplacian, at working size. Unless it was given, it is made when first asked for.

        Raises
        ------
        ValueError
            If the affinity is not known, because a file could not hold it: give it to `load`.
        """
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
            Its suffix chooses the format; a folder gets one RGBA PNG per layer. See `softseg.formats.save`.
        **options
            Options of the format, such as ``blend="normal"`` for ``.psd``.
        """
        save(path, self, **options)

    @classmethod
    def load(cls, path: str | os.PathLike[str], affinity: Affinity | None = None) -> SoftSegmentation:
        """Read a result that was saved as ``.npz``.

        Alphas, the photo, features, superpixels and eigenvalues come back exactly, and so does the Laplacian.
        Colors are rounded to 8 bits. Eigenvectors, and with them the layers before grouping, are rounded by
        0.1 % of their length, or by more where the file would be too large, as for noise
        (`softseg.formats.packing`).

        Parameters
        ----------
        path : str or path
            The file.
        affinity : Affinity, optional
            What the Laplacian was made of. Default: what the file names, if all of its terms are registered
            (`softseg.affinity.register`). Otherwise the affinity is None, because files do not hold code, and
            `laplacian` raises.

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
            The mask, float32 in [0, 1]. See `softseg.layers.select`.
        """
        return select(self, point, foreground, background, lasso)

    def propagate(self, strokes: Any, values: Any) -> Float[np.ndarray, "H W"]:
        """Spread the strengths of an edit from sparse strokes over everything alike.

        Parameters
        ----------
        strokes : array_like, shape (H, W)
            0 where there is no stroke; 1 .. n are the strokes.
        values : array_like, shape (n,)
            The strength of each stroke.

        Returns
        -------
        ndarray, shape (H, W)
            The strength at each pixel, float32. See `softseg.layers.propagate`.
        """
        return propagate(self, strokes, values)

    def show(self) -> Figure:
        """Draw the photo, its layers in distinct colors, and each layer, with matplotlib."""
        return show(self)

    def _repr_png_(self) -> bytes:
        return preview(self)
