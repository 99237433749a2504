"""Linear systems over the pixels of a grid: conjugate gradients, preconditioned by an exact local inverse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg

from softseg._threads import single_threaded_blas
from softseg.grid._link_kernels import split_links
from softseg.grid.dissection import factorize
from softseg.grid.laplacian import LOCAL_RADIUS

TOLERANCE = 1e-7  # of the residual, relative to the right-hand side: alphas are then off by some 1e-6
MOST_ITERATIONS = 500  # two where all links are near, about ten with the superpixels' links
FAR_SHARE = 0.5  # of the far links' diagonal that is inverted too, as in the eigensolver's preconditioner


@single_threaded_blas()
def solve_on_grid(
    matrix: sparse.csr_array,
    right: Float[np.ndarray, " N"],
    shape: tuple[int, int],
    remainder: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Float[np.ndarray, " N"]:
    """Solve ``(matrix + remainder) x = right``.

    The links between pixels at most two apart are factorised by nested dissection. The factors are in single
    precision and leave out the far links: conjugate gradients, in double precision, do the rest.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array, shape (H*W, H*W)
        Symmetric, with sorted columns; its local part positive definite.
    right : ndarray, shape (H*W,)
        The right-hand side.
    shape : tuple of int
        Height and width of the grid.
    remainder : callable, optional
        Multiplies a vector by what the matrix does not hold; the sum is positive definite.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the local part is not positive definite, or the iteration does not converge.
    """
    inverse = factorize(_local_part(matrix, shape[1]), 0.0, shape, LOCAL_RADIUS)

    def product(x: np.ndarray) -> np.ndarray:
        return matrix @ x if remainder is None else matrix @ x + remainder(x)

    def approximate_inverse(x: np.ndarray) -> np.ndarray:
        return inverse.solve(x.reshape(-1, 1))[:, 0].astype(np.float64)

    solution, unfinished = cg(
        LinearOperator(matrix.shape, product, dtype=np.float64),
        right,
        rtol=TOLERANCE,
        maxiter=MOST_ITERATIONS,
        M=LinearOperator(matrix.shape, approximate_inverse, dtype=np.float64),
    )
    if unfinished:
        raise np.linalg.LinAlgError(f"no convergence after {MOST_ITERATIONS} iterations")
    return solution


def _local_part(matrix: sparse.csr_array, width: int) -> sparse.csr_array:
    """Return the near links, with the whole diagonal but a share of what belongs to far links."""
    data, indices, indptr, attraction, *_ = split_links(
        matrix.indptr, matrix.indices, matrix.data, width, LOCAL_RADIUS
    )
    near = sparse.csr_array((data, indices, indptr), shape=matrix.shape)  # its rows sum to zero
    return sparse.csr_array(near + sparse.diags_array(matrix.sum(axis=1) + FAR_SHARE * attraction))
