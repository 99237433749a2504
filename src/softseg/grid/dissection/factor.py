"""A sparse factorisation of matrices on a pixel grid: multifrontal, on nested dissection.

Pixels that are linked at most two apart are separated by strips two pixels wide. That makes the fronts known
in advance, from the image's size alone, and nearly all of the work products of dense matrices. A few pixels
may be linked to any others: they are kept for the end, where one dense matrix is left of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy import linalg, sparse

from softseg._threads import cores, workers
from softseg.grid.dissection._kernels import (
    eliminate,
    eliminate_subtree,
    sweep_down,
    sweep_up,
    sweep_up_subtree,
)
from softseg.grid.dissection.tree import Fronts, generations
from softseg.progress import tick


@final
@dataclass(frozen=True, eq=False)
class _Dense:
    """A symmetric indefinite matrix as L D L', by LAPACK: D has blocks of one or two rows."""

    factors: Float[np.ndarray, "kept kept"]
    pivots: Int[np.ndarray, " kept"]  # negative where the block has two rows

    @classmethod
    def of(cls, matrix: Float[np.ndarray, "kept kept"]) -> _Dense:
        """Factorise a matrix of which the lower triangle is given."""
        if matrix.size == 0:
            return cls(matrix, np.zeros(0, np.int32))
        work = int(linalg.lapack.dsytrf_lwork(len(matrix), lower=1)[0])
        factors, pivots, _ = linalg.lapack.dsytrf(matrix, lower=1, lwork=work)
        return cls(factors, pivots)

    def solve(self, right: Float[np.ndarray, "kept m"]) -> Float[np.ndarray, "kept m"]:
        return linalg.lapack.dsytrs(self.factors, self.pivots, right, lower=1)[0]

    @property
    def negative(self) -> int:
        """How many eigenvalues are negative: as many as of D (Sylvester), one in each block of two rows."""
        single = self.pivots > 0
        return int(np.count_nonzero(self.factors.diagonal()[single] < 0) + np.count_nonzero(~single) // 2)


@final
@dataclass(frozen=True, eq=False)
class Factorization:
    """The inverse of a symmetric matrix, as a product of sparse factors in single precision."""

    fronts: Fronts
    offsets: Int[np.ndarray, "ends 2"]  # where each front's parts begin in the two arrays below
    inverses: Float32[np.ndarray, " a"]  # A_EE^-1 of every front
    couplings: Float32[np.ndarray, " b"]  # A_BE A_EE^-1
    rest: _Dense  # what is left of the kept pixels

    @property
    def negative(self) -> int:
        """How many eigenvalues of the matrix are negative."""
        return self.rest.negative

    def solve(self, right: Float[np.ndarray, "N m"]) -> Float32[np.ndarray, "N m"]:
        """Return the inverse times a block of vectors."""
        block = right.astype(np.float32, order="C")
        fronts, kept = _arrays(self.fronts), self.fronts.kept
        subtrees, *above = generations(self.fronts.children, _depth())
        passed: dict[int, np.ndarray] = {}  # on to parents still to come
        none = np.zeros((0, block.shape[1]), np.float32)
        factors = self.offsets, self.inverses, self.couplings

        def up_subtree(span: tuple[int, int]) -> None:
            passed[span[1] - 1] = sweep_up_subtree(fronts, *span, *factors, block)

        def up(span: tuple[int, int]) -> None:
            left, right = (passed.pop(int(child), none) for child in self.fronts.children[span[0]])
            passed[span[0]] = sweep_up(fronts, span[0], left, right, *factors, block)

        def down(span: tuple[int, int]) -> None:
            sweep_down(fronts, *span, self.offsets, self.couplings, block)

        with workers() as pool:
            list(pool.map(up_subtree, subtrees))
            for generation in above:
                list(pool.map(up, generation))
            if kept.size > 0:
                (rest,) = passed.values()
                block[kept] = self.rest.solve(block[kept] + rest)
            for generation in (*above[::-1], subtrees):
                list(pool.map(down, generation))
        return block


def factorize(
    matrix: sparse.csr_array,
    shift: float,
    shape: tuple[int, int],
    reach: int,
    kept: Bool[np.ndarray, "H W"] | None = None,
) -> Factorization:
    """Factorise ``matrix + shift * Id``.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array, shape (H*W, H*W)
        Symmetric; it links pixels at most ``reach`` apart along each axis, and kept ones to each other.
    shift : float
        Added to the diagonal.
    shape : tuple of int
        Height and width of the grid.
    reach : int
        In pixels.
    kept : ndarray of bool, shape (H, W), optional
        Pixels to be eliminated last, all at once: some thousands at most.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the shifted matrix is not positive definite on the pixels that are not kept. On all of them it may
        be indefinite.

    References
    ----------
    George, "Nested Dissection of a Regular Finite Element Mesh", 1973; Duff and Reid, "The Multifrontal
    Solution of Indefinite Sparse Symmetric Linear Equations", 1983.
    """
    fronts = Fronts.of_grid(shape, reach, kept)
    offsets = np.zeros((len(fronts) + 1, 2), np.int64)
    sizes = np.column_stack([fronts.eliminated**2, fronts.eliminated * fronts.around])
    np.cumsum(sizes, axis=0, out=offsets[1:])
    inverses, couplings = np.empty(offsets[-1, 0], np.float32), np.empty(offsets[-1, 1], np.float32)
    arrays, csr = _arrays(fronts), (matrix.indptr, matrix.indices, matrix.data)
    updates: dict[int, np.ndarray] = {}  # of fronts whose parents are still to come
    none = np.zeros((0, 0))

    def subtree(span: tuple[int, int]) -> None:
        updates[span[1] - 1] = eliminate_subtree(arrays, *span, csr, shift, offsets, inverses, couplings)

    def single(span: tuple[int, int]) -> None:
        f = span[0]
        left, right = (updates.pop(int(child), none) for child in fronts.children[f])
        position = np.full(matrix.shape[0], -1, np.int32)
        updates[f] = eliminate(arrays, f, left, right, csr, shift, position, offsets, inverses, couplings)

    subtrees, *above = generations(fronts.children, _depth())
    with workers() as pool:
        for step, spans in ((subtree, subtrees), *((single, generation) for generation in above)):
            for _ in pool.map(step, spans):
                tick()
    (change,) = updates.values()
    own = matrix[fronts.kept][:, fronts.kept].toarray()
    own[np.diag_indices_from(own)] += shift
    return Factorization(fronts, offsets, inverses, couplings, _Dense.of(own + change))


def _arrays(fronts: Fronts) -> tuple[np.ndarray, ...]:
    return fronts.pixels, fronts.starts, fronts.eliminated, fronts.children, fronts.places


def _depth() -> int:
    """Return how many cuts give each core a few subtrees, to even out their sizes."""
    return (4 * cores() - 1).bit_length()
