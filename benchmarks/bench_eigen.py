"""How long each eigensolver takes for the hundred smallest eigenpairs."""

from __future__ import annotations

import numpy as np
import pytest

from softseg import Laplacian
from softseg.eigen import LOBPCG, Eigenpairs, Eigensolver, ShiftInvert


@pytest.mark.parametrize("solver", [LOBPCG(), ShiftInvert()], ids=repr)
def test_hundred_smallest(
    benchmark, laplacian: Laplacian, exact_pairs: Eigenpairs, solver: Eigensolver
) -> None:
    pairs = solver.solve(laplacian, k=100)
    assert pairs.converged
    assert np.abs(pairs.values - exact_pairs.values).max() < 1e-3 * exact_pairs.values[-1]
    captured = np.linalg.norm(pairs.vectors.T @ exact_pairs.vectors[:, :95], axis=0)
    assert captured.min() > 0.99
    benchmark.pedantic(solver.solve, (laplacian,), {"k": 100}, rounds=2)
