"""Relaxed sparsification: the grouped layers leave the eigenvectors' span and settle at the image's edges."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from jaxtyping import Float
from scipy.ndimage import correlate1d

from softseg._threads import single_threaded_blas
from softseg.images import as_image
from softseg.sparsify._kernels import relaxed_product, solve_pixel_blocks

if TYPE_CHECKING:
    from softseg.laplacian import Laplacian

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


class Preconditioner(abc.ABC):
    """How the relaxed stage's conjugate gradients are preconditioned."""

    @abc.abstractmethod
    def apply(
        self, diagonal: Float[np.ndarray, "N K"], right: Float[np.ndarray, "N K"]
    ) -> Float[np.ndarray, "N K"]:
        """Return an approximate solution; ``diagonal`` is the system's without its coupling of the layers."""


@final
@dataclass(frozen=True)
class PixelBlocks(Preconditioner):
    """Solve each pixel's K equations exactly, neighbours held at zero: six times fewer iterations."""

    def apply(
        self, diagonal: Float[np.ndarray, "N K"], right: Float[np.ndarray, "N K"]
    ) -> Float[np.ndarray, "N K"]:
        """Return each pixel's block solve."""
        out = np.empty_like(right)
        solve_pixel_blocks(1 / diagonal, CONSTRAINT, right, out)
        return out


@final
@dataclass(frozen=True)
class Unpreconditioned(Preconditioner):
    """Plain conjugate gradients: the published iteration."""

    def apply(
        self, diagonal: Float[np.ndarray, "N K"], right: Float[np.ndarray, "N K"]
    ) -> Float[np.ndarray, "N K"]:
        """Return the right-hand side."""
        return right.copy()


@single_threaded_blas()
def relaxed(
    grouped: Float[np.ndarray, "H W K"],
    laplacian: Laplacian,
    image: Any,
    preconditioner: Preconditioner | None = None,
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
    preconditioner : Preconditioner, optional
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
    height, width, layers = grouped.shape
    if image.shape[:2] != (height, width):
        raise ValueError(f"image: expected the layers' size {(height, width)}, got {image.shape[:2]}")
    if laplacian.shape != (height, width):
        raise ValueError(f"laplacian: expected the layers' size {(height, width)}, got {laplacian.shape}")
    preconditioner = PixelBlocks() if preconditioner is None else preconditioner
    target = snapped(grouped.astype(np.float64)).reshape(-1, layers)
    exponent = (GAMMA + np.minimum(image_gradient(image), 0.1)).reshape(-1, 1) - 2
    alphas = target
    for _ in range(ITERATIONS):
        to_one = np.maximum(np.abs(1 - alphas), SMALLEST) ** exponent
        to_zero = np.maximum(np.abs(alphas), SMALLEST) ** exponent
        right = to_one + target + CONSTRAINT
        alphas = _solve(laplacian, to_one + to_zero + 1, right, alphas, CG_ITERATIONS, preconditioner)
    alphas = _solve(
        laplacian, np.ones_like(alphas), alphas + CONSTRAINT, alphas, LAST_CG_ITERATIONS, preconditioner
    )
    return alphas.reshape(grouped.shape)


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


def _solve(
    laplacian: Laplacian,
    weights: Float[np.ndarray, "N K"],
    right: Float[np.ndarray, "N K"],
    start: Float[np.ndarray, "N K"],
    iterations: int,
    preconditioner: Preconditioner,
) -> Float[np.ndarray, "N K"]:
    """Conjugate gradients on ``(Id x L + 100 * 1 1' x Id + diag(weights)) alphas = right``."""
    matrix = laplacian.matrix
    diagonal = weights + matrix.diagonal()[:, None]

    def times(block: np.ndarray) -> np.ndarray:
        out = np.empty_like(block)
        relaxed_product(matrix.indptr, matrix.indices, matrix.data, weights, CONSTRAINT, block, out)
        return out

    solution = start.copy()
    remainder = right - times(solution)
    goal = CG_TOLERANCE * np.linalg.norm(right)
    direction = np.zeros_like(solution)
    before = 1.0
    for _ in range(iterations):
        if np.linalg.norm(remainder) <= goal:
            break
        step = preconditioner.apply(diagonal, remainder)
        inner = np.vdot(remainder, step)
        direction = step + (inner / before) * direction
        product = times(direction)
        length = inner / np.vdot(direction, product)
        solution += length * direction
        remainder -= length * product
        before = inner
    return solution
