"""The default eigensolver and its dense algebra."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import pytest

from softseg import Laplacian
from softseg.eigen import LOBPCG, LocalInverse, Multigrid
from softseg.testing import EigensolverCase


class TestLOBPCG(EigensolverCase):
    others: ClassVar = {"preconditioner": Multigrid(), "max_iterations": 2, "tol": 1e-3}
    value_tolerance = (
        5e-3  # it estimates its errors, of noise not well; the golden tests ask for 1e-3 on a photo
    )
    vector_tolerance = 0.01

    @pytest.fixture
    def solver(self) -> LOBPCG:
        return LOBPCG()

    def unconverging(self) -> LOBPCG:
        return LOBPCG(max_iterations=1, tol=1e-12, preconditioner=LocalInverse())  # the default needs none

    def test_warns_with_advice_when_it_does_not_converge(self, laplacian: Laplacian) -> None:
        advice = r"\ALOBPCG did not converge: [^\n]*residual[^\n]*; raise max_iterations or tol"
        with pytest.warns(UserWarning, match=advice):
            pairs = self.unconverging().solve(laplacian, 12)
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
        pairs = LOBPCG(tol=1e-9, max_iterations=200).solve(laplacian, 12)
        values = np.linalg.eigvalsh(laplacian.matrix.toarray())[:12]
        # The error is estimated; allow for that.
        np.testing.assert_allclose(pairs.values, values, rtol=0, atol=1e-6 * values[-1])


class TestLOBPCGWithMultigrid(EigensolverCase):
    others: ClassVar = {"preconditioner": LocalInverse()}
    value_tolerance = TestLOBPCG.value_tolerance
    vector_tolerance = TestLOBPCG.vector_tolerance

    @pytest.fixture
    def solver(self) -> LOBPCG:
        return LOBPCG(preconditioner=Multigrid())

    def unconverging(self) -> LOBPCG:
        return LOBPCG(max_iterations=1, tol=1e-12, preconditioner=Multigrid())

    def test_compares_by_value(self, solver: LOBPCG) -> None:
        assert solver == LOBPCG(preconditioner=Multigrid()) != LOBPCG()
        assert hash(solver) == hash(LOBPCG(preconditioner=Multigrid()))
