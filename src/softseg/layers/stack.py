"""A stack of soft layers: a photo, the layers' alphas, and all that follows from the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import InitVar, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from jaxtyping import Float

from softseg.layers.arrangement import back_to_front, description
from softseg.layers.colors import layer_colors, piece_rows, solve_in_pieces
from softseg.layers.edits import Stack, composite, edited
from softseg.refinement import refine_layers

if TYPE_CHECKING:
    from softseg.eigen import Eigenpairs
    from softseg.grid import Laplacian
    from softseg.scene import Scene


@dataclass(frozen=True, eq=False, repr=False)
class LayerStack:
    """A photo and its soft layers.

    ``image`` and ``alphas`` are attributes; `colors`, `rgba` and `order` follow from the two.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        The photo, float in [0, 1].
    alphas : ndarray, shape (H, W, K)
        The layers' opacities, float32 in [0, 1] (1 is opaque). They sum to 1 over the layers up to 1e-5.
    given_colors : ndarray, shape (H, W, K, 3), optional
        The layers' colors, float32 in [0, 1], where they are known already: from a file, or from an edit.
        Default: they are found when they are first asked for. `dataclasses.replace` leaves them out, because
        they belong to this image and these alphas.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import LayerStack
    >>> photo = np.broadcast_to((1.0, 0.8, 0.0), (20, 30, 3))
    >>> left = np.repeat(np.linspace(1, 0, 30, dtype=np.float32)[None], 20, axis=0)
    >>> stack = LayerStack(photo, np.stack([left, 1 - left], axis=2))
    >>> stack
    <LayerStack: 2 layers of 30x20 pixels, from back to front
      [0]  50.0%  #ffcc00
      [1]  50.0%  #ffcc00>
    >>> stack.composite((0, 0, 0), layers=[0])[0, [0, -1]]
    array([[1. , 0.8, 0. ],
           [0. , 0. , 0. ]], dtype=float32)
    >>> stack.edit(1, lambda colors: 1 - colors).image[0, -1].round(2)
    array([0. , 0.2, 1. ])
    >>> stack.refined().alphas.shape
    (20, 30, 2)
    >>> stack.recolored(1 - stack.colors).image[0, 0].round(2)
    array([0. , 0.2, 1. ])
    """

    image: Float[np.ndarray, "H W 3"]
    alphas: Float[np.ndarray, "H W K"]
    given_colors: InitVar[Float[np.ndarray, "H W K 3"] | None] = field(default=None, kw_only=True)
    # No argument of the constructor, so that `dataclasses.replace` does not hand it on.
    _known_colors: Float[np.ndarray, "H W K 3"] | None = field(default=None, init=False)

    def __post_init__(self, given_colors: Float[np.ndarray, "H W K 3"] | None) -> None:
        object.__setattr__(self, "_known_colors", given_colors)

    @cached_property
    def colors(self) -> Float[np.ndarray, "H W K 3"]:
        """The layers' colors F, float32 in [0, 1], (H, W, K, 3), with ``sum_k alpha_k F_k = image``.

        They are smooth where a layer is thin, so that it can be put before another background; see
        `softseg.layers.layer_colors`.
        """
        if self._known_colors is not None:
            return self._known_colors
        return layer_colors(self.image, self.alphas)

    @property
    def rgba(self) -> Float[np.ndarray, "K H W 4"]:
        """Each layer's colors and its alpha, which is straight, float32 in [0, 1], (K, H, W, 4)."""
        return np.moveaxis(np.concatenate([self.colors, self.alphas[..., None]], axis=3), 2, 0)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The layers' indices from back to front, K integers; see `softseg.layers.back_to_front`."""
        return back_to_front(self)

    def composite(self, background: Any = None, layers: Sequence[int] | None = None) -> np.ndarray:
        """Put layers before a background.

        Parameters
        ----------
        background : color, path, PIL image or array_like, shape (H, W, 3), optional
            What shows where the chosen layers are not. A color is three numbers in [0, 1]. Default: nothing,
            and an RGBA image is returned.
        layers : sequence of int, optional
            The indices of the layers that are put there, each once, from 0. Default: all.

        Returns
        -------
        ndarray, shape (H, W, 3) or (H, W, 4)
            Float32 in [0, 1]. See `softseg.layers.composite`.

        Raises
        ------
        TypeError, ValueError, FileNotFoundError
            In one line that names the argument, if the background or the layers are not as above.
        """
        return composite(self, background, layers)

    def edit(self: Stack, layer: int, function: Callable[[np.ndarray], np.ndarray]) -> Stack:
        """Change one layer's colors.

        Parameters
        ----------
        layer : int
            The layer's index, from 0.
        function : callable
            It takes colors (H, W, 3) and returns colors (H, W, 3), both in [0, 1].

        Returns
        -------
        same type as self
            It has the layer's new colors and an ``image`` that shows them. All else still belongs to the
            photo as it was. See `softseg.layers.edited`.

        Raises
        ------
        TypeError, ValueError
            In one line that names the argument, if there is no such layer or no such colors come back.
        """
        return edited(self, layer, function)

    def recolored(self: Stack, colors: Float[np.ndarray, "H W K 3"]) -> Stack:
        """Return the same layers in other colors; the image is what they add up to.

        Parameters
        ----------
        colors : ndarray, shape (H, W, K, 3)
            The layers' new colors, in [0, 1].

        Returns
        -------
        same type as self
            All but the colors and the image still belongs to the photo as it was.
        """
        image = np.einsum("hwk,hwkc->hwc", self.alphas, colors, dtype=float)
        return replace(self, image=np.clip(image, 0, 1), given_colors=np.asarray(colors, dtype=np.float32))

    def refined(self: Stack) -> Stack:
        """Return the same photo with layers that are clean inside.

        Each layer is taken for a rough mask of an object, whose edge is found anew in the photo: see
        `softseg.refine`. Pixels well inside one layer then belong to it alone. On known mattes this takes
        15 % off the layers' error, and leaves it as it was where they are soft (docs/guides/refining.md).

        Returns
        -------
        same type as self
            Its colors are found anew when they are asked for.
        """
        return replace(self, alphas=refine_layers(self.image, self.alphas))

    def __repr__(self) -> str:
        return description(self)


