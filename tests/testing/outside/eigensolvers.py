"""Eigensolvers as another package would write them: a right one, and some with planted bugs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from softseg import Eigenpairs, Eigensolver
from softseg.eigen import register
from softseg.testing import EigensolverCase


def below_the_spectrum(matrix):
    """Return Gershgorin's lower bound of the eigenvalues, and a little less."""
    diagonal = matrix.diagonal()
    bound = (diagonal - (abs(matrix).sum(axis=1) - np.abs(diagonal))).min()
    return bound - 1e-3 * np.abs(diagonal).max()


def measured(matrix, vectors, converged):
    values = np.einsum("ij,ij->j", vectors, matrix @ vectors)
    order = np.argsort(values)
    values, vectors = values[order], vectors[:, order]
    residuals = np.linalg.norm(matrix @ vectors - vectors * values, axis=0)
    return Eigenpairs(values, vectors, residuals, converged)


@register("Lanczos")
@dataclass(frozen=True)
class Lanczos(Eigensolver):
    iterations: int = 1000

    def __post_init__(self):
        if isinstance(self.iterations, bool) or not isinstance(self.iterations, int) or self.iterations < 1:
            raise ValueError(f"iterations: expected an integer of at least 1, got {self.iterations!r}")

    def _solve(self, laplacian, k, rng):
        matrix, noise = laplacian.matrix, rng.standard_normal((laplacian.matrix.shape[0], k))
        try:
            _, vectors = self.run_arpack(matrix, k, noise[:, 0])
        except ArpackNoConvergence as error:
            vectors, _ = np.linalg.qr(np.hstack([error.eigenvectors, noise]))
            return measured(matrix, vectors[:, :k], False)
        return measured(matrix, vectors, True)

    def run_arpack(self, matrix, k, start):
        return eigsh(matrix, k, sigma=below_the_spectrum(matrix), v0=start, maxiter=self.iterations)


class LanczosCase(EigensolverCase):
    value_tolerance = 1e-8
    vector_tolerance = 1e-8
    kind = Lanczos

    @pytest.fixture
    def solver(self):
        return self.kind()

    def unconverging(self):
        return self.kind(iterations=1)


class TestLanczos(LanczosCase):
    others = {"iterations": 900}  # noqa: RUF012  # which changes what the unconverging one finds


class TestNeverAskedNotToConverge(LanczosCase):
    def unconverging(self):
        return None


class SmallestMagnitude(Lanczos):
    def run_arpack(self, matrix, k, start):
        return eigsh(matrix, k, sigma=-1e-6, v0=start, maxiter=self.iterations)


class TestSmallestMagnitude(LanczosCase):
    kind = SmallestMagnitude


class Raising(Lanczos):
    def _solve(self, laplacian, k, rng):
        start = rng.standard_normal(laplacian.matrix.shape[0])
        return measured(laplacian.matrix, self.run_arpack(laplacian.matrix, k, start)[1], True)


class TestRaising(LanczosCase):
    kind = Raising


class Boasting(Lanczos):
    def _solve(self, laplacian, k, rng):
        pairs = super()._solve(laplacian, k, rng)
        return Eigenpairs(pairs.values, pairs.vectors, pairs.residuals, True)


class TestBoasting(LanczosCase):
    kind = Boasting


class Silent(Lanczos):
    def solve(self, laplacian, k=100, rng=None):
        return self._solve(laplacian, k, np.random.default_rng(0))


class TestSilent(LanczosCase):
    kind = Silent


class TestUnregistered(LanczosCase):
    kind = Silent


@register("Careless")
@dataclass(frozen=True)
class Careless(Lanczos):
    tol: float = 1e-6  # takes anything, and is not used

    def __post_init__(self):
        pass


class TestCareless(LanczosCase):
    kind = Careless


@register("Rounding")
@dataclass(frozen=True, repr=False)
class Rounding(Careless):
    def __repr__(self):
        return f"Rounding(iterations={self.iterations}, tol={self.tol:g})"


class TestRounding(LanczosCase):
    kind = Rounding


@register("Mute")
@dataclass(frozen=True, repr=False)
class Mute(Lanczos):
    def __repr__(self):
        return "Mute()"


class TestMute(LanczosCase):
    kind = Mute


class TestUntested(LanczosCase):
    kind = Lanczos

    def unconverging(self):
        return None


class NoDataclass(Eigensolver):
    def _solve(self, laplacian, k, rng):
        return Lanczos()._solve(laplacian, k, rng)


class TestNoDataclass(LanczosCase):
    kind = NoDataclass

    def unconverging(self):
        return None
