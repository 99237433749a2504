"""One reweighted solve of the constrained stage: weights from the layers, new layers from a quadratic energy.

With ``u = 0.3^0.8 |1 - alpha|^-1.2`` and ``v = 0.3^0.8 |alpha|^-1.2`` at the layers so far, a solve minimizes
``sum_k sum_p [u (1 - alpha_k)^2 + v alpha_k^2] + sum_k y_k' Lambda y_k`` over layers ``alpha_k = E y_k`` that
sum to one. `solve_directly` forms and solves every layer's normal equations, whose matrix is
``A_k = E' diag(u + v) E + Lambda``. `IterativeSolver` takes a few steps of conjugate gradients, which never
form these matrices. The energy is Eq. 7 of Aksoy et al. 2018, and Eq. 15 of Levin et al. 2008.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Float, Int
from scipy import linalg

from softseg._threads import row_blocks

# The exponent gamma of the sparsity norm in the constrained stage (Aksoy et al. 2018, Section 3.4).
CONSTRAINED_GAMMA = 0.8

# The factor of all weights, as published (Aksoy et al. 2018, Section 3.4).
SPARSITY_WEIGHT = 0.3**CONSTRAINED_GAMMA

# An alpha that is nearer to 0 or 1 than this is weighted as if it were this far away, so that the weights
# stay finite. Published value (Aksoy et al. 2018, Section 3.4).
CONSTRAINED_FLOOR = 1e-10

# Pixels that are weighted at a time; their rows of the eigenvectors fit into a core's cache. The blocks' sums
# are added in order, so this number decides the last bits of the result. Chosen by the project.
PIXELS_PER_BLOCK = 1024

# Steps of conjugate gradients in one iterative solve. Measured: docs/notes/performance.md,
# "The constrained stage", says that more of them bring no gain in agreement.
CG_STEPS = 3

# For this many pixels of the sample in the preconditioner there is one of a layer's heaviest pixels in it.
# Measured: docs/notes/performance.md, "The constrained stage".
HEAVY_PART = 4


@final
@dataclass(frozen=True, eq=False)
class Pixels:
    """The pixels that the energy is summed over.

    Attributes
    ----------
    vectors : ndarray, shape (n, k)
        The pixels' rows of the eigenvectors ``E``.
    shares : ndarray, shape (n,)
        The number of the photo's pixels that each pixel stands for.
    """

    vectors: Float[np.ndarray, "n k"]
    shares: Float[np.ndarray, " n"]

    def layers(self, coefficients: Float[np.ndarray, "k1 K"]) -> Float[np.ndarray, "n K"]:
        """Return the layers ``E y_k + c_k``.

        The last row of ``coefficients`` holds the constants ``c_k``: 1 for the last layer and 0 for the
        others.
        """
        layers = self.vectors @ coefficients[:-1]
        layers += coefficients[-1]
        return layers

    @cached_property
    def leverage(self) -> Float[np.ndarray, " n"]:
        """The squared lengths of the pixels' rows of ``E``."""
        return np.einsum("ij,ij->i", self.vectors, self.vectors)

    def at(self, chosen: Int[np.ndarray, " m"], shares: Float[np.ndarray, " m"]) -> Pixels:
        """Return the chosen ones of these pixels, with other shares."""
        return Pixels(self.vectors[chosen], shares)


