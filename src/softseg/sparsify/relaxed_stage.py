"""Relaxed sparsification: the grouped layers leave the eigenvectors' span and settle at the image's edges."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, final

import numpy as np
from jaxtyping import Float
from scipy.ndimage import correlate1d

from softseg.grid import Stencil
from softseg.images import as_image
from softseg.progress import tick
from softseg.sparsify import _relaxed_kernels as _kernels

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

ITERATIONS = 20
CG_ITERATIONS = 100
LAST_CG_ITERATIONS = 1000
CG_TOLERANCE = 1e-6  # residual relative to the right-hand side
CONSTRAINT = 100.0  # weight of "alphas sum to one"
SURE = 0.1  # alphas this near to 0 or 1 start there
SMALLEST = 0.01  # alphas this near to 0 or 1 count as this far from it
GAMMA = 0.9  # the sparsity norm's exponent on flat ground; up to 1 on edges, where alphas may be soft

# Farid and Simoncelli 2004: a 13-tap derivative and the smoother that goes with it, first halves.
DERIVATIVE = np.array([0.0001, 0.0019, 0.0142, 0.0509, 0.0963, 0.0878])
SMOOTHER = np.array([0.0000, 0.0007, 0.0071, 0.0374, 0.1126, 0.2119])
SMOOTHER_CENTER = 0.2605


class LayerPreconditioner(abc.ABC):
    """How the relaxed stage's conjugate gradients are preconditioned, and where they start."""

    extrapolates: bool
    """Whether a solve starts from where the last two suggest that it ends, not from where the last ended."""

    @abc.abstractmethod
    def apply(
        self,
        diagonal: Float[np.ndarray, "K N"],
        right: Float[np.ndarray, "K N"],
        out: Float[np.ndarray, "K N"],
    ) -> float:
        """Write an approximate solution to ``out``; return its inner product with ``right``.

        ``diagonal`` is the system's without its coupling of the layers.
        """


@final
@dataclass(frozen=True)
class PixelBlocks(LayerPreconditioner):
    """Solve each pixel's K equations exactly, neighbours held at zero: ten times fewer iterations."""

    extrapolates = True

    def apply(
        self,
        diagonal: Float[np.ndarray, "K N"],
        right: Float[np.ndarray, "K N"],
        out: Float[np.ndarray, "K N"],
    ) -> float:
        """Write each pixel's block solve."""
        return _kernels.solve_pixel_blocks(diagonal, CONSTRAINT, right, out)


@final
@dataclass(frozen=True)
class Unpreconditioned(LayerPreconditioner):
    """Plain conjugate gradients, each solve from the last alphas: the published iteration."""

    extrapolates = False

    def apply(
        self,
        diagonal: Float[np.ndarray, "K N"],
        right: Float[np.ndarray, "K N"],
        out: Float[np.ndarray, "K N"],
    ) -> float:
        """Write the right-hand side."""
        np.copyto(out, right)
        return _kernels.inner(right, right)


def relaxed(
    grouped: Float[np.ndarray, "H W K"],
    laplacian: Laplacian,
    image: Any,
    preconditioner: LayerPreconditioner | None = None,
) -> Float[np.ndarray, "H W K"]:
    """Return the layers after relaxed sparsification, as published: not clipped to [0, 1].

    Twenty reweighted solves of the alphas themselves, with the Laplacian's smoothness, sparsity whose
    exponent follows the image gradient, fidelity to the grouped layers and a soft constraint that alphas sum
    to one; then one solve without the sparsity. Each by conjugate gradients, without forming the matrix.

    Parameters
    ----------
    grouped : ndarray, shape (H, W, K)
        The grouped layers.
    laplacian : Laplacian
        Of the same H * W pixels.
    image : path, PIL image or array_like, shape (H, W, 3)
        The photo; uint8, or float in [0, 1].
    preconditioner : LayerPreconditioner, optional
        Default `PixelBlocks`; `Unpreconditioned` is the published iteration.

    Returns
    -------
    ndarray, shape (H, W, K)
        Float64; about -0.1 to 1.1. `project_to_simplex` makes alphas of them.

    Raises
    ------
    ValueError
        If the sizes do not fit.

    References
    ----------
    Aksoy et al. 2018, Section 3.5, Eq. 10.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import MattingAffinity, Scene
    >>> from softseg.sparsify import relaxed
    >>> image = np.zeros((8, 9, 3)); image[:, 5:] = 1
    >>> rough = np.stack([0.6 - 0.2 * image[:, :, 0], 0.4 + 0.2 * image[:, :, 0]], axis=2)
    >>> laplacian = MattingAffinity().laplacian(Scene(image))
    >>> bool(np.allclose(relaxed(rough, laplacian, image).sum(axis=2), 1, atol=0.02))
    True
    """
    image = as_image(image)
    height, width, _ = grouped.shape
    if image.shape[:2] != (height, width):
        raise ValueError(f"image: expected the layers' size {(height, width)}, got {image.shape[:2]}")
    if laplacian.shape != (height, width):
        raise ValueError(f"laplacian: expected the layers' size {(height, width)}, got {laplacian.shape}")
    return relaxed_on(Stencil.of(laplacian), grouped, image, preconditioner)


