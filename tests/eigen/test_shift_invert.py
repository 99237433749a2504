"""The exact eigensolver."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import linalg as sparse_linalg

from softseg import Laplacian
from softseg.eigen import ShiftInvert, shift_invert
from softseg.testing import EigensolverCase


class TestShiftInvert(EigensolverCase):
    value_tolerance = 1e-9  # rounding: ARPACK works to the last digit of the inverse
    vector_tolerance = 1e-9

    @pytest.fixture
    def solver(self) -> ShiftInvert:
        return ShiftInvert()

    def unconverging(self) -> None:
        return None  # it gives up when ARPACK does in the space of all vectors


def test_finds_eigenvalues_far_below_zero(rng: np.random.Generator) -> None:
    # A graph most of whose links repel: the first guess of a shift lies inside the spectrum.
    weights = np.triu(rng.normal(-0.5, 1, (1100, 1100)) * (rng.random((1100, 1100)) < 0.004), k=1)
    weights += weights.T
    laplacian = Laplacian(sparse.csr_array(np.diag(weights.sum(axis=1)) - weights), shape=(22, 50))
    pairs = ShiftInvert().solve(laplacian, k=5)
    np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(laplacian.matrix.toarray())[:5], rtol=1e-9)
    assert pairs.values[0] < -5


@pytest.mark.parametrize("found", [0, 3])
def test_says_how_many_it_found_where_arpack_gives_up(
    monkeypatch: pytest.MonkeyPatch, laplacian_of_a_path: Laplacian, found: int
) -> None:
    n = laplacian_of_a_path.matrix.shape[0]

    def give_up(*_: object, **__: object) -> None:
        raise sparse_linalg.ArpackNoConvergence("no", np.arange(found, dtype=float), np.eye(n)[:, :found])

    monkeypatch.setattr(shift_invert.sparse_linalg, "eigsh", give_up)
    with pytest.warns(
        UserWarning, match=rf"did not converge: it found {found} of 5 eigenpairs; choose weights"
    ):
        pairs = ShiftInvert().solve(laplacian_of_a_path, k=5)
    assert not pairs.converged
    assert pairs.values.shape == pairs.residuals.shape == (found,)
    assert pairs.vectors.shape == (n, found)


@pytest.fixture
def laplacian_of_a_path() -> Laplacian:
    n = 1100
    matrix = sparse.diags_array([[-1.0] * (n - 1), [2.0] * n, [-1.0] * (n - 1)], offsets=[-1, 0, 1])
    return Laplacian(matrix, shape=(22, 50))
