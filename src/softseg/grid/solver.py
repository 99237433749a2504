"""Linear systems over the pixels of a grid: conjugate gradients, preconditioned by an exact local inverse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg

from softseg._threads import single_threaded_blas
from softseg.grid.dissection import Factorization, factorize
from softseg.grid.links import FAR_SHARE, LOCAL_RADIUS, Links

# The residual at which the iteration stops, relative to the right-hand side. Alphas are then off by about
# 1e-6. Chosen by the project's own tests.
RESIDUAL_TOLERANCE = 1e-7
# The number of iterations after which the solver gives up. It needs two where all links are near, and about
# ten with the links between superpixels (docs/notes/selection.md).
MOST_ITERATIONS = 500
# What is added to the diagonal of a local part that is not positive definite: this multiple of the mean
# diagonal entry over the number of pixels, and more by a factor until it is enough. The first is the least
# that eigensolvers shift by (docs/architecture.md). Chosen by the project's own tests.
FIRST_SHIFT = 5.0
SHIFT_GROWTH = 4.0
# The largest number of pixels with far links that are left for one dense matrix, which takes about a second
# to factorize at this size. Chosen by the project's own tests.
MOST_KEPT = 5000
TINY = float(np.finfo(np.float32).tiny)  # the least shift, where the local part is all zeros


@single_threaded_blas()
def solve_on_grid(
    matrix: sparse.csr_array,
    right: Float[np.ndarray, " N"],
    shape: tuple[int, int],
    remainder: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Float[np.ndarray, " N"]:
    """Solve ``(matrix + remainder) x = right``.

    The near links, between pixels at most two apart, are factorized by nested dissection. The factors are in
    single precision and leave out the far links. Conjugate gradients, in double precision, do the rest. If
    they do not converge, the factors take in the far links, too.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array, shape (H*W, H*W)
        Symmetric, with sorted columns. Without a remainder its local part is positive definite.
    right : ndarray, shape (H*W,)
        The right-hand side.
    shape : tuple of int
        Height and width of the grid, in pixels.
    remainder : callable, optional
        Multiplies a vector by another symmetric matrix, which is added to the first one; the sum is positive
        definite.

    Returns
    -------
    ndarray, shape (H*W,)
        The solution x.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the local part is not positive definite though there is no remainder, or the iteration does not
        converge.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from softseg.grid import solve_on_grid
    >>> matrix = sparse.diags_array([[-1.0] * 5, [3.0] * 6, [-1.0] * 5], offsets=[-1, 0, 1]).tocsr()
    >>> solve_on_grid(matrix, matrix @ np.arange(1.0, 7.0), shape=(1, 6)).round(6)
    array([1., 2., 3., 4., 5., 6.])
    """
    local = _select_local_part(matrix, shape[1])
    inverse = factorize(local, 0.0, shape, LOCAL_RADIUS) if remainder is None else _factorize(local, shape)
    solution, unfinished = _iterate(matrix, right, remainder, inverse)
    kept = Links.of(matrix, shape[1]).far_linked.reshape(shape)
    if unfinished and 0 < np.count_nonzero(kept) <= MOST_KEPT:
        # Far links that outweigh the near ones by orders of magnitude have to be inverted, too.
        solution, unfinished = _iterate(matrix, right, remainder, _factorize(matrix, shape, kept))
    if unfinished:
        raise np.linalg.LinAlgError(f"no convergence after {MOST_ITERATIONS} iterations")
    return solution


def _iterate(
    matrix: sparse.csr_array,
    right: Float[np.ndarray, " N"],
    remainder: Callable[[np.ndarray], np.ndarray] | None,
    inverse: Factorization,
) -> tuple[Float[np.ndarray, " N"], bool]:
    """Return what conjugate gradients find with a preconditioner, and whether it is not good enough."""

    def product(x: np.ndarray) -> np.ndarray:
        return matrix @ x if remainder is None else matrix @ x + remainder(x)

    def approximate_inverse(x: np.ndarray) -> np.ndarray:
        return inverse.solve(x.reshape(-1, 1))[:, 0].astype(np.float64)

    solution, unfinished = cg(
        LinearOperator(matrix.shape, product, dtype=np.float64),
        right,
        rtol=RESIDUAL_TOLERANCE,
        maxiter=MOST_ITERATIONS,
        M=LinearOperator(matrix.shape, approximate_inverse, dtype=np.float64),
    )
    return solution, bool(unfinished)


def _factorize(
    matrix: sparse.csr_array, shape: tuple[int, int], kept: Bool[np.ndarray, "H W"] | None = None
) -> Factorization:
    """Factorize a matrix with as little added to its diagonal as makes it positive definite.

    What makes the whole system definite may lie in the remainder alone. The iteration corrects for what is
    added here. Pixels that are ``kept`` may have far links.
    """
    shift = 0.0
    while True:
        try:
            factors = factorize(matrix, shift, shape, LOCAL_RADIUS, kept)
        except np.linalg.LinAlgError:
            pass
        else:
            if factors.negative == 0:
                return factors
        mean = float(np.abs(matrix.diagonal()).mean())
        shift = max(SHIFT_GROWTH * shift, FIRST_SHIFT * mean / matrix.shape[0], TINY)


def _select_local_part(matrix: sparse.csr_array, width: int) -> sparse.csr_array:
    """Return the near links, with the whole diagonal but for a share of what belongs to the far links."""
    links = Links.of(matrix, width)  # the rows of the near links' own Laplacian sum to zero
    return sparse.csr_array(
        links.near + sparse.diags_array(matrix.sum(axis=1) + FAR_SHARE * links.attraction)
    )