def solve_directly(
    pixels: Pixels,
    values: Float[np.ndarray, " k"],
    layers: Float[np.ndarray, "n K"],
    pool: ThreadPoolExecutor,
) -> Float[np.ndarray, "k1 K"]:
    """Return the coefficients of the layers that minimize the energy whose weights come from ``layers``.

    The last layer is one minus the others, so its coefficients are minus their sum ``s``. The equations
    ``A_k y_k + A_K s = b_k`` of the other layers give ``(Id + sum_k A_k^-1 A_K) s = sum_k A_k^-1 b_k``, and
    with ``s`` known each of them gives ``y_k``.
    """
    k = len(values)
    coefficients = np.zeros((k + 1, layers.shape[1]))
    coefficients[k, -1] = 1
    to_one, to_zero = pixels.shares * compute_weights(1 - layers.T), pixels.shares * compute_weights(layers.T)

    def normal_equations(layer: int) -> tuple[np.ndarray, np.ndarray]:
        gram = np.diag(values) + compute_weighted_gram(pixels.vectors, to_one[layer] + to_zero[layer])
        return gram, (to_one[layer] + to_zero[-1]) @ pixels.vectors

    def eliminate(equations: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        gram, right = equations
        return np.linalg.solve(gram, np.column_stack([last, right]))

    *others, (last, _) = pool.map(normal_equations, range(layers.shape[1]))
    if others:
        solved = np.stack(list(pool.map(eliminate, others)))  # A_k^-1 [A_K, b_k]
        summed = solved.sum(axis=0)
        total = np.linalg.solve(np.eye(k) + summed[:, :-1], summed[:, -1])
        coefficients[:k, :-1] = (solved[:, :, -1] - solved[:, :, :-1] @ total).T
        coefficients[:k, -1] = -coefficients[:k, :-1].sum(axis=1)
    return coefficients


@final
class IterativeSolver:
    """Solves nearly as `solve_directly` does, at the cost of a few products with ``E``.

    Conjugate gradients find the step from the coefficients before, whose layers give the weights, to the new
    ones. The step sums to zero over the layers, so that the layers still sum to one.

    The preconditioner solves the same problem with estimated ``A_k``. Each is estimated from ``few`` of the
    pixels, with the shares ``few_shares``, and from the pixels that weigh most in the layer. The latter are
    always included because weights run up to 1e12: pixels at which a layer is exactly 0 or 1 must keep it
    there. Weights move slowly, and so the preconditioner is kept for ``lifetime`` solves with as many layers.
    """

    def __init__(
        self,
        pixels: Pixels,
        few: Int[np.ndarray, " m"],
        few_shares: Float[np.ndarray, " m"],
        values: Float[np.ndarray, " k"],
        lifetime: int,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._pixels, self._values, self._pool = pixels, values, pool
        self._few, self._few_shares = few, few_shares
        self._lifetime = lifetime
        self._age, self._layers = 0, 0  # solves and layers of the preconditioner that is kept

    def solve(self, coefficients: Float[np.ndarray, "k1 K"]) -> Float[np.ndarray, "k1 K"]:
        """Return the coefficients after one reweighted solve."""
        pixels, values, pool = self._pixels, self._values, self._pool
        weight, residual = _compute_weights_and_residual(pixels, values, coefficients, pool)
        precondition = self._renew(weight)
        step = np.zeros_like(residual)
        preconditioned = precondition(residual)
        direction, inner = preconditioned, np.vdot(residual, preconditioned)
        for left in reversed(range(CG_STEPS)):
            if not inner > 0:  # the residual is zero, as with a single layer
                break
            product = _multiply_normal(pixels, values, weight, direction, pool)
            length = inner / np.vdot(direction, product)
            step += length * direction
            if not left:  # the next direction is not needed
                break
            residual = residual - length * product
            preconditioned = precondition(residual)
            before, inner = inner, np.vdot(residual, preconditioned)
            direction = preconditioned + (inner / before) * direction
        return coefficients + np.vstack([step, np.zeros(step.shape[1])])

    def _renew(
        self, weight: Float[np.ndarray, "n K"]
    ) -> Callable[[Float[np.ndarray, "k K"]], Float[np.ndarray, "k K"]]:
        """Return the preconditioner: the one that is kept, or one for these weights."""
        layers = weight.shape[1]
        if self._age % self._lifetime == 0 or layers != self._layers:
            self._preconditioner = _make_preconditioner(
                self._pixels, self._few, self._few_shares, self._values, weight, self._pool
            )
            self._age, self._layers = 0, layers
        self._age += 1
        return self._preconditioner


def compute_weighted_gram(
    vectors: Float[np.ndarray, "n k"], weights: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "k k"]:
    """Return ``E' diag(w) E`` for rows ``E`` and weights ``w``.

    The sums are float64, because the weights run up to 1e12 and their rounding would change which layers
    survive.
    """
    gram = np.zeros((vectors.shape[1], vectors.shape[1]))
    root = np.sqrt(weights)
    # The block is reused, because allocating one for each step takes longer.
    block = np.empty((min(len(vectors), PIXELS_PER_BLOCK), vectors.shape[1]), vectors.dtype)
    for rows in row_blocks(len(vectors), PIXELS_PER_BLOCK):
        weighted = np.multiply(vectors[rows], root[rows, None], out=block[: rows.stop - rows.start])
        gram += weighted.T @ weighted
    return gram


def _invert(matrix: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k k"]:
    """Return a symmetric matrix's inverse, by Cholesky factorization if rounding has left it definite."""
    factor, failed = linalg.lapack.dpotrf(matrix, lower=1)
    if failed:
        return np.linalg.inv(matrix)
    lower, _ = linalg.lapack.dpotri(factor, lower=1)
    return np.tril(lower) + np.tril(lower, -1).T


def compute_weights(distance: np.ndarray) -> np.ndarray:
    """Return the weights ``0.3^0.8 |distance|^-1.2`` of distances from 0 or from 1.

    A weight times the squared distance is the sparsity norm ``|distance|^0.8`` up to a factor.
    """
    weight = np.abs(distance)
    np.maximum(weight, CONSTRAINED_FLOOR, out=weight)
    weight **= CONSTRAINED_GAMMA - 2
    weight *= SPARSITY_WEIGHT
    return weight


def _compute_weights_and_residual(
    pixels: Pixels,
    values: Float[np.ndarray, " k"],
    coefficients: Float[np.ndarray, "k1 K"],
    pool: ThreadPoolExecutor,
) -> tuple[Float[np.ndarray, "n K"], Float[np.ndarray, "k K"]]:
    """Return ``u + v`` and minus half the energy's gradient, ``E' (u - (u + v) alpha) - Lambda y``."""
    weight = np.empty((len(pixels.shares), coefficients.shape[1]))

    def block(rows: slice) -> np.ndarray:
        alpha = pixels.vectors[rows] @ coefficients[:-1]
        alpha += coefficients[-1]
        to_one, total = compute_weights(1 - alpha), compute_weights(alpha)
        total += to_one
        np.multiply(total, pixels.shares[rows, None], out=weight[rows])
        alpha *= total
        pull = np.subtract(to_one, alpha, out=alpha)
        pull *= pixels.shares[rows, None]
        return pixels.vectors[rows].T @ pull

    pulled = sum(pool.map(block, row_blocks(len(weight), PIXELS_PER_BLOCK)))
    return weight, pulled - values[:, None] * coefficients[:-1]


def _multiply_normal(
    pixels: Pixels,
    values: Float[np.ndarray, " k"],
    weight: Float[np.ndarray, "n K"],
    direction: Float[np.ndarray, "k K"],
    pool: ThreadPoolExecutor,
) -> Float[np.ndarray, "k K"]:
    """Return the products ``A_k d_k`` of every layer's matrix with its column of ``direction``."""

    def block(rows: slice) -> np.ndarray:
        moved = pixels.vectors[rows] @ direction
        moved *= weight[rows]
        return pixels.vectors[rows].T @ moved

    return sum(pool.map(block, row_blocks(len(weight), PIXELS_PER_BLOCK))) + values[:, None] * direction


def _make_preconditioner(
    pixels: Pixels,
    few: Int[np.ndarray, " m"],
    few_shares: Float[np.ndarray, " m"],
    values: Float[np.ndarray, " k"],
    weight: Float[np.ndarray, "n K"],
    pool: ThreadPoolExecutor,
) -> Callable[[Float[np.ndarray, "k K"]], Float[np.ndarray, "k K"]]:
    """Return a function that solves ``A_k z_k = r_k - mu`` with ``sum_k z_k = 0``, each ``A_k`` estimated.

    The Lagrange multiplier is ``mu = (sum_k A_k^-1)^-1 sum_k A_k^-1 r_k``.
    """
    # Single precision is enough for the light pixels, and takes a third of the time.
    sample, scale = pixels.vectors[few].astype(np.float32), few_shares / pixels.shares[few]
    n_heavy = max(len(few) // HEAVY_PART, 1)

    def inverse(layer: int) -> np.ndarray:
        own = weight[:, layer]
        heavy = np.argpartition(own * pixels.leverage, len(own) - n_heavy)[len(own) - n_heavy :]
        light = own.copy()
        light[heavy] = 0
        gram = compute_weighted_gram(pixels.vectors[heavy], own[heavy]) + np.diag(values)
        gram += compute_weighted_gram(sample, (scale * light[few]).astype(np.float32))
        return _invert(gram)

    inverses = np.stack(list(pool.map(inverse, range(weight.shape[1]))))
    closing = np.linalg.inv(inverses.sum(axis=0))

    def solve(right: np.ndarray) -> np.ndarray:
        free = (inverses @ right.T[:, :, None])[:, :, 0].T
        return free - (inverses @ (closing @ free.sum(axis=1))).T

    return solve
