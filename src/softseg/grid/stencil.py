"""A Laplacian as a stencil: the links of each pixel to the pixels around it, plane by plane.

A CSR matrix stores a column index with every entry and is read row by row. On a grid the columns are known:
pixel i is linked to the pixels i + 1, i + 2, i + W - 2 and so on. One plane of numbers for each of these
offsets is therefore all that has to be stored, and only half of them, because the matrix is symmetric.
Products run over whole rows of pixels at the speed of memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from softseg.grid import _stencil_kernels as _kernels
from softseg.grid.links import LOCAL_RADIUS

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

LINKS = _kernels.HALF_STENCIL - 1  # the number of planes; the pixel itself is no link


@final
@dataclass(frozen=True, eq=False, repr=False)
class Stencil:
    """A symmetric matrix over H x W pixels: near links as planes, the few far ones as a small graph.

    Conjugate gradients multiply planes by it: one plane for each layer, with zeros at both ends.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image, in pixels.
    half : ndarray, shape (12, pad + H*W + pad)
        ``half[k, pad + i]`` is the entry that links pixel i to the pixel at the k-th offset ahead, and 0
        where that pixel lies outside the image.
    diagonal : ndarray, shape (H*W,)
        The diagonal of the matrix.
    far : tuple of an array of shape (S,) and a sparse matrix of shape (S, S), optional
        The pixels that have far links, and those links. Default: there are none.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import MattingAffinity, Scene
    >>> from softseg.grid import Stencil
    >>> laplacian = MattingAffinity().laplacian(Scene(np.random.default_rng(0).random((5, 6, 3))))
    >>> stencil = Stencil.of(laplacian)
    >>> plane, product = np.arange(30.0)[None], np.empty((1, 30))
    >>> inner = stencil.multiply(stencil.diagonal[None], 0.0, stencil.padded(plane), product)
    >>> bool(np.allclose(product[0], laplacian.matrix @ plane[0]))
    True
    >>> stencil.inside(stencil.padded(plane)).shape
    (1, 30)
    """

    shape: tuple[int, int]
    half: Float[np.ndarray, "12 P"]
    diagonal: Float[np.ndarray, " N"]
    far: tuple[Int[np.ndarray, " S"], sparse.csr_array] | None = None

    @classmethod
    def of(cls, laplacian: Laplacian) -> Stencil:
        """Return the stencil that holds all entries of a Laplacian.

        Parameters
        ----------
        laplacian : Laplacian
            Its far links become the small graph.

        Returns
        -------
        Stencil
            The same matrix.
        """
        (height, width), matrix = laplacian.shape, laplacian.matrix
        half, diagonal = _make_planes((height, width)), np.zeros(height * width)
        is_far, far_entries = np.zeros(matrix.nnz, bool), np.zeros(height * width, matrix.indptr.dtype)
        _kernels.split_by_distance(
            matrix.indptr,
            matrix.indices,
            matrix.data,
            width,
            _reach(width),
            half,
            diagonal,
            is_far,
            far_entries,
        )
        return cls((height, width), half, diagonal, _collect_far_links(matrix, is_far, far_entries))

    @classmethod
    def of_half_stencil(cls, affinity: Float[np.ndarray, "H W 13"]) -> Stencil:
        """Return the Laplacian of what `MattingAffinity.half_stencil` returns, without making a matrix.

        Parameters
        ----------
        affinity : ndarray, shape (H, W, 13)
            Each pixel's affinities to itself and to the twelve near neighbors that follow it.

        Returns
        -------
        Stencil
            The Laplacian ``D - W``, which has no far links.

        Examples
        --------
        >>> import numpy as np
        >>> from softseg import MattingAffinity, Scene
        >>> from softseg.grid import Stencil
        >>> photo = np.random.default_rng(0).random((5, 6, 3))
        >>> stencil = Stencil.of_half_stencil(MattingAffinity().half_stencil(photo))
        >>> laplacian = MattingAffinity().laplacian(Scene(photo))
        >>> bool(np.allclose(stencil.diagonal, laplacian.matrix.diagonal()))
        True
        """
        height, width, _ = affinity.shape
        half = _make_planes((height, width))
        _kernels.negate_planes(affinity, _reach(width), half)
        links = cls((height, width), half, np.zeros(height * width))
        # The rows of a Laplacian sum to zero: its diagonal is minus the product of its links with constants.
        sums = np.empty((1, height * width))
        links.multiply(np.zeros_like(sums), 0.0, links.padded(np.ones_like(sums)), sums)
        return cls((height, width), half, -sums[0])

    @cached_property
    def pad(self) -> int:
        """The distance that the stencil reaches in row-major order, in pixels: the padding of planes."""
        return _reach(self.shape[1])

    def padded(self, planes: Float[np.ndarray, "K N"]) -> Float[np.ndarray, "K P"]:
        """Return planes with ``pad`` zeros at both ends, as `multiply` wants them.

        Parameters
        ----------
        planes : ndarray, shape (K, H*W)
            One plane for each layer, pixels in row-major order.

        Returns
        -------
        ndarray, shape (K, pad + H*W + pad)
            A copy.
        """
        return np.pad(planes, ((0, 0), (self.pad, self.pad)))

    def inside(self, padded: Float[np.ndarray, "K P"]) -> Float[np.ndarray, "K N"]:
        """Return padded planes without their padding.

        Parameters
        ----------
        padded : ndarray, shape (K, pad + H*W + pad)
            What `padded` returned.

        Returns
        -------
        ndarray, shape (K, H*W)
            A view of the same memory.
        """
        return padded[:, self.pad : -self.pad]

    def multiply(
        self,
        diagonal: Float[np.ndarray, "K N"],
        coupling: float,
        planes: Float[np.ndarray, "K P"],
        out: Float[np.ndarray, "K N"],
    ) -> float:
        """Multiply planes by ``Id x L + coupling * 1 1' x Id``, with a diagonal other than that of L.

        Parameters
        ----------
        diagonal : ndarray, shape (K, H*W)
            What takes the place of the diagonal of L, for each layer.
        coupling : float
            The factor by which the sum over a pixel's layers is added to each of them.
        planes : ndarray, shape (K, pad + H*W + pad)
            The layers, padded with zeros.
        out : ndarray, shape (K, H*W)
            The product is written to it.

        Returns
        -------
        float
            The inner product of ``planes`` and ``out``.
        """
        inner = _kernels.multiply_stencil(self.half, self.shape[1], self.pad, diagonal, coupling, planes, out)
        if self.far is not None:
            nodes, links = self.far
            inner += _kernels.add_far_links(
                links.indptr, links.indices, links.data, nodes, self.pad, planes, out
            )
        return inner

    def __repr__(self) -> str:
        height, width = self.shape
        return f"<Stencil: {width}x{height} pixels>"


def _reach(width: int) -> int:
    """Return the distance of the farthest near pixel, counted in row-major order."""
    return LOCAL_RADIUS * (width + 1)


def _make_planes(shape: tuple[int, int]) -> np.ndarray:
    return np.zeros((LINKS, shape[0] * shape[1] + 2 * _reach(shape[1])))


def _collect_far_links(
    matrix: sparse.csr_array, is_far: np.ndarray, far_entries: np.ndarray
) -> tuple[np.ndarray, sparse.csr_array] | None:
    """Return the pixels that the flagged entries link, and these entries as a matrix over those pixels.

    There is nothing to return if no entry is flagged.
    """
    entries = np.flatnonzero(is_far)
    if entries.size == 0:
        return None
    columns = matrix.indices[entries]
    linked = far_entries > 0
    linked[columns] = True
    nodes = np.flatnonzero(linked)
    place = np.cumsum(linked, dtype=np.int32) - 1  # of each linked pixel among the nodes
    starts = np.concatenate([[0], np.cumsum(far_entries[nodes])])
    links = (matrix.data[entries], place[columns], starts)
    return nodes, sparse.csr_array(links, shape=(nodes.size, nodes.size))
