"""Relaxed sparsification: the grouped layers leave the eigenvectors' span and follow the photo's edges."""

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

# All constants of this module are the published ones (Aksoy et al. 2018, Section 3.5) unless they name
# another source.

# Reweighted solves.
ITERATIONS = 20

# The most steps of conjugate gradients in a reweighted solve, and in the last solve without sparsity.
CG_ITERATIONS = 100
LAST_CG_ITERATIONS = 1000

# Conjugate gradients stop at a residual of this size, relative to the norm of the right-hand side.
CG_TOLERANCE = 1e-6

# The weight of the soft constraint that the alphas of a pixel sum to one, relative to that of the fidelity to
# the grouped layers.
CONSTRAINT = 100.0

# Alphas that are nearer to 0 or 1 than this start from exactly 0 or 1.
SNAP_DISTANCE = 0.1

# An alpha that is nearer to 0 or 1 than this is weighted as if it were this far away, so that the weights
# stay bounded.
RELAXED_FLOOR = 0.01

# The exponent gamma of the sparsity norm where the photo is flat. The photo's gradient raises it by up to
# MOST_GRADIENT, where alphas may be soft.
RELAXED_GAMMA = 0.9

# Gradients per pixel step that exceed this, in units of color in [0, 1], count as this one.
MOST_GRADIENT = 0.1

# The first halves of a 13-tap derivative and of the smoother that goes with it, and the smoother's middle tap
# (Farid and Simoncelli 2004). The derivative's middle tap is 0.
DERIVATIVE = np.array([0.0001, 0.0019, 0.0142, 0.0509, 0.0963, 0.0878])
SMOOTHER = np.array([0.0000, 0.0007, 0.0071, 0.0374, 0.1126, 0.2119])
SMOOTHER_CENTER = 0.2605


class LayerPreconditioner(abc.ABC):
    """A preconditioner of the relaxed stage's conjugate gradients, which also decides where they start.

    A new one is a frozen dataclass with the attribute `extrapolates` and the method `apply`. It changes how
    many iterations are needed, and the layers only within the tolerance of the iteration.

    See Also
    --------
    softseg.sparsify.PixelBlocks : The default.
    softseg.sparsify.Unpreconditioned : The published iteration.
    softseg.sparsify.relaxed : The stage that uses it.

    References
    ----------
    Aksoy et al. 2018, Section 3.5, Eq. 10 (the system).

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from softseg.sparsify import LayerPreconditioner
    >>> @dataclass(frozen=True)
    ... class Jacobi(LayerPreconditioner):
    ...     extrapolates = True
    ...
    ...     def apply(self, diagonal, right, out):
    ...         np.divide(right, diagonal, out=out)
    ...         return float((right * out).sum())
    >>> out = np.empty((2, 3))
    >>> Jacobi().apply(np.full((2, 3), 4.0), np.ones((2, 3)), out), float(out[0, 0])
    (1.5, 0.25)
    """

    extrapolates: bool
    """If True, a solve starts from alphas that are extrapolated from the results of the last two solves.

    If False, it starts from the result of the last solve.
    """

    @abc.abstractmethod
    def apply(
        self,
        diagonal: Float[np.ndarray, "K N"],
        right: Float[np.ndarray, "K N"],
        out: Float[np.ndarray, "K N"],
    ) -> float:
        """Solve the system approximately.

        K is the number of layers, and N that of pixels.

        Parameters
        ----------
        diagonal : ndarray, shape (K, N)
            The diagonal of the system's matrix, without the constraint's term that couples a pixel's layers.
        right : ndarray, shape (K, N)
            The right-hand side. It is not changed.
        out : ndarray, shape (K, N)
            The array that the solution is written to.

        Returns
        -------
        float
            The inner product of ``right`` and ``out``.
        """


@final
@dataclass(frozen=True)
class PixelBlocks(LayerPreconditioner):
    """Solve the K equations of each pixel exactly, with the neighbors' alphas set to zero.

    Conjugate gradients then need several times fewer iterations. The K x K matrix of a pixel is diagonal but
    for the constraint that its alphas sum to one, so that its inverse has a formula (Sherman-Morrison).

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.sparsify import PixelBlocks
    >>> out = np.empty((2, 3))
    >>> inner = PixelBlocks().apply(np.full((2, 3), 200.0), np.ones((2, 3)), out)
    >>> float(200 * out[0, 0] + 100 * out[:, 0].sum())          # 100 is the constraint's weight
    1.0
    """

    extrapolates = True

    def apply(
        self,
        diagonal: Float[np.ndarray, "K N"],
        right: Float[np.ndarray, "K N"],
        out: Float[np.ndarray, "K N"],
    ) -> float:
        """Solve each pixel's K equations; see `LayerPreconditioner.apply`.

        Parameters
        ----------
        diagonal : ndarray, shape (K, N)
            The diagonal of the system's matrix, for K layers and N pixels.
        right : ndarray, shape (K, N)
            The right-hand side.
        out : ndarray, shape (K, N)
            The array that the result is written to.

        Returns
        -------
        float
            The inner product of ``right`` and ``out``.
        """
        return _kernels.solve_pixel_blocks(diagonal, CONSTRAINT, right, out)


