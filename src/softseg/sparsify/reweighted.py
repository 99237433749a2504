"""One reweighted solve of the constrained stage: weights from the layers, new layers from a quadratic energy.

With ``u = 0.3^0.8 |1 - alpha|^-1.2`` and ``v = 0.3^0.8 |alpha|^-1.2`` at the layers so far, minimise
``sum_k sum_p [u (1 - alpha_k)^2 + v alpha_k^2] + sum_k y_k' Lambda y_k`` over layers ``alpha_k = E y_k`` that
sum to one. Either directly, by every layer's normal equations with ``A_k = E' diag(u + v) E + Lambda``, or by
a few conjugate gradients that never form them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Float, Int

from softseg._threads import row_blocks

GAMMA = 0.8  # the sparsity norm's exponent
WEIGHT = 0.3**GAMMA
SMALLEST = 1e-10  # alphas this near to 0 or 1 count as this far from it
BLOCK_ROWS = 1024  # pixels weighted at a time: what fits a core's cache
STEPS = 3  # conjugate gradients per reweighting


@final
@dataclass(frozen=True, eq=False)
class Pixels:
    """The pixels that the energy is summed over.

    Attributes
    ----------
    vectors : ndarray, shape (n, k)
        Their rows of the eigenvectors ``E``.
    shares : ndarray, shape (n,)
        How many pixels each stands for.
    """

    vectors: Float[np.ndarray, "n k"]
    shares: Float[np.ndarray, " n"]

    def layers(self, coefficients: Float[np.ndarray, "k1 K"]) -> Float[np.ndarray, "n K"]:
        """Return ``E y_k + c_k``; of the constants, in the last row, only the last layer's is 1, not 0."""
        layers = self.vectors @ coefficients[:-1]
        layers += coefficients[-1]
        return layers

    @cached_property
    def leverage(self) -> Float[np.ndarray, " n"]:
        """The rows' squared lengths."""
        return np.einsum("ij,ij->i", self.vectors, self.vectors)

    def at(self, chosen: Int[np.ndarray, " m"], shares: Float[np.ndarray, " m"]) -> Pixels:
        """Return some of these pixels, with shares of their own."""
        return Pixels(self.vectors[chosen], shares)


def solve_directly(
    pixels: Pixels,
    values: Float[np.ndarray, " k"],
    layers: Float[np.ndarray, "n K"],
    pool: ThreadPoolExecutor,
) -> Float[np.ndarray, "k1 K"]:
    """Return the coefficients of the layers that minimise the energy weighted by ``layers``.

    The last layer is one minus the others. With ``s`` the sum of the others' coefficients, the equations
    ``A_k y_k + A_K s = b_k`` give ``(Id + sum_k A_k^-1 A_K) s = sum_k A_k^-1 b_k``, and then each ``y_k``.
    """
    k = len(values)
    coefficients = np.zeros((k + 1, layers.shape[1]))
    coefficients[k, -1] = 1
    to_one, to_zero = pixels.shares * weights(1 - layers.T), pixels.shares * weights(layers.T)

    def normal_equations(layer: int) -> tuple[np.ndarray, np.ndarray]:
        gram = np.diag(values) + weighted_gram(pixels.vectors, to_one[layer] + to_zero[layer])
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


def solve_iteratively(
    pixels: Pixels,
    few: Int[np.ndarray, " m"],
    few_shares: Float[np.ndarray, " m"],
    values: Float[np.ndarray, " k"],
    coefficients: Float[np.ndarray, "k1 K"],
    pool: ThreadPoolExecutor,
) -> Float[np.ndarray, "k1 K"]:
    """Return nearly what `solve_directly` would, for a few products of ``E`` with all layers at once.

    Conjugate gradients on the step from ``coefficients``, whose layers give the weights; steps sum to zero
    over the layers. The preconditioner is the same problem with each ``A_k`` estimated from ``few`` of the
    pixels (with shares of their own), and always from those that weigh most in the layer: weights run up to
    1e12, and pixels that a layer has come to rest on must hold it.
    """
    weight, residual = _weights_and_residual(pixels, values, coefficients, pool)
    precondition = _preconditioner(pixels, few, few_shares, values, weight, pool)
    step = np.zeros_like(residual)
    preconditioned = precondition(residual)
    direction, inner = preconditioned, np.vdot(residual, preconditioned)
    for _ in range(STEPS):
        if not inner > 0:  # nothing left to improve, as with a single layer
            break
        product = _normal_product(pixels, values, weight, direction, pool)
        length = inner / np.vdot(direction, product)
        step += length * direction
        residual = residual - length * product
        preconditioned = precondition(residual)
        before, inner = inner, np.vdot(residual, preconditioned)
        direction = preconditioned + (inner / before) * direction
    return coefficients + np.vstack([step, np.zeros(step.shape[1])])


