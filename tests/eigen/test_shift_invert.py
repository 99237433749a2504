"""The exact eigensolver."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from softseg import Laplacian
from softseg.eigen import ShiftInvert
from softseg.testing import EigensolverCase


class TestShiftInvert(EigensolverCase):
    value_tolerance = 1e-9  # rounding: ARPACK works to the last digit of the inverse
    vector_tolerance = 1e-9

    @pytest.fixture
    def solver(self) -> ShiftInvert:
        return ShiftInvert()

    def unconverging(self) -> None:
        return None  # its only limit is that of ARPACK, ten iterations per pixel, and it takes a few


def test_finds_eigenvalues_far_below_zero(rng: np.random.Generator) -> None:
    # A graph most of whose links repel: the first guess of a shift lies inside the spectrum.
    weights = np.triu(rng.normal(-0.5, 1, (1100, 1100)) * (rng.random((1100, 1100)) < 0.004), k=1)
    weights += weights.T
    laplacian = Laplacian(sparse.csr_array(np.diag(weights.sum(axis=1)) - weights), shape=(22, 50))
    pairs = ShiftInvert().solve(laplacian, k=5)
    np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(laplacian.matrix.toarray())[:5], rtol=1e-9)
    assert pairs.values[0] < -5