def relaxed_on(
    stencil: Stencil,
    grouped: Float[np.ndarray, "H W K"],
    image: Float[np.ndarray, "H W 3"],
    preconditioner: LayerPreconditioner | None = None,
) -> Float[np.ndarray, "H W K"]:
    """Return what `relaxed` returns, for a Laplacian that is a stencil already."""
    preconditioner = PixelBlocks() if preconditioner is None else preconditioner
    height, width, layers = grouped.shape
    target = np.ascontiguousarray(snapped(grouped.astype(np.float64)).reshape(-1, layers).T)
    exponent = (GAMMA + np.minimum(image_gradient(image), 0.1)).ravel() - 2
    alphas, before, change = stencil.padded(target), target.copy(), np.zeros_like(target)
    diagonal, right = np.empty_like(target), np.empty_like(target)
    gradients = _ConjugateGradients(stencil, layers, preconditioner)
    for _ in range(ITERATIONS):
        tick()
        _kernels.reweight(
            alphas, stencil.pad, target, exponent, SMALLEST, CONSTRAINT, stencil.diagonal, diagonal, right
        )
        if preconditioner.extrapolates:
            _kernels.extrapolate(alphas, stencil.pad, before, change)
        gradients.solve(diagonal, right, alphas, CG_ITERATIONS)
    diagonal[:] = stencil.diagonal + 1
    right = stencil.inside(alphas) + CONSTRAINT
    gradients.solve(diagonal, right, alphas, LAST_CG_ITERATIONS)
    return np.ascontiguousarray(stencil.inside(alphas).T).reshape(height, width, layers)


class _ConjugateGradients:
    """Conjugate gradients on all layers as one vector; the working memory is kept from solve to solve."""

    def __init__(self, stencil: Stencil, layers: int, preconditioner: LayerPreconditioner) -> None:
        self._stencil = stencil
        self._preconditioner = preconditioner
        self._product = np.empty((layers, stencil.diagonal.size))
        self._direction = stencil.padded(self._product)

    def solve(
        self,
        diagonal: Float[np.ndarray, "K N"],
        right: Float[np.ndarray, "K N"],
        alphas: Float[np.ndarray, "K P"],
        iterations: int,
    ) -> None:
        """Move alphas to the solution of ``(Id x L + 100 * 1 1' x Id + weights) alphas = right``.

        ``diagonal`` holds L's and the weights; ``right`` is used up: it becomes the remainder.
        """
        times = partial(self._stencil.multiply, diagonal, CONSTRAINT)
        pad, direction, product, remainder = self._stencil.pad, self._direction, self._product, right
        goal = CG_TOLERANCE * np.sqrt(_kernels.inner(right, right))
        times(alphas, product)
        square = _kernels.subtract(product, remainder)
        direction[:] = 0
        before = 1.0
        for _ in range(iterations):
            if np.sqrt(square) <= goal:
                break
            step = product  # the same memory: it is used before the next product
            inner = self._preconditioner.apply(diagonal, remainder, step)
            _kernels.turn(direction, pad, step, inner / before)
            length = inner / times(direction, product)
            square = _kernels.advance(alphas, direction, pad, remainder, product, length)
            before = inner


def snapped(alphas: Float[np.ndarray, "H W K"]) -> Float[np.ndarray, "H W K"]:
    """Return alphas with those below 0.1 at 0 and above 0.9 at 1, scaled to sum to one at each pixel."""
    result = np.where(alphas < SURE, 0.0, np.where(alphas > 1 - SURE, 1.0, alphas))
    total = result.sum(axis=2, keepdims=True)
    # Many faint layers may leave a pixel without any: it goes to the strongest.
    strongest = np.arange(alphas.shape[2]) == alphas.argmax(axis=2)[:, :, None]
    return np.where(total > 0, result / np.where(total > 0, total, 1), strongest)


def image_gradient(image: Float[np.ndarray, "H W C"]) -> Float[np.ndarray, "H W"]:
    """Return the gradient magnitude over all channels, by 13-tap derivatives, edges replicated.

    Parameters
    ----------
    image : ndarray, shape (H, W, C)
        Float in [0, 1].

    Returns
    -------
    ndarray, shape (H, W)
        Per pixel step; the Euclidean norm over both axes and all channels.

    References
    ----------
    Farid and Simoncelli, "Differentiation of Discrete Multidimensional Signals", TIP 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.sparsify import image_gradient
    >>> ramp = np.tile(np.linspace(0, 1, 21)[:, None], (20, 1, 1))     # (20, 21, 1), 0.05 a step
    >>> float(image_gradient(ramp)[10, 10].round(3))
    0.05
    """
    derivative = np.concatenate([DERIVATIVE, [0.0], -DERIVATIVE[::-1]])
    smoother = np.concatenate([SMOOTHER, [SMOOTHER_CENTER], SMOOTHER[::-1]])
    squares = np.zeros(image.shape[:2])
    for along, across in ((1, 0), (0, 1)):
        slope = correlate1d(image, derivative, axis=along, mode="nearest")
        slope = correlate1d(slope, smoother, axis=across, mode="nearest")
        squares += (slope**2).sum(axis=2)
    return np.sqrt(squares)
