"""A Laplacian as a stencil: what each pixel shares with the pixels around it, plane by plane.

A CSR matrix stores a column index with every entry and is read row by row. On a grid the columns are known:
pixel i meets i + 1, i + 2, i + W - 2 ..., so that one plane of numbers for each offset is all there is, half
of them by symmetry, and products run over whole rows of pixels at the speed of memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from softseg.grid import _stencil_kernels as _kernels
from softseg.grid.laplacian import LOCAL_RADIUS

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

LINKS = _kernels.HALF_STENCIL - 1  # the pixel itself is no link


@final
@dataclass(frozen=True, eq=False, repr=False)
class Stencil:
    """A symmetric matrix over H x W pixels: short links by planes, the few long ones as a small graph.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the image.
    half : ndarray, shape (12, pad + H*W + pad)
        ``half[k, pad + i]`` is the entry that links pixel i with the one k-th offset ahead, 0 where that
        lies outside the image.
    diagonal : ndarray, shape (H*W,)
        The matrix's diagonal.
    far : tuple, optional
        The pixels (S,) that have longer links, and the matrix (S, S) of those links.
    """

    shape: tuple[int, int]
    half: Float[np.ndarray, "12 P"]
    diagonal: Float[np.ndarray, " N"]
    far: tuple[Int[np.ndarray, " S"], sparse.csr_array] | None = None

    @classmethod
    def of(cls, laplacian: Laplacian) -> Stencil:
        """Return the stencil of a Laplacian, all of its entries."""
        (height, width), matrix = laplacian.shape, laplacian.matrix
        half, diagonal = _empty_planes((height, width)), np.zeros(height * width)
        is_far, far_entries = np.zeros(matrix.nnz, bool), np.zeros(height * width, matrix.indptr.dtype)
        _kernels.split_by_distance(
            matrix.indptr,
            matrix.indices,
            matrix.data,
            width,
            _pad(width),
            half,
            diagonal,
            is_far,
            far_entries,
        )
        return cls((height, width), half, diagonal, _far_links(matrix, is_far, far_entries))

    @classmethod
    def of_half_stencil(cls, affinity: Float[np.ndarray, "H W 13"]) -> Stencil:
        """Return the Laplacian of what `MattingAffinity.half_stencil` returns, without making a matrix."""
        height, width, _ = affinity.shape
        half = _empty_planes((height, width))
        _kernels.negated_planes(affinity, _pad(width), half)
        links = cls((height, width), half, np.zeros(height * width))
        # A Laplacian's rows sum to zero: its diagonal is what its links leave of constants.
        sums = np.empty((1, height * width))
        links.multiply(np.zeros_like(sums), 0.0, links.padded(np.ones_like(sums)), sums)
        return cls((height, width), half, -sums[0])

    @cached_property
    def pad(self) -> int:
        """How far the stencil reaches in row-major order: by this, planes it multiplies are padded."""
        return _pad(self.shape[1])

    def padded(self, planes: Float[np.ndarray, "K N"]) -> Float[np.ndarray, "K P"]:
        """Return planes with zeros at both ends, as `multiply` wants them."""
        return np.pad(planes, ((0, 0), (self.pad, self.pad)))

    def inside(self, padded: Float[np.ndarray, "K P"]) -> Float[np.ndarray, "K N"]:
        """Return the pixels of padded planes, a view."""
        return padded[:, self.pad : -self.pad]

    def multiply(
        self,
        diagonal: Float[np.ndarray, "K N"],
        coupling: float,
        planes: Float[np.ndarray, "K P"],
        out: Float[np.ndarray, "K N"],
    ) -> float:
        """Write ``(Id x L + coupling * 1 1' x Id) planes`` to ``out``, with another diagonal in L's place.

        Parameters
        ----------
        diagonal : ndarray, shape (K, H*W)
            The diagonal for each layer.
        coupling : float
            What each layer of a pixel gets of the sum over its layers.
        planes : ndarray, shape (K, pad + H*W + pad)
            The layers, padded with zeros.
        out : ndarray, shape (K, H*W)
            Overwritten.

        Returns
        -------
        float
            The inner product of ``planes`` and ``out``.
        """
        inner = _kernels.stencil_product(self.half, self.shape[1], self.pad, diagonal, coupling, planes, out)
        if self.far is not None:
            nodes, links = self.far
            inner += _kernels.add_far_links(
                links.indptr, links.indices, links.data, nodes, self.pad, planes, out
            )
        return inner

    def __repr__(self) -> str:
        height, width = self.shape
        return f"<Stencil: {width}x{height} pixels>"


def _pad(width: int) -> int:
    return LOCAL_RADIUS * (width + 1)


def _empty_planes(shape: tuple[int, int]) -> np.ndarray:
    return np.zeros((LINKS, shape[0] * shape[1] + 2 * _pad(shape[1])))


def _far_links(
    matrix: sparse.csr_array, is_far: np.ndarray, far_entries: np.ndarray
) -> tuple[np.ndarray, sparse.csr_array] | None:
    """Return the pixels that any flagged entry links, and those entries as a matrix over these pixels."""
    entries = np.flatnonzero(is_far)
    if entries.size == 0:
        return None
    columns = matrix.indices[entries]
    linked = far_entries > 0
    linked[columns] = True
    nodes = np.flatnonzero(linked)
    place = np.cumsum(linked, dtype=np.int32) - 1  # of a pixel among the nodes
    starts = np.concatenate([[0], np.cumsum(far_entries[nodes])])
    links = (matrix.data[entries], place[columns], starts)
    return nodes, sparse.csr_array(links, shape=(nodes.size, nodes.size))
