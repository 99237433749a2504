"""The errors that the quality page reports, against cases worked out by hand."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

Assign = Callable[[np.ndarray, np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def errors() -> dict[str, Any]:
    """Return what the module defines."""
    return runpy.run_path(str(BENCHMARKS / "matting_errors.py"))


class TestErrorMaps:
    def test_absolute(self, errors: dict[str, Any]) -> None:
        alpha, truth = np.array([[0.25, 1.0]]), np.array([[0.75, 1.0]])
        assert errors["absolute_error"](alpha, truth).tolist() == [[0.5, 0.0]]

    def test_gradient_of_a_ramp_is_its_slope(self, errors: dict[str, Any]) -> None:
        across, down = np.meshgrid(np.arange(30) / 100, np.arange(24) / 50)
        inside = slice(8, -8), slice(8, -8)  # a Gaussian of sigma 1.4 ends after 6 pixels
        error = errors["gradient_error"]
        # The kernel is cut off at four sigma and sampled: slopes are right to 1 in 1000.
        np.testing.assert_allclose(error(across, np.zeros_like(across))[inside], 0.01**2, rtol=2e-3)
        np.testing.assert_allclose(error(across, down)[inside], (0.02 - 0.01) ** 2, rtol=2e-3)
        turned = across[:, ::-1]  # equally steep, in the other direction
        np.testing.assert_allclose(error(across, turned)[inside], 0, atol=1e-15)

    def test_gradient_of_a_step(self, errors: dict[str, Any]) -> None:
        step = np.zeros((21, 40))
        step[:, 20:] = 1
        # Beside the step one side of the sampled kernel counts: j exp(-j^2 / 2 sigma^2) / sigma^2 for j >= 1.
        j = np.arange(-5, 6)
        gauss = np.exp(-(j**2) / (2 * 1.4**2))
        expected = (j * gauss)[j > 0].sum() / gauss.sum() / 1.4**2
        found = errors["gradient_error"](step, np.zeros_like(step))[10, [19, 20]]
        np.testing.assert_allclose(found, expected**2, rtol=5e-3)  # what is cut off beyond five pixels

    def test_connectivity_counts_an_island(self, errors: dict[str, Any]) -> None:
        truth = np.zeros((6, 10))
        truth[1:5, 1:4] = 1
        alpha = truth.copy()
        alpha[2:4, 6:9] = 0.5  # connected to the source at level 0 only
        alpha[0, 9] = 0.1  # less than theta
        expected = np.zeros_like(truth)
        expected[2:4, 6:9] = 0.5
        np.testing.assert_allclose(errors["connectivity_error"](alpha, truth), expected)

    def test_connectivity_counts_a_gap(self, errors: dict[str, Any]) -> None:
        truth = np.ones((1, 9))
        alpha = truth.copy()
        alpha[0, 5] = 0  # four pixels beside it are the source, three are cut off in both mattes
        expected = np.zeros_like(truth)
        expected[0, 5] = 1
        np.testing.assert_allclose(errors["connectivity_error"](alpha, truth), expected)

    def test_connectivity_up_to_a_level(self, errors: dict[str, Any]) -> None:
        truth = np.array([[1.0, 1.0, 0.5, 0.9]])
        alpha = np.array([[1.0, 1.0, 0.7, 0.9]])
        # The third pixel is connected up to 0.5: 0.7 - 0.5 is over theta, 0 is not. So is the fourth, through
        # the third: both mattes are 0.4 above.
        np.testing.assert_allclose(errors["connectivity_error"](alpha, truth), [[0, 0, 0.2, 0]])

    @pytest.mark.parametrize("name", ["absolute", "gradient", "connectivity"])
    def test_no_error_of_the_truth_itself(self, errors: dict[str, Any], name: str) -> None:
        truth = np.random.default_rng(0).random((12, 15))
        assert not errors["ERRORS"][name](truth, truth).any()


class TestAssignment:
    def test_every_object_gets_its_own_layer(self, errors: dict[str, Any]) -> None:
        truths = np.eye(3)[np.random.default_rng(1).integers(3, size=(7, 8))][:, :, :2]
        layers = np.concatenate([1 - truths.sum(axis=2, keepdims=True), truths[:, :, ::-1]], axis=2)
        for assign in ("assign_one_to_one", "assign_unions"):
            assert errors[assign](layers, truths).tolist() == [-1, 1, 0]

    def test_one_layer_is_not_two_objects(self, errors: dict[str, Any]) -> None:
        truths = np.zeros((4, 4, 2))
        truths[:3, :2, 0] = truths[:2, 2:, 1] = 1
        layers = truths.sum(axis=2, keepdims=True)  # six and four pixels: nearer to the first object
        assert errors["assign_one_to_one"](layers, truths).tolist() == [0]

    def test_no_layer_if_none_is_near(self, errors: dict[str, Any]) -> None:
        truths = np.zeros((4, 4, 1))
        truths[0, 0] = 1
        for assign in ("assign_one_to_one", "assign_unions"):
            assert errors[assign](np.ones((4, 4, 1)), truths).tolist() == [-1]

    def test_unions_of_regions_are_the_best_there_are(self, errors: dict[str, Any]) -> None:
        rng = np.random.default_rng(2)
        layers = np.eye(4)[rng.integers(4, size=(6, 6))]
        truths = rng.dirichlet(np.ones(3), (6, 6))[:, :, :2]
        groups = errors["assign_unions"](layers, truths)
        every = [np.array(g) for g in product(range(-1, 2), repeat=4)]
        assert cost(errors, layers, groups, truths) == pytest.approx(
            min(cost(errors, layers, g, truths) for g in every)
        )

    def test_unions_are_no_worse_than_single_layers(self, errors: dict[str, Any]) -> None:
        for seed in range(20):
            rng = np.random.default_rng(seed)
            layers, truths = (
                rng.dirichlet(np.full(6, 0.3), (5, 7)),
                rng.dirichlet(np.ones(3), (5, 7))[:, :, :2],
            )
            single, union = (errors[f"assign_{kind}"](layers, truths) for kind in ("one_to_one", "unions"))
            assert cost(errors, layers, union, truths) <= cost(errors, layers, single, truths) + 1e-12


def cost(errors: dict[str, Any], layers: np.ndarray, groups: np.ndarray, truths: np.ndarray) -> float:
    return float(abs(errors["unions"](layers, groups, truths.shape[2]) - truths).sum())
