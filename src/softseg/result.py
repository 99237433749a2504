"""What comes out: soft layers of a photo, everything in between, and what can be done with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
from jaxtyping import Float, Int

from softseg.affinity import Affinity
from softseg.eigen import Eigenpairs
from softseg.laplacian import Laplacian
from softseg.scene import Scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True, eq=False, repr=False)
class SoftSegmentation:
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
    """

    image: Float[np.ndarray, "H W 3"]
    alphas: Float[np.ndarray, "H W K"]
    scene: Scene
    affinity: Affinity | None
    eigenpairs: Eigenpairs
    initial_alphas: Float[np.ndarray, "h w K0"]
    timings: dict[str, float]

    @classmethod
    def made(
        cls,
        image: Float[np.ndarray, "H W 3"],
        alphas: Float[np.ndarray, "H W K"],
        scene: Scene,
        affinity: Affinity,
        laplacian: Laplacian,
        eigenpairs: Eigenpairs,
        initial_alphas: Float[np.ndarray, "h w K0"],
        timings: dict[str, float],
    ) -> SoftSegmentation:
        """Return the result of a decomposition whose Laplacian is at hand."""
        result = cls(image, alphas, scene, affinity, eigenpairs, initial_alphas, timings)
        vars(result)["laplacian"] = laplacian  # what the cached property would make again
        return result

    @cached_property
    def laplacian(self) -> Laplacian:
        """The affinities' Laplacian, at working size; made anew where the result comes from a file.

        Raises
        ------
        ValueError
            If the file could not hold the affinity: give it to `load`.
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

    @cached_property
    def colors(self) -> Float[np.ndarray, "H W K 3"]:
        """The layers' colors F, float32 in [0, 1], (H, W, K, 3), with ``sum_k alpha_k F_k = image``.

        Smooth where a layer is thin, so that it can be put before another background; see
        `softseg.layers.layer_colors`.
        """
        from softseg.layers import layer_colors

        return layer_colors(self.image, self.alphas)

    @property
    def rgba(self) -> Float[np.ndarray, "K H W 4"]:
        """Each layer's colors and (straight) alpha, float32, (K, H, W, 4)."""
        return np.moveaxis(np.concatenate([self.colors, self.alphas[..., None]], axis=3), 2, 0)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The layers' indices from back to front; see `softseg.layers.back_to_front`."""
        from softseg.layers import back_to_front

        return back_to_front(self)

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the result in the format that the path's suffix stands for.

        Parameters
        ----------
        path : str or path
            Its suffix chooses the format; a folder gets one RGBA PNG per layer. See `softseg.layers.save`.
        **options
            Of the format, such as ``blend="normal"`` for ``.psd``.
        """
        from softseg.layers import save

        save(path, self, **options)

    @classmethod
    def load(cls, path: str | os.PathLike[str], affinity: Affinity | None = None) -> SoftSegmentation:
        """Read a result that was saved as ``.npz``.

        Parameters
        ----------
        path : str or path
            The file.
        affinity : Affinity, optional
            What the Laplacian was made of, if not the default: files do not hold code.

        Returns
        -------
        SoftSegmentation
            See `softseg.layers.load` for what is rounded.
        """
        from softseg.layers import load

        return load(path, affinity)

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
        from softseg.layers import select

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
        from softseg.layers import propagate

        return propagate(self, strokes, values)

    def composite(self, background: Any = None, layers: Sequence[int] | None = None) -> np.ndarray:
        """Put layers before a background.

        Parameters
        ----------
        background : color, path, PIL image or array_like, shape (H, W, 3), optional
            What shows where the chosen layers are not. Default: nothing, an RGBA image comes out.
        layers : sequence of int, optional
            Which ones. Default: all.

        Returns
        -------
        ndarray, shape (H, W, 3) or (H, W, 4)
            Float32 in [0, 1]. See `softseg.layers.composite`.
        """
        from softseg.layers import composite

        return composite(self, background, layers)

    def edit(self, layer: int, function: Callable[[np.ndarray], np.ndarray]) -> SoftSegmentation:
        """Change one layer's colors.

        Parameters
        ----------
        layer : int
            Which.
        function : callable
            From colors (H, W, 3) to colors (H, W, 3), both in [0, 1].

        Returns
        -------
        SoftSegmentation
            With the layer's new colors, and an ``image`` that shows them. The stages before are the photo's.
        """
        from softseg.layers import edited

        return edited(self, layer, function)

    def recolored(self, colors: Float[np.ndarray, "H W K 3"]) -> SoftSegmentation:
        """Return the same layers in other colors; the image is what they add up to.

        Parameters
        ----------
        colors : ndarray, shape (H, W, K, 3)
            In [0, 1].
        """
        image = np.einsum("hwk,hwkc->hwc", self.alphas, colors, dtype=float)
        result = replace(self, image=np.clip(image, 0, 1))
        if "laplacian" in vars(self):
            vars(result)["laplacian"] = self.laplacian
        vars(result)["colors"] = np.asarray(colors, dtype=np.float32)
        return result

    def show(self) -> Figure:
        """Draw the photo, its layers in distinct colors, and each layer, with matplotlib."""
        from softseg.layers import show

        return show(self)

    def _repr_png_(self) -> bytes:
        from softseg.layers import preview

        return preview(self)

    def __repr__(self) -> str:
        from softseg.layers import description

        return description(self)
