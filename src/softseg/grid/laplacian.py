"""The Laplacian of a summed affinity, and what an eigensolver needs to know about it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse

from softseg.grid.links import Links

# How far the entries of a matrix may differ from those of its transpose, as a share of the largest entry:
# some eight digits, much more than rounding and much less than any real asymmetry.
ASYMMETRY = 1e-8
# The largest magnitude of a summed affinity. Published ones are near one; the relaxed stage, in single
# precision, ends in infinities some way above this. Chosen by the project.
LARGEST_AFFINITY = 1e20


@final
class Laplacian:
    """A symmetric sparse matrix over the pixels of an image, which annihilates constants.

    Because semantic affinities may repel, it is in general indefinite: a few small negative eigenvalues
    carry the semantic cuts.

    Parameters
    ----------
    matrix : scipy.sparse array or matrix, shape (H*W, H*W)
        ``L = D - W``, symmetric; pixels in row-major order.
    shape : tuple of int
        Height and width of the image, in pixels.
    near_null : array_like, shape (H*W, m), optional
        Vectors that the local part nearly annihilates; for a matting affinity 1, R, G and B, because it
        vanishes on locally affine functions of color. Only the preconditioner `Multigrid` uses them. By
        default it finds such vectors itself.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array, shape (H*W, H*W)
        A copy of the matrix, in double precision.
    shape : tuple of int
        As given.
    near_null : ndarray, shape (H*W, m), or None
        As given, in double precision.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not sparse, not (H*W, H*W), not finite or not symmetric.

    References
    ----------
    Aksoy et al. 2018, Section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from softseg import Laplacian
    >>> path = sparse.diags_array([[-1.0, -1.0], [1.0, 2.0, 1.0], [-1.0, -1.0]], offsets=[-1, 0, 1])
    >>> Laplacian(path, shape=(1, 3))
    <Laplacian: 3x1 pixels, 7 entries>
    """

    matrix: sparse.csr_array
    shape: tuple[int, int]
    near_null: Float[np.ndarray, "N m"] | None

    def __init__(self, matrix: Any, shape: tuple[int, int], near_null: Any = None) -> None:
        self.matrix = _checked_matrix(matrix)
        self.shape = (int(shape[0]), int(shape[1]))
        n = self.matrix.shape[0]
        if min(self.shape) < 1 or self.shape[0] * self.shape[1] != n:
            raise ValueError(f"shape: expected height * width = {n}, the size of the matrix, got {shape}")
        if near_null is not None:
            near_null = np.asarray(near_null, dtype=np.float64)
            if near_null.ndim != 2 or len(near_null) != n or not np.isfinite(near_null).all():
                raise ValueError(
                    f"near_null: expected a finite array of shape ({n}, m), got {near_null.shape}"
                )
        self.near_null = near_null

    @property
    def local(self) -> sparse.csr_array:
        """The part of the matrix that links near pixels, as a Laplacian of its own, (H*W, H*W).

        Near pixels are at most two apart along each axis. The part holds the whole matting term, and is
        positive semidefinite but for the few superpixel links that are this short. This is what
        preconditioners invert.
        """
        return self._links.near

    @property
    def attraction(self) -> Float[np.ndarray, " N"]:
        """The sum of each pixel's positive affinities to pixels beyond the local part, (H*W,)."""
        return self._links.attraction

    @property
    def far_linked(self) -> Bool[np.ndarray, "H W"]:
        """Whether each pixel has links beyond the local part, (H, W).

        With the published affinities one pixel of each superpixel has (see `Scene`).
        """
        return self._links.far_linked.reshape(self.shape)

    @cached_property
    def _links(self) -> Links:
        self.matrix.sort_indices()
        return Links.of(self.matrix, self.shape[1])

    def __repr__(self) -> str:
        height, width = self.shape
        return f"<Laplacian: {width}x{height} pixels, {self.matrix.nnz} entries>"


def laplacian_of(affinity: sparse.csr_array, image: Float[np.ndarray, "H W 3"]) -> Laplacian:
    """Return the Laplacian ``L = D - W`` of affinities, where D holds the signed row sums of W.

    Parameters
    ----------
    affinity : scipy.sparse.csr_array, shape (H*W, H*W)
        The summed affinities W, symmetric.
    image : ndarray, shape (H, W, 3)
        The photo whose pixels they link, RGB in [0, 1].

    Returns
    -------
    Laplacian
        Its near-null vectors are 1, R, G and B.

    Raises
    ------
    TypeError, ValueError
        If the affinities are not a sparse array, or one is not finite or exceeds 1e20.

    References
    ----------
    Aksoy et al. 2018, Section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from softseg.grid import laplacian_of
    >>> laplacian_of(sparse.csr_array([[0.0, 0.5], [0.5, 0.0]]), np.zeros((1, 2, 3))).matrix.toarray()
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """
    if not sparse.issparse(affinity):
        raise TypeError(f"matrix: expected a scipy sparse array, got {type(affinity).__name__}")
    largest = float(np.abs(affinity.data).max(initial=0))
    if not largest <= LARGEST_AFFINITY:
        raise ValueError(
            f"affinity: expected finite affinities of at most {LARGEST_AFFINITY:.0e}, got {largest:.3g}; "
            "choose smaller weights"
        )
    # Taking |W| in D would make L positive semidefinite, and L would lose the repulsion between superpixels.
    matrix = sparse.diags_array(affinity.sum(axis=1)) - affinity
    colors = image.reshape(-1, 3)
    return Laplacian(matrix, image.shape[:2], near_null=np.column_stack([np.ones(len(colors)), colors]))


def _checked_matrix(matrix: Any) -> sparse.csr_array:
    if not sparse.issparse(matrix):
        raise TypeError(f"matrix: expected a scipy sparse array, got {type(matrix).__name__}")
    matrix = sparse.csr_array(matrix, dtype=np.float64, copy=True)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"matrix: expected a square matrix, got shape {matrix.shape}")
    if not np.isfinite(matrix.data).all():
        raise ValueError("matrix: expected finite entries, got NaN or infinity")
    matrix.sum_duplicates()
    asymmetry = abs(matrix - matrix.T).max() if matrix.nnz else 0.0
    if asymmetry > ASYMMETRY * abs(matrix).max():
        raise ValueError(f"matrix: expected a symmetric matrix, got entries that differ by {asymmetry:.3g}")
    return matrix
