"""The default eigensolver and its dense algebra."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.eigen.eigensolver_case import EigensolverCase

from softseg import Laplacian
from softseg.eigen import LOBPCG
from softseg.eigen.lobpcg import TallBlocks


class TestLOBPCG(EigensolverCase):
    value_tolerance = (
        5e-3  # it estimates its errors, of noise not well; the golden tests ask for 1e-3 on a photo
    )
    vector_tolerance = 0.01

    @pytest.fixture
    def solver(self) -> LOBPCG:
        return LOBPCG()

    def test_warns_with_advice_when_it_does_not_converge(self, laplacian: Laplacian) -> None:
        advice = r"\ALOBPCG did not converge: [^\n]*residual[^\n]*; raise max_iterations or tol"
        with pytest.warns(UserWarning, match=advice):
            pairs = LOBPCG(max_iterations=1, tol=1e-12).solve(laplacian, 12)
        assert not pairs.converged
        assert repr(pairs) == "<Eigenpairs: 12 of 1026 pixels, not converged>"

    @pytest.mark.usefixtures("unhooked")
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"tol": 0.0}, "tol: expected a finite number above 0, got 0.0"),
            ({"tol": float("nan")}, "tol: expected a finite number above 0, got nan"),
            ({"tol": "small"}, "tol: expected a number, got str"),
            ({"max_iterations": 0}, "max_iterations: expected an integer of at least 1, got 0"),
            ({"max_iterations": 2.5}, "max_iterations: expected an integer, got float"),
        ],
    )
    def test_bad_parameters_are_named(self, arguments: dict, message: str) -> None:
        with pytest.raises((TypeError, ValueError), match=rf"\A{message}\Z"):
            LOBPCG(**arguments)

    def test_is_immutable(self, solver: LOBPCG) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            solver.tol = 1.0  # type: ignore[misc]
        assert solver != LOBPCG(tol=0.25)

    def test_a_smaller_tolerance_is_met(self, laplacian: Laplacian) -> None:
        pairs = LOBPCG(tol=1e-7, max_iterations=200).solve(laplacian, 12)
        values = np.linalg.eigvalsh(laplacian.matrix.toarray())[:12]
        # The error is estimated; allow ten times the tolerance.
        np.testing.assert_allclose(pairs.values, values, rtol=0, atol=1e-6 * values[-1])


class TestTallBlocks:
    """Products in pieces of 1024 rows equal those at once."""

    @pytest.fixture
    def dense(self) -> Iterator[TallBlocks]:
        with ThreadPoolExecutor(2) as pool:
            yield TallBlocks(pool)

    @pytest.fixture
    def blocks(self, rng: np.random.Generator) -> list[np.ndarray]:
        return [rng.normal(size=(2500, columns)) for columns in (4, 1, 3)]

    def test_gram(self, dense: TallBlocks, blocks: list[np.ndarray]) -> None:
        np.testing.assert_allclose(dense.gram(blocks[0], blocks[2]), blocks[0].T @ blocks[2], atol=1e-11)

    def test_gram_matrix(self, dense: TallBlocks, blocks: list[np.ndarray]) -> None:
        stacked = np.hstack(blocks)
        matrix = dense.gram_matrix(blocks, [2 * block for block in blocks])
        np.testing.assert_allclose(matrix, 2 * stacked.T @ stacked, atol=1e-11)
        assert np.array_equal(matrix, matrix.T)

    def test_product(self, dense: TallBlocks, blocks: list[np.ndarray], rng: np.random.Generator) -> None:
        coefficients = rng.normal(size=(8, 5))
        expected = np.hstack(blocks) @ coefficients
        np.testing.assert_allclose(dense.product(blocks, coefficients), expected, atol=1e-12)
