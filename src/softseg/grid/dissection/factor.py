"""A sparse factorization of matrices on a pixel grid: multifrontal, on nested dissection.

Pixels that are linked at most two apart are separated by strips two pixels wide. The fronts therefore follow
from the image's size alone, and nearly all of the work is products of dense matrices. A few pixels may be
linked to any others. They are kept for the end, when the elimination of all others has left one dense matrix
of them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy import linalg, sparse

from softseg._threads import cores, workers
from softseg.grid.dissection._kernels import eliminate, sweep_down, sweep_up
from softseg.grid.dissection.tree import Fronts, generations
from softseg.progress import tick


@final
@dataclass(frozen=True, eq=False)
class _Dense:
    """A symmetric indefinite matrix, factorized by LAPACK as L D L'; D has blocks of one or two rows."""

    factors: Float[np.ndarray, "kept kept"]
    pivots: Int[np.ndarray, " kept"]  # negative in rows that belong to a block of two

    @classmethod
    def of(cls, matrix: Float[np.ndarray, "kept kept"]) -> _Dense:
        """Factorize a matrix of which the lower triangle is given."""
        if matrix.size == 0:
            return cls(matrix, np.zeros(0, np.int32))
        work = int(linalg.lapack.dsytrf_lwork(len(matrix), lower=1)[0])
        factors, pivots, _ = linalg.lapack.dsytrf(matrix, lower=1, lwork=work)
        return cls(factors, pivots)

    def solve(self, right: Float[np.ndarray, "kept m"]) -> Float[np.ndarray, "kept m"]:
        """Return the inverse times a block of vectors."""
        return linalg.lapack.dsytrs(self.factors, self.pivots, right, lower=1)[0]

    @property
    def negative(self) -> int:
        """The number of negative eigenvalues.

        D has as many (Sylvester's law of inertia). A block of two rows always has one, because LAPACK takes
        two rows together only if the block is indefinite.
        """
        single = self.pivots > 0
        return int(np.count_nonzero(self.factors.diagonal()[single] < 0) + np.count_nonzero(~single) // 2)


@final
@dataclass(frozen=True, eq=False)
class Factorization:
    """The inverse of a symmetric matrix, as a product of sparse factors in single precision."""

    fronts: Fronts
    offsets: Int[np.ndarray, "ends 2"]  # where each front's parts begin in the two arrays below
    inverses: Float32[np.ndarray, " a"]  # A_EE^-1 of every front, E being the pixels that it eliminates
    couplings: Float32[np.ndarray, " b"]  # A_BE A_EE^-1, B being the pixels that it passes on
    rest: _Dense  # the matrix that the elimination has left of the kept pixels

    @property
    def size(self) -> int:
        """The number N of pixels."""
        return int(self.fronts.eliminated.sum()) + self.fronts.kept.size

    @property
    def negative(self) -> int:
        """The number of negative eigenvalues of the matrix."""
        return self.rest.negative

    def solve(self, right: Float[np.ndarray, "N m"]) -> Float32[np.ndarray, "N m"]:
        """Return the inverse times a block of vectors."""
        block = right.astype(np.float32, order="C")
        fronts, kept = self.fronts.arrays, self.fronts.kept
        groups = generations(self.fronts.children, _choose_depth())
        factors = self.offsets, self.inverses, self.couplings

        def visit(span: tuple[int, int], left: np.ndarray, right: np.ndarray) -> np.ndarray:
            return sweep_up(fronts, *span, left, right, *factors, block)

        def sweep_back(span: tuple[int, int]) -> None:
            sweep_down(fronts, *span, self.offsets, self.couplings, block)

        with workers() as pool:
            nothing = np.zeros((0, block.shape[1]), np.float32)
            passed = _walk_up(self.fronts, groups, pool, visit, nothing)
            if kept.size > 0:
                block[kept] = self.rest.solve(block[kept] + passed)
            for group in reversed(groups):
                list(pool.map(sweep_back, group))
        return block


def factorize(
    matrix: sparse.csr_array,
    shift: float,
    shape: tuple[int, int],
    reach: int,
    kept: Bool[np.ndarray, "H W"] | None = None,
    precision: type[np.floating[Any]] = np.float64,
) -> Factorization:
    """Factorize ``matrix + shift Id``.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array, shape (H*W, H*W)
        Symmetric; it links pixels at most ``reach`` apart along each axis, and kept ones to each other.
    shift : float
        What is added to the diagonal.
    shape : tuple of int
        Height and width of the grid, in pixels.
    reach : int
        The largest distance of two linked pixels along each axis, in pixels.
    kept : ndarray of bool, shape (H, W), optional
        Pixels that are eliminated last, all at once: some thousands at most.
    precision : float32 or float64
        In which fronts are computed. Single precision takes 0.6 of the time, but rounding may make a
        nearly singular matrix indefinite.

    Returns
    -------
    Factorization
        Its factors are in single precision, but the matrix of the kept pixels is in double.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the shifted matrix is not positive definite on the pixels that are not kept. On all pixels together
        it may be indefinite.

    References
    ----------
    George, "Nested Dissection of a Regular Finite Element Mesh", 1973; Duff and Reid, "The Multifrontal
    Solution of Indefinite Sparse Symmetric Linear Equations", 1983.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from softseg.grid.dissection import factorize
    >>> matrix = sparse.diags_array([[-1.0] * 5, [2.0] * 6, [-1.0] * 5], offsets=[-1, 0, 1]).tocsr()
    >>> right = (matrix + 0.5 * sparse.eye_array(6)) @ np.arange(1.0, 7.0)
    >>> factorize(matrix, shift=0.5, shape=(1, 6), reach=1).solve(right[:, None])[:, 0].round(4)
    array([1., 2., 3., 4., 5., 6.], dtype=float32)
    """
    fronts = Fronts.of_grid(shape, reach, kept)
    offsets = np.zeros((len(fronts) + 1, 2), np.int64)
    sizes = np.column_stack([fronts.eliminated**2, fronts.eliminated * fronts.around])
    np.cumsum(sizes, axis=0, out=offsets[1:])
    inverses, couplings = np.empty(offsets[-1, 0], np.float32), np.empty(offsets[-1, 1], np.float32)
    arrays, csr = fronts.arrays, (matrix.indptr, matrix.indices, matrix.data)
    factors = offsets, inverses, couplings

    nothing = np.zeros((0, 0), precision)

    def visit(span: tuple[int, int], left: np.ndarray, right: np.ndarray) -> np.ndarray:
        position = np.full(matrix.shape[0], -1, np.int32)
        return eliminate(arrays, *span, left, right, csr, shift, position, *factors)

    groups = generations(fronts.children, _choose_depth())
    with workers() as pool:
        change = _walk_up(fronts, groups, pool, visit, nothing, tick)
    own = matrix[fronts.kept][:, fronts.kept].toarray()
    own[np.diag_indices_from(own)] += shift
    return Factorization(fronts, offsets, inverses, couplings, _Dense.of(own + change))


def _walk_up(
    fronts: Fronts,
    groups: list[list[tuple[int, int]]],
    pool: ThreadPoolExecutor,
    visit: Callable[[tuple[int, int], np.ndarray, np.ndarray], np.ndarray],
    nothing: np.ndarray,
    report: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Visit all fronts, children before parents, and return what the root passes on.

    Parameters
    ----------
    fronts : Fronts
        The fronts to visit.
    groups : list of list of (int, int)
        What `generations` returns for them.
    pool : ThreadPoolExecutor
        Runs the visits of a group at the same time.
    visit : callable
        Is given (start, stop), a whole subtree of fronts or a single one, and what the two children of a
        single one pass on. It visits these fronts and returns what the last one passes on.
    nothing : ndarray
        What is given in the place of children to a whole subtree.
    report : callable
        Called after each visit, in this thread.
    """
    passed: dict[int, np.ndarray] = {}  # what fronts have passed on to parents that are still to be visited

    def go_on(span: tuple[int, int]) -> None:
        last = span[1] - 1
        left, right = (passed.pop(int(child), nothing) for child in fronts.children[last])
        passed[last] = visit(span, left, right)

    for group in groups:
        for _ in pool.map(go_on, group):
            report()
    (root,) = passed.values()
    return root


def _choose_depth() -> int:
    """Return the number of cuts that give each core about four subtrees, which evens out their sizes."""
    return (4 * cores() - 1).bit_length()
