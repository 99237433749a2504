"""How long each eigensolver takes for the hundred smallest eigenpairs, and its preconditioner to set up."""

from __future__ import annotations

import numpy as np
import pytest

from softseg import Laplacian
from softseg.eigen import (
    LOBPCG,
    Eigenpairs,
    Eigensolver,
    LocalInverse,
    Multigrid,
    Preconditioner,
    ShiftedInverse,
    ShiftInvert,
)

PRECONDITIONERS = (ShiftedInverse(), LocalInverse(), Multigrid())


@pytest.mark.parametrize(
    "solver", [*(LOBPCG(preconditioner=p) for p in PRECONDITIONERS), ShiftInvert()], ids=repr
)
def test_hundred_smallest(
    benchmark, laplacian: Laplacian, exact_pairs: Eigenpairs, solver: Eigensolver
) -> None:
    pairs = solver.solve(laplacian, k=100)
    assert pairs.converged
    assert np.abs(pairs.values - exact_pairs.values).max() < 1e-3 * exact_pairs.values[-1]
    captured = np.linalg.norm(pairs.vectors.T @ exact_pairs.vectors[:, :95], axis=0)
    assert captured.min() > 0.99
    benchmark.pedantic(solver.solve, (laplacian,), {"k": 100}, rounds=2)


@pytest.mark.parametrize("preconditioner", PRECONDITIONERS, ids=repr)
def test_set_up(benchmark, laplacian: Laplacian, preconditioner: Preconditioner) -> None:
    prepared = preconditioner.prepare(laplacian, np.random.default_rng(0))
    errors = np.random.default_rng(1).normal(size=(laplacian.matrix.shape[0], 8))
    residuals = laplacian.matrix @ errors + prepared.shift * errors
    # In the Laplacian's own norm, where noise is mostly stiff, little may be left after one step.
    left = errors - prepared.precondition(residuals)
    energies = [np.einsum("ij,ij->j", e, laplacian.matrix @ e) for e in (left, errors)]
    assert np.max(energies[0] / energies[1]) < 0.25
    benchmark.pedantic(preconditioner.prepare, (laplacian, np.random.default_rng(0)), rounds=3)