@final
@dataclass(frozen=True)
class Unpreconditioned(LayerPreconditioner):
    """Leave out any preconditioner, and start from the last solve's alphas: the published iteration.

    References
    ----------
    Aksoy et al. 2018, Section 3.5, and the code released with it.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.sparsify import Unpreconditioned
    >>> out = np.empty((2, 3))
    >>> Unpreconditioned().apply(np.full((2, 3), 4.0), np.ones((2, 3)), out)
    6.0
    """

    extrapolates = False

    def apply(
        self,
        diagonal: Float[np.ndarray, "K N"],
        right: Float[np.ndarray, "K N"],
        out: Float[np.ndarray, "K N"],
    ) -> float:
        """Copy the right-hand side; see `LayerPreconditioner.apply`.

        Parameters
        ----------
        diagonal : ndarray, shape (K, N)
            The diagonal of the system's matrix, for K layers and N pixels.
        right : ndarray, shape (K, N)
            The right-hand side.
        out : ndarray, shape (K, N)
            The array that the result is written to.

        Returns
        -------
        float
            The inner product of ``right`` and ``out``.
        """
        np.copyto(out, right)
        return _kernels.inner(right, right)


def relaxed(
    grouped: Float[np.ndarray, "H W K"],
    laplacian: Laplacian,
    image: Any,
    preconditioner: LayerPreconditioner | None = None,
) -> Float[np.ndarray, "H W K"]:
    """Return the layers after relaxed sparsification. As published, they are not clipped to [0, 1].

    Twenty reweighted solves find the alphas themselves. Their energy has four terms: the Laplacian's
    smoothness, a sparsity whose exponent follows the image gradient, the fidelity to the grouped layers, and
    a soft constraint that alphas sum to one. One more solve follows, without the sparsity. All solves use
    conjugate gradients, which need no matrix.

    Parameters
    ----------
    grouped : ndarray, shape (H, W, K)
        The grouped layers, which sum to one at each pixel.
    laplacian : Laplacian
        The Laplacian of the same H * W pixels.
    image : path, PIL image or array_like, shape (H, W, 3)
        The photo; uint8, or float in [0, 1].
    preconditioner : LayerPreconditioner, optional
        How conjugate gradients are preconditioned. The default is `PixelBlocks`; `Unpreconditioned` is the
        published iteration.

    Returns
    -------
    ndarray, shape (H, W, K)
        Float64, from about -0.1 to 1.1. `project_to_simplex` turns them into alphas.

    Raises
    ------
    ValueError
        If the image or the Laplacian has another size than the layers, or the image is not as above.

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
    target = np.ascontiguousarray(snap(grouped.astype(np.float64)).reshape(-1, layers).T)
    exponent = (RELAXED_GAMMA + np.minimum(image_gradient(image), MOST_GRADIENT)).ravel() - 2
    alphas, before, change = stencil.padded(target), target.copy(), np.zeros_like(target)
    diagonal, right = np.empty_like(target), np.empty_like(target)
    gradients = _ConjugateGradients(stencil, layers, preconditioner)
    for _ in range(ITERATIONS):
        tick()
        _kernels.reweight(
            alphas,
            stencil.pad,
            target,
            exponent,
            RELAXED_FLOOR,
            CONSTRAINT,
            stencil.diagonal,
            diagonal,
            right,
        )
        if preconditioner.extrapolates:
            _kernels.extrapolate(alphas, stencil.pad, before, change)
        gradients.solve(diagonal, right, alphas, CG_ITERATIONS)
    diagonal[:] = stencil.diagonal + 1
    right = stencil.inside(alphas) + CONSTRAINT
    gradients.solve(diagonal, right, alphas, LAST_CG_ITERATIONS)
    return np.ascontiguousarray(stencil.inside(alphas).T).reshape(height, width, layers)


class _ConjugateGradients:
    """Conjugate gradients on all layers as one vector. The working memory is kept from solve to solve."""

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

        ``diagonal`` holds the sum of L's diagonal and the weights. ``right`` is overwritten by the residual.
        ``alphas`` is padded as the stencil needs it, to P > N values a layer.
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
            step = product  # This memory is free until the next product.
            inner = self._preconditioner.apply(diagonal, remainder, step)
            _kernels.turn(direction, pad, inner / before, step)
            length = inner / times(direction, product)
            square = _kernels.advance(alphas, direction, pad, remainder, product, length)
            before = inner


def snap(alphas: Float[np.ndarray, "H W K"]) -> Float[np.ndarray, "H W K"]:
    """Set alphas below 0.1 to 0 and those above 0.9 to 1, and scale each pixel's to sum to one."""
    result = np.where(alphas < SNAP_DISTANCE, 0.0, np.where(alphas > 1 - SNAP_DISTANCE, 1.0, alphas))
    total = result.sum(axis=2, keepdims=True)
    # If no layer of a pixel reaches 0.1, the pixel goes to the strongest layer.
    strongest = np.arange(alphas.shape[2]) == alphas.argmax(axis=2)[:, :, None]
    return np.where(total > 0, result / np.where(total > 0, total, 1), strongest)


def image_gradient(image: Float[np.ndarray, "H W C"]) -> Float[np.ndarray, "H W"]:
    """Return the gradient magnitude over all channels, by 13-tap derivatives with replicated edges.

    Parameters
    ----------
    image : ndarray, shape (H, W, C)
        Float in [0, 1].

    Returns
    -------
    ndarray, shape (H, W)
        Units of the image per pixel step: the Euclidean norm over both axes and all channels.

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
