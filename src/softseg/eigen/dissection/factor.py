"""A sparse factorisation of matrices on a pixel grid: multifrontal, on nested dissection.

Pixels that are linked at most two apart are separated by strips two pixels wide. That makes the fronts known
in advance, from the image's size alone, and nearly all of the work products of dense matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy import sparse

from softseg._threads import cores, workers
from softseg.eigen.dissection._kernels import eliminate, eliminate_subtree, solve_columns
from softseg.eigen.dissection.tree import dissect, front_sizes, generations


@final
@dataclass(frozen=True, eq=False)
class Factorization:
    """The inverse of a positive definite matrix, as a product of sparse factors in single precision."""

    fronts: Int[np.ndarray, "fronts 9"]
    grid: tuple[int, int, int]  # height, width, reach
    offsets: Int[np.ndarray, "ends 2"]  # where each front's parts begin in the two arrays below
    inverses: Float32[np.ndarray, " a"]  # A_EE^-1 of every front
    couplings: Float32[np.ndarray, " b"]  # A_EE^-1 A_EB

    def solve(self, right: Float[np.ndarray, "N m"]) -> Float32[np.ndarray, "N m"]:
        """Return the inverse times a block of vectors, a share of the columns on each core."""
        block = np.empty((right.shape[0], right.shape[1]), np.float32)
        n_columns = right.shape[1]
        bounds = [n_columns * core // cores() for core in range(cores() + 1)]

        def sweep(first: int, last: int) -> None:
            if last > first:
                solve_columns(
                    self.fronts,
                    self.grid,
                    self.offsets,
                    self.inverses,
                    self.couplings,
                    first,
                    last,
                    right,
                    block,
                )

        with workers() as pool:
            list(pool.map(sweep, bounds, bounds[1:]))
        return block


def factorize(matrix: sparse.csr_array, shift: float, shape: tuple[int, int], reach: int) -> Factorization:
    """Factorise ``matrix + shift * Id``.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array, shape (H*W, H*W)
        Symmetric; it links no pixels more than ``reach`` apart along an axis.
    shift : float
        Added to the diagonal.
    shape : tuple of int
        Height and width of the grid.
    reach : int
        In pixels.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the shifted matrix is not positive definite.

    References
    ----------
    George, "Nested Dissection of a Regular Finite Element Mesh", 1973; Duff and Reid, "The Multifrontal
    Solution of Indefinite Sparse Symmetric Linear Equations", 1983.
    """
    fronts = dissect(shape, reach)
    eliminated, around = front_sizes(fronts, shape, reach)
    offsets = np.zeros((len(fronts) + 1, 2), np.int64)
    np.cumsum(np.column_stack([eliminated**2, eliminated * around]), axis=0, out=offsets[1:])
    inverses, couplings = np.empty(offsets[-1, 0], np.float32), np.empty(offsets[-1, 1], np.float32)
    grid, csr = (*shape, reach), (matrix.indptr, matrix.indices, matrix.data)
    updates: dict[int, np.ndarray] = {}  # of fronts whose parents are still to come
    none = np.zeros((0, 0))

    def subtree(span: tuple[int, int]) -> None:
        updates[span[1] - 1] = eliminate_subtree(
            fronts, *span, grid, csr, shift, offsets, inverses, couplings
        )

    def single(span: tuple[int, int]) -> None:
        f = span[0]
        left, right = updates.pop(int(fronts[f, 8]), none), updates.pop(f - 1, none)
        position = np.full(matrix.shape[0], -1, np.int32)
        updates[f] = eliminate(
            fronts, f, left, right, grid, csr, shift, position, offsets, inverses, couplings
        )

    subtrees, *above = generations(fronts, _depth())
    with workers() as pool:
        list(pool.map(subtree, subtrees))
        for generation in above:
            list(pool.map(single, generation))
    return Factorization(fronts, grid, offsets, inverses, couplings)


def _depth() -> int:
    """Return how many cuts give each core a few subtrees, to even out their sizes."""
    return (4 * cores() - 1).bit_length()