def color_strips(
    result: Decomposition | LayerStack,
) -> Iterator[tuple[slice, Float[np.ndarray, "h W K 3"]]]:
    """Yield the layers' colors a few rows at a time, and hold none that the result does not hold already.

    Who needs all colors once, such as a writer of files, takes a seventh of the memory that
    ``result.colors`` does. Who needs them twice had better ask for ``result.colors`` before.

    Parameters
    ----------
    result : LayerStack
        K layers.

    Yields
    ------
    rows : slice
        The rows; they follow on those before.
    colors : ndarray, shape (h, W, K, 3)
        What ``result.colors`` is in these rows.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import LayerStack
    >>> from softseg.layers.stack import color_strips
    >>> stack = LayerStack(np.full((20, 30, 3), 0.5), np.full((20, 30, 2), 0.5, dtype=np.float32))
    >>> [(rows, colors.shape) for rows, colors in color_strips(stack)]
    [(slice(0, 20, None), (20, 30, 2, 3))]
    """
    if isinstance(result, LayerStack) and given_colors(result) is None and "colors" not in vars(result):
        yield from solve_in_pieces(result.image, result.alphas)
    else:
        for rows in piece_rows(*result.alphas.shape[:2]):
            yield rows, result.colors[rows]


def given_colors(result: Decomposition | LayerStack) -> Float[np.ndarray, "H W K 3"] | None:
    """Return the layers' colors if they come from a file or an edit; None if they follow from the rest.

    Parameters
    ----------
    result : LayerStack
        K layers. Of what stands in for one, the colors count as given.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import LayerStack
    >>> from softseg.layers.stack import given_colors
    >>> stack = LayerStack(np.full((20, 30, 3), 0.5), np.full((20, 30, 2), 0.5, dtype=np.float32))
    >>> given_colors(stack) is None
    True
    >>> given_colors(stack.edit(0, lambda colors: 1 - colors)).shape
    (20, 30, 2, 3)
    """
    return result._known_colors if isinstance(result, LayerStack) else result.colors


class Decomposition(Protocol):
    """What selection, propagation, files and the contact sheet need: the layers, and how they were found.

    `softseg.SoftSegmentation` is one. Any other object with these attributes may stand in for it. It is a
    protocol for type checkers (`typing.Protocol`), and no class to make objects of.

    Examples
    --------
    >>> from softseg.layers import Decomposition, contact_sheet
    >>> def save_sheet(result: Decomposition, path: str) -> None:
    ...     contact_sheet(result).save(path)
    """

    @property
    def image(self) -> Float[np.ndarray, "H W 3"]:
        """The photo, float in [0, 1], (H, W, 3)."""

    @property
    def alphas(self) -> Float[np.ndarray, "H W K"]:
        """The layers' opacities, float32 in [0, 1], (H, W, K). They sum to 1 over the layers."""

    @property
    def colors(self) -> Float[np.ndarray, "H W K 3"]:
        """The layers' colors, float32 in [0, 1], (H, W, K, 3)."""

    @property
    def rgba(self) -> Float[np.ndarray, "K H W 4"]:
        """Each layer's colors and its alpha, float32 in [0, 1], (K, H, W, 4)."""

    @property
    def order(self) -> tuple[int, ...]:
        """The layers' indices from back to front, K integers."""

    @property
    def scene(self) -> Scene:
        """What the affinities saw, at the working size (h, w)."""

    @property
    def features(self) -> Float[np.ndarray, "h w C"]:
        """The preprocessed semantic features, float in [0, 1], (h, w, 3)."""

    @property
    def affinity(self) -> Any:
        """The affinity that the Laplacian was made of; None if that is not known."""

    @property
    def eigenpairs(self) -> Eigenpairs:
        """The smallest eigenpairs of the Laplacian."""

    @property
    def laplacian(self) -> Laplacian:
        """The Laplacian of the affinity, at the working size, (h*w, h*w)."""

    @property
    def initial_alphas(self) -> Float[np.ndarray, "h w K0"]:
        """The layers before grouping, float, (h, w, K0)."""

    @property
    def timings(self) -> dict[str, float]:
        """How long each stage took, in seconds, by its name."""
