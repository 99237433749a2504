"""The eigenproblems that LOBPCG iterates on: the Laplacian's own, and its copies on coarser levels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Float
from scipy import sparse

from softseg.eigen.blocks import times_block


@final
@dataclass(frozen=True, eq=False)
class LongLinks:
    """The part of the Laplacian beyond the local one, J C J': the same small graph C on every level."""

    rows: sparse.csr_array  # J (n, S): how this level's unknowns add up to the linked pixels' values
    rows_transposed: sparse.csr_array
    graph: sparse.csr_array  # C (S, S)

    def add_product(self, block: Float[np.ndarray, "n c"], out: Float[np.ndarray, "n c"]) -> None:
        """Add ``J C J' block`` to ``out``."""
        out += times_block(self.rows, times_block(self.graph, times_block(self.rows_transposed, block)))


@final
@dataclass(frozen=True, eq=False)
class Problem:
    """``L x = value M x`` on one level."""

    matrix: sparse.csr_array  # L, or its local part where `long_links` holds the rest
    long_links: LongLinks | None = None
    mass: sparse.csr_array | None = None  # M; None for the identity
    prolongation: sparse.csr_array | None = None  # P, from the next coarser problem

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.matrix.shape[0]

    def times(self, block: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        """Return L times a block, in the block's precision."""
        product = times_block(self._single if block.dtype == np.float32 else self.matrix, block)
        if self.long_links is not None:
            self.long_links.add_product(block, product)
        return product

    def times_mass(self, block: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        """Return M times a block."""
        return block if self.mass is None else times_block(self.mass, block)

    @cached_property
    def _single(self) -> sparse.csr_array:
        return self.matrix.astype(np.float32)
