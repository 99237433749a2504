"""Layers before another background, and layers in other colors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from jaxtyping import Float

from softseg.images import as_image

if TYPE_CHECKING:
    import softseg.layers.stack
    from softseg.layers.stack import LayerStack

# What an edit returns is of the type that it was given. The bound has its full name, which is looked up when
# it is needed: that module imports this one.
Stack = TypeVar("Stack", bound="softseg.layers.stack.LayerStack")

# Added to every alpha where colors are divided by the alphas' sum, so that there are colors where the sum is
# zero. An opacity, of 1: a step of 8 bits is 40,000 times as large. Chosen by the project's own tests.
UNSEEN = 1e-7


def composite(
    result: LayerStack, background: Any = None, layers: Sequence[int] | None = None
) -> Float[np.ndarray, "H W C"]:
    """Put layers before a background: ``sum_k alpha_k F_k + (1 - sum_k alpha_k) B`` over the layers chosen.

    Parameters
    ----------
    result : LayerStack
        The photo with its layers.
    background : color, path, PIL image or array_like, shape (H, W, 3), optional
        What shows where the chosen layers are not. A color is three numbers in [0, 1]; an image has the
        photo's size and is what `segment` takes. Default: nothing, and an RGBA image is returned.
    layers : sequence of int, optional
        The indices of the layers that are put there, each once. Default: all.

    Returns
    -------
    ndarray, shape (H, W, 3) or (H, W, 4)
        The image, float32 in [0, 1]. RGBA has straight alpha: its colors are
        ``sum_k alpha_k F_k / sum_k alpha_k``, and the mean of the layers' colors where there is nothing to
        see.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        In one line that names the argument, if the background or the layers are not as above.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import segment
    >>> image = np.zeros((20, 30, 3)); image[:, 12:] = (1, 0.8, 0)
    >>> result = segment(image, n_layers=2)
    >>> back, front = result.order
    >>> np.round(result.composite((1, 1, 1), layers=[front])[10, [0, -1]], 1)
    array([[0., 0., 0.],
           [1., 1., 1.]], dtype=float32)
    >>> result.composite(layers=[front]).shape
    (20, 30, 4)
    """
    height, width, count = result.alphas.shape
    chosen = range(count) if layers is None else _check_layers(layers, count)
    behind = None if background is None else _check_background(background, (height, width))
    covered = result.alphas[..., list(chosen)].sum(axis=2, keepdims=True)
    if behind is not None:
        mixed = sum((_weigh(result, k) for k in chosen), (1 - covered) * behind)
        return np.clip(mixed, 0, 1).astype(np.float32)
    # A trace of every layer gives colors where no layer is, and changes none where one is.
    none = np.zeros((height, width, 3), dtype=np.float32)
    weight = covered + np.float32(UNSEEN) * max(len(chosen), 1)
    colors = sum((_weigh(result, k, UNSEEN) for k in chosen), none) / weight
    return np.clip(np.concatenate([colors, covered], axis=2), 0, 1)


def edited(result: Stack, layer: int, function: Callable[[np.ndarray], np.ndarray]) -> Stack:
    """Change one layer's colors; the others stay as they are, and the image follows.

    Parameters
    ----------
    result : LayerStack
        The photo with its layers.
    layer : int
        The index of the layer to change.
    function : callable
        It is called with the layer's colors, float32 in [0, 1], shape (H, W, 3), which it may change. It
        returns colors of this shape, or grays (H, W): floats, which are clipped to [0, 1], or uint8.

    Returns
    -------
    same type as result
        It has the layer's new colors, and an image that shows them. All else still belongs to the photo as it
        was.

    Raises
    ------
    TypeError, ValueError
        In one line that names the argument, if there is no such layer or no such colors come back.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import segment
    >>> image = np.zeros((20, 30, 3)); image[:, 12:] = (1, 0.8, 0)
    >>> result = segment(image, n_layers=2)
    >>> blue = result.edit(result.order[0], lambda colors: colors[..., ::-1])
    >>> np.round(blue.image[10, [0, -1]], 1)
    array([[0. , 0. , 0. ],
           [0. , 0.8, 1. ]])
    """
    height, width, count = result.alphas.shape
    (layer,) = _check_layers([layer], count, name="layer")
    colors = result.colors.copy()
    made = _check_image("function", _clip(function(colors[:, :, layer].copy())), (height, width))
    colors[:, :, layer] = made
    return result.recolored(colors)


def _weigh(result: LayerStack, layer: int, more: float = 0) -> Float[np.ndarray, "H W 3"]:
    """Return a layer's colors times its alphas, to which ``more`` is added."""
    return (result.alphas[..., layer, None] + np.float32(more)) * result.colors[:, :, layer]


def _check_layers(layers: Sequence[int], count: int, name: str = "layers") -> list[int]:
    if isinstance(layers, str) or not hasattr(layers, "__len__"):
        raise TypeError(f"{name}: expected a sequence of integers, got {type(layers).__name__}")
    for layer in layers:
        if isinstance(layer, bool) or not isinstance(layer, Integral):
            raise TypeError(f"{name}: expected an integer, got {type(layer).__name__}")
        if not 0 <= layer < count:
            raise ValueError(f"{name}: expected an index from 0 to {count - 1}, got {layer}")
    if len(set(layers)) < len(layers):
        raise ValueError(f"{name}: expected each index once, got {list(map(int, layers))}")
    return [int(layer) for layer in layers]


def _check_background(background: Any, shape: tuple[int, int]) -> Float[np.ndarray, "*shape 3"]:
    """Return a color, or an image of this shape."""
    if not _is_color(background):
        return _check_image("background", background, shape)
    color = np.asarray(background)
    color = color / 255 if color.dtype == np.uint8 else color.astype(float)
    if not ((color >= 0) & (color <= 1)).all():
        raise ValueError(f"background: expected a color of three numbers in [0, 1], got {tuple(background)}")
    return color


def _is_color(background: Any) -> bool:
    shape = np.shape(background) if isinstance(background, np.ndarray) else None
    if isinstance(background, (list, tuple)):
        shape = (len(background),)
    return shape == (3,) and all(isinstance(value, Real) for value in background)


def _clip(colors: Any) -> Any:
    """Return floats within [0, 1], and anything else as it is."""
    if isinstance(colors, np.ndarray) and np.issubdtype(colors.dtype, np.floating):
        return np.clip(colors, 0, 1)
    return colors


def _check_image(name: str, image: Any, shape: tuple[int, int]) -> Float[np.ndarray, "H W 3"]:
    """Return an image of this shape; errors call it by the name of the argument that it came from."""
    checked = as_image(image, name)
    if checked.shape[:2] != shape:
        expected, got = ("x".join(map(str, size)) for size in (shape, checked.shape[:2]))
        raise ValueError(f"{name}: expected the photo's size {expected}, got {got}")
    return checked
