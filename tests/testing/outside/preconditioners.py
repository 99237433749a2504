"""Preconditioners as another package would write them: a right one, and some with planted bugs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu

from softseg.eigen import Preconditioner, register_preconditioner
from softseg.eigen.preconditioner import Prepared, Start
from softseg.testing import PreconditionerCase


class Factored(Prepared):
    def __init__(self, laplacian, shift=5.0):
        n = laplacian.matrix.shape[0]
        self.shift = shift * laplacian.matrix.diagonal().mean() / n
        self.n, self.factors = n, splu(sparse.csc_array(laplacian.matrix + self.shift * sparse.eye_array(n)))

    def precondition(self, right):
        return self.factors.solve(right.astype(np.float64))

    def start(self, wanted, count, goal, rng):
        block = self.precondition(self.precondition(rng.standard_normal((self.n, count))))
        return Start(block / np.abs(block).max(axis=0))


@register_preconditioner("SparseInverse")
@dataclass(frozen=True)
class SparseInverse(Preconditioner):
    shift: float = 5.0

    def __post_init__(self):
        number = isinstance(self.shift, float | int) and not isinstance(self.shift, bool)
        if not (number and 0 < self.shift < np.inf):
            raise ValueError(f"shift: expected a finite number above 0, got {self.shift!r}")

    def prepare(self, laplacian, rng):
        return Factored(laplacian, self.shift)


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


class TestUnregistered(TestSparseInverse):
    @pytest.fixture
    def preconditioner(self):
        return RoughStart()


@register_preconditioner("CarelessInverse")
@dataclass(frozen=True)
class CarelessInverse(Preconditioner):
    shift: float = 5.0  # takes anything, and is not used

    def prepare(self, laplacian, rng):
        return Factored(laplacian)


class TestCarelessInverse(PreconditionerCase):
    @pytest.fixture
    def preconditioner(self):
        return CarelessInverse()


@register_preconditioner("RoundingInverse")
@dataclass(frozen=True, repr=False)
class RoundingInverse(SparseInverse):
    def __repr__(self):
        return f"RoundingInverse(shift={self.shift:g})"


class TestRoundingInverse(PreconditionerCase):
    @pytest.fixture
    def preconditioner(self):
        return RoundingInverse()


class NoDataclass(Preconditioner):
    def prepare(self, laplacian, rng):
        return Factored(laplacian)


class TestNoDataclass(PreconditionerCase):
    @pytest.fixture
    def preconditioner(self):
        return NoDataclass()
