"""Which pixels of a grid are near each other, and a matrix taken apart into near links and far ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse

from softseg.grid._link_kernels import LOCAL_RADIUS as LOCAL_RADIUS
from softseg.grid._link_kernels import split

# The share of the far links' diagonal that is inverted together with the near links. Without it, the inverse
# is far too large for vectors that are smooth locally but not across the far links. With all of it, the
# inverse is too small for vectors that are smooth across both. With one half, LOBPCG needs five to seven
# iterations: docs/notes/performance.md, "Eigenvectors".
FAR_SHARE = 0.5


@final
@dataclass(frozen=True, eq=False)
class Links:
    """A symmetric matrix over H x W pixels, taken apart by the distance of the pixels that it links.

    Attributes
    ----------
    near : scipy.sparse.csr_array, shape (H*W, H*W)
        The entries that link near pixels, and the diagonal that makes all of its rows sum to zero.
    attraction : ndarray, shape (H*W,)
        The sum of each pixel's positive affinities to far pixels; affinities are minus the entries.
    far_linked : ndarray of bool, shape (H*W,)
        Whether a pixel has links to far ones.
    """

    near: sparse.csr_array
    attraction: Float[np.ndarray, " N"]
    far_linked: Bool[np.ndarray, " N"]

    @classmethod
    def of(cls, matrix: sparse.csr_array, width: int) -> Links:
        """Take a symmetric matrix apart.

        Parameters
        ----------
        matrix : scipy.sparse.csr_array, shape (H*W, H*W)
            Its column indices are sorted.
        width : int
            The width W of the grid, in pixels.

        Examples
        --------
        >>> from scipy import sparse
        >>> from softseg.grid.links import Links
        >>> matrix = sparse.diags_array([-1.0, -2.0], offsets=[1, 3], shape=(6, 6)).tocsr()
        >>> links = Links.of(matrix + matrix.T, width=6)
        >>> links.near.toarray()[0], links.attraction
        (array([ 1., -1.,  0.,  0.,  0.,  0.]), array([2., 2., 2., 2., 2., 2.]))
        """
        n = matrix.shape[0]
        attraction, far_linked = np.zeros(n), np.zeros(n, bool)
        indptr = np.zeros_like(matrix.indptr)
        # Each row may get a diagonal entry that it has not had.
        indices, data = np.empty(matrix.nnz + n, matrix.indices.dtype), np.empty(matrix.nnz + n)
        split(
            matrix.indptr, matrix.indices, matrix.data, width, indptr, indices, data, attraction, far_linked
        )
        end = indptr[-1]
        near = sparse.csr_array((data[:end].copy(), indices[:end].copy(), indptr), shape=matrix.shape)
        return cls(near, attraction, far_linked)


def are_near(
    first: Int[np.ndarray, " links"], second: Int[np.ndarray, " links"], width: int
) -> Bool[np.ndarray, " links"]:
    """Say of pairs of pixels whether they are near: at most two pixels apart along each axis.

    Parameters
    ----------
    first, second : ndarray of int, shape (links,)
        The pixels' indices in row-major order.
    width : int
        The width of the grid, in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.grid.links import are_near
    >>> are_near(np.array([0, 0, 9]), np.array([2, 3, 10]), width=10)
    array([ True, False, False])
    """
    rows_apart, columns_apart = abs(first // width - second // width), abs(first % width - second % width)
    return np.maximum(rows_apart, columns_apart) <= LOCAL_RADIUS
