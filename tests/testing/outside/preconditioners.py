"""Preconditioners as another package would write them: a right one, and two with planted bugs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu

from softseg.eigen import Preconditioner
from softseg.eigen.preconditioner import Prepared, Start
from softseg.testing import PreconditionerCase


class Factored(Prepared):
    def __init__(self, laplacian):
        n = laplacian.matrix.shape[0]
        self.shift = 5 * laplacian.matrix.diagonal().mean() / n
        self.n, self.factors = n, splu(sparse.csc_array(laplacian.matrix + self.shift * sparse.eye_array(n)))

    def precondition(self, right):
        return self.factors.solve(right.astype(np.float64))

    def start(self, wanted, count, goal, rng):
        block = self.precondition(self.precondition(rng.standard_normal((self.n, count))))
        return Start(block / np.abs(block).max(axis=0))


@dataclass(frozen=True)
class SparseInverse(Preconditioner):
    def prepare(self, laplacian, rng):
        return Factored(laplacian)


class TestSparseInverse(PreconditionerCase):
    @pytest.fixture
    def preconditioner(self):
        return SparseInverse()


class Lopsided(Factored):
    def precondition(self, right):
        return np.linspace(0.9, 1.1, self.n)[:, None] * super().precondition(right)


@dataclass(frozen=True)
class LopsidedInverse(Preconditioner):
    def prepare(self, laplacian, rng):
        return Lopsided(laplacian)


class TestLopsidedInverse(PreconditionerCase):
    @pytest.fixture
    def preconditioner(self):
        return LopsidedInverse()


class Rough(Factored):
    def start(self, wanted, count, goal, rng):
        return Start(rng.standard_normal((self.n, count)))


@dataclass(frozen=True)
class RoughStart(Preconditioner):
    def prepare(self, laplacian, rng):
        return Rough(laplacian)


class TestRoughStart(PreconditionerCase):
    @pytest.fixture
    def preconditioner(self):
        return RoughStart()
