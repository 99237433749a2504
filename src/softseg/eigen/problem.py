"""The eigenproblem that LOBPCG iterates on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy import sparse

from softseg.eigen.blocks import times_block


@dataclass(frozen=True, eq=False)
class Problem:
    """``L x = value x`` for a sparse symmetric L.

    `softseg.eigen.hierarchy` derives the problems of coarser levels from it, ``L x = value M x``.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array, shape (n, n)
        L, in double precision.
    """

    matrix: sparse.csr_array

    @property
    def size(self) -> int:
        """The number n of unknowns."""
        return self.matrix.shape[0]

    def times(self, block: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        """Return L times a block, in the block's precision."""
        return times_block(self._single if block.dtype == np.float32 else self.matrix, block)

    def times_mass(self, block: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        """Return M times a block: here M is the identity, and the block itself is returned."""
        return block

    @cached_property
    def _single(self) -> sparse.csr_array:
        """The matrix with entries in single precision; its index arrays are shared with `matrix`."""
        entries = self.matrix.data.astype(np.float32)
        return sparse.csr_array((entries, self.matrix.indices, self.matrix.indptr), shape=self.matrix.shape)
