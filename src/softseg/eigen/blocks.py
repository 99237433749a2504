"""Algebra of tall blocks of vectors, in pieces of rows that fit into a core's cache."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import final

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse

from softseg._threads import row_blocks
from softseg.eigen._kernels import csr_times_block, take_columns

# The size of a piece of rows, in bytes. BLAS is several times faster on pieces of about this size than on all
# rows at once. Chosen by the project's own tests.
BLOCK_BYTES = 2**20


def times_block(matrix: sparse.csr_array, block: Float[np.ndarray, "m c"]) -> Float[np.ndarray, "n c"]:
    """Return ``matrix @ block`` for a block of vectors, on all cores, in the block's precision."""
    out = np.empty((matrix.shape[0], block.shape[1]), block.dtype)
    csr_times_block(matrix.indptr, matrix.indices, matrix.data, np.ascontiguousarray(block), out)
    return out


def columns(block: Float[np.ndarray, "n m"], chosen: Bool[np.ndarray, " m"]) -> Float[np.ndarray, "n c"]:
    """Return ``block[:, chosen]``, which is the block itself and no copy if all columns are chosen."""
    if chosen.all():
        return block
    numbers = np.flatnonzero(chosen)
    out = np.empty((len(block), len(numbers)), block.dtype)
    take_columns(block, numbers, out)
    return out


@final
class TallBlocks:
    """Products of tall blocks, computed on all cores.

    A product within one piece of rows is in the blocks' precision. Sums over the pieces are in double
    precision and taken in order, so that they are the same on any number of cores.
    """

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def gram(
        self, left: Float[np.ndarray, "n a"], right: Float[np.ndarray, "n b"]
    ) -> Float[np.ndarray, "a b"]:
        """Return ``left' right``."""
        return self.stacked_gram([left], right)

    def stacked_gram(
        self, blocks: list[np.ndarray], right: Float[np.ndarray, "n b"]
    ) -> Float[np.ndarray, "a b"]:
        """Return ``[blocks]' right``."""

        def product(rows: slice) -> np.ndarray:
            return np.vstack([block[rows].T @ right[rows] for block in blocks]).astype(np.float64)

        return _add_up(self._pool.map(product, _cut(blocks[0])))

    def gram_matrix(self, basis: list[np.ndarray], products: list[np.ndarray]) -> Float[np.ndarray, "s s"]:
        """Return the symmetric matrix of all ``basis[i]' products[j]``."""
        sizes = [0, *np.cumsum([block.shape[1] for block in basis])]
        spans = [slice(*ends) for ends in itertools.pairwise(sizes)]
        matrix = np.zeros((sizes[-1], sizes[-1]))
        for j, product in enumerate(products):
            for i in range(j + 1):
                matrix[spans[i], spans[j]] = self.gram(basis[i], product)
                matrix[spans[j], spans[i]] = matrix[spans[i], spans[j]].T
        return (matrix + matrix.T) / 2

    def product(
        self,
        blocks: list[np.ndarray],
        coefficients: Float[np.ndarray, "s b"],
        addend: Float[np.ndarray, "n b"] | None = None,
    ) -> Float[np.ndarray, "n b"]:
        """Return ``[blocks] @ coefficients``, plus the addend, in the blocks' precision."""
        coefficients = coefficients.astype(blocks[0].dtype)
        out = np.empty((len(blocks[0]), coefficients.shape[1]), blocks[0].dtype)
        starts = np.cumsum([0, *(block.shape[1] for block in blocks)])

        def multiply(rows: slice) -> None:
            np.matmul(blocks[0][rows], coefficients[: starts[1]], out=out[rows])
            for block, start, stop in zip(blocks[1:], starts[1:], starts[2:], strict=False):
                out[rows] += block[rows] @ coefficients[start:stop]
            if addend is not None:
                out[rows] += addend[rows]

        list(self._pool.map(multiply, _cut(out)))
        return out

    def subtract_product(
        self,
        block: Float[np.ndarray, "n b"],
        blocks: list[np.ndarray],
        coefficients: Float[np.ndarray, "s b"],
    ) -> Float[np.ndarray, "b b"]:
        """Subtract ``[blocks] @ coefficients`` from a block in place; return the remainder's Gram matrix."""
        coefficients = coefficients.astype(block.dtype)
        starts = np.cumsum([0, *(other.shape[1] for other in blocks)])

        def subtract(rows: slice) -> np.ndarray:
            for other, start, stop in zip(blocks, starts, starts[1:], strict=False):
                block[rows] -= other[rows] @ coefficients[start:stop]
            return (block[rows].T @ block[rows]).astype(np.float64)

        return _add_up(self._pool.map(subtract, _cut(block)))

    def transformed(
        self, block: Float[np.ndarray, "n b"], coefficients: Float[np.ndarray, "b c"]
    ) -> tuple[Float[np.ndarray, "n c"], Float[np.ndarray, "c c"]]:
        """Return ``block @ coefficients`` and its Gram matrix.

        If the product has as many columns as the block, it is written to the block's own memory.
        """
        coefficients = coefficients.astype(block.dtype)
        out = (
            block
            if coefficients.shape[1] == block.shape[1]
            else np.empty((len(block), coefficients.shape[1]), block.dtype)
        )

        def transform(rows: slice) -> np.ndarray:
            out[rows] = block[rows] @ coefficients
            return (out[rows].T @ out[rows]).astype(np.float64)

        gram = _add_up(self._pool.map(transform, _cut(block)))
        return out, gram

    def subtract_scaled(
        self, block: Float[np.ndarray, "n b"], other: Float[np.ndarray, "n b"], factors: np.ndarray
    ) -> Float[np.ndarray, " b"]:
        """Subtract ``other * factors`` from a block in place; return the norms of the remaining columns."""
        factors = factors.astype(block.dtype)

        def subtract(rows: slice) -> np.ndarray:
            block[rows] -= other[rows] * factors
            return np.einsum("ij,ij->j", block[rows], block[rows]).astype(np.float64)

        return np.sqrt(_add_up(self._pool.map(subtract, _cut(block))))

    def column_products(
        self, left: Float[np.ndarray, "n b"], right: Float[np.ndarray, "n b"]
    ) -> Float[np.ndarray, " b"]:
        """Return the inner products of corresponding columns."""

        def product(rows: slice) -> np.ndarray:
            return np.einsum("ij,ij->j", left[rows], right[rows]).astype(np.float64)

        return _add_up(self._pool.map(product, _cut(left)))


def _add_up(pieces: Iterable[np.ndarray]) -> np.ndarray:
    """Return the sum of arrays, taken in order."""
    return functools.reduce(operator.add, pieces)


def _cut(block: Float[np.ndarray, "n b"]) -> list[slice]:
    """Return the slices of rows that cut a block into pieces of about ``BLOCK_BYTES``."""
    row_bytes = max(block.shape[1], 1) * block.itemsize
    return row_blocks(len(block), max(BLOCK_BYTES // row_bytes, 1))