def weighted_gram(
    vectors: Float[np.ndarray, "n k"], weights: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "k k"]:
    """Return ``E' diag(w) E``.

    In float64: weights run up to 1e12, and rounding them would change which layers survive.
    """
    gram = np.zeros((vectors.shape[1], vectors.shape[1]))
    root = np.sqrt(weights)
    block = np.empty((min(len(vectors), BLOCK_ROWS), vectors.shape[1]))  # new memory each time takes longer
    for rows in row_blocks(len(vectors), BLOCK_ROWS):
        weighted = np.multiply(vectors[rows], root[rows, None], out=block[: rows.stop - rows.start])
        gram += weighted.T @ weighted
    return gram


def weights(distance: np.ndarray) -> np.ndarray:
    """Return ``0.3^0.8 |distance|^-1.2``: times the distance squared, the sparsity norm up to a factor."""
    weight = np.abs(distance)
    np.maximum(weight, SMALLEST, out=weight)
    weight **= GAMMA - 2
    weight *= WEIGHT
    return weight


def _weights_and_residual(
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
        to_one, total = weights(1 - alpha), weights(alpha)
        total += to_one
        np.multiply(total, pixels.shares[rows, None], out=weight[rows])
        alpha *= total
        pull = np.subtract(to_one, alpha, out=alpha)
        pull *= pixels.shares[rows, None]
        return pixels.vectors[rows].T @ pull

    pulled = sum(pool.map(block, row_blocks(len(weight), BLOCK_ROWS)))
    return weight, pulled - values[:, None] * coefficients[:-1]


def _normal_product(
    pixels: Pixels,
    values: Float[np.ndarray, " k"],
    weight: Float[np.ndarray, "n K"],
    direction: Float[np.ndarray, "k K"],
    pool: ThreadPoolExecutor,
) -> Float[np.ndarray, "k K"]:
    """Return every layer's ``A_k d_k``."""

    def block(rows: slice) -> np.ndarray:
        moved = pixels.vectors[rows] @ direction
        moved *= weight[rows]
        return pixels.vectors[rows].T @ moved

    return sum(pool.map(block, row_blocks(len(weight), BLOCK_ROWS))) + values[:, None] * direction


def _preconditioner(
    pixels: Pixels,
    few: Int[np.ndarray, " m"],
    few_shares: Float[np.ndarray, " m"],
    values: Float[np.ndarray, " k"],
    weight: Float[np.ndarray, "n K"],
    pool: ThreadPoolExecutor,
) -> Callable[[Float[np.ndarray, "k K"]], Float[np.ndarray, "k K"]]:
    """Return what solves ``A_k z_k = r_k - mu`` with ``sum_k z_k = 0``, each ``A_k`` estimated.

    The multiplier is ``mu = (sum_k A_k^-1)^-1 sum_k A_k^-1 r_k``.
    """
    sample, scale = pixels.vectors[few], few_shares / pixels.shares[few]
    n_heavy = len(few) // 2

    def inverse(layer: int) -> np.ndarray:
        own = weight[:, layer]
        heavy = np.argpartition(own * pixels.leverage, len(own) - n_heavy - 1)[len(own) - n_heavy :]
        light = own.copy()
        light[heavy] = 0
        gram = weighted_gram(sample, scale * light[few]) + weighted_gram(pixels.vectors[heavy], own[heavy])
        return np.linalg.inv(gram + np.diag(values))

    inverses = np.stack(list(pool.map(inverse, range(weight.shape[1]))))
    closing = np.linalg.inv(inverses.sum(axis=0))

    def solve(right: np.ndarray) -> np.ndarray:
        free = np.einsum("kij,jk->ik", inverses, right)
        return free - (inverses @ (closing @ free.sum(axis=1))).T

    return solve
