"""Factorization of matrices on pixel grids by nested dissection."""

from softseg.grid.dissection.factor import Factorization, factorize

__all__ = ["Factorization", "factorize"]
