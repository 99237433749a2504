"""The projection onto the simplex, against all candidates that the optimality conditions leave."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from softseg.sparsify import project_to_simplex


def nearest_by_trying_all_supports(row: np.ndarray) -> np.ndarray:
    """Return the nearest point of the simplex: on its support, the row shifted so that it sums to one."""
    candidates = []
    for support in itertools.product([False, True], repeat=len(row)):
        if any(support):
            mask = np.array(support)
            point = np.where(mask, row + (1 - row[mask].sum()) / mask.sum(), 0)
            if point.min() >= 0:
                candidates.append(point)
    return min(candidates, key=lambda point: ((point - row) ** 2).sum())


UGLY = [
    [0.2, 0.3, 0.5],
    [1.0, 0.0, 0.0],
    [0.0, 0.0, 0.0],
    [1.0, 1.0, 1.0],
    [-5.0, -5.0, -6.0],
    [1e6, -1e6, 1e6 - 0.5],
    [0.5, 0.5, 1e-17],
    [1.1, -0.1, 0.0],
    [1 / 3, 1 / 3, 1 / 3 + 1e-12],
    [-1e-300, 1e-300, 0.0],
]


@pytest.mark.parametrize("row", UGLY)
def test_ugly_rows(row: list[float]) -> None:
    result = project_to_simplex(np.array(row))
    expected = nearest_by_trying_all_supports(np.array(row))
    # Rows of size 1e6 have 1e-10 left of a double.
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-15 + 1e-15 * np.abs(row).max())


@pytest.mark.parametrize("count", [1, 2, 3, 6])
@pytest.mark.parametrize("spread", [0.05, 1.0, 30.0])
def test_random_rows(rng: np.random.Generator, count: int, spread: float) -> None:
    rows = rng.normal(0.3, spread, (40, count))
    expected = [nearest_by_trying_all_supports(row) for row in rows]
    np.testing.assert_allclose(project_to_simplex(rows), expected, rtol=0, atol=1e-13 * max(spread, 1))


@pytest.mark.parametrize("shape", [(5, 7, 4), (4,), (2, 3, 1, 2), (0, 3)])
def test_result_is_on_the_simplex(rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    result = project_to_simplex(rng.normal(size=shape))
    assert result.shape == shape
    assert result.dtype == np.float64
    assert (result >= 0).all()
    assert (result <= 1 + 1e-15).all()
    np.testing.assert_allclose(result.sum(axis=-1), 1, rtol=0, atol=1e-14)


def test_what_is_on_the_simplex_stays() -> None:
    rows = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_array_equal(project_to_simplex(rows), rows)


def test_float32_is_projected_in_float64_and_the_argument_kept(rng: np.random.Generator) -> None:
    rows = rng.random((6, 5)).astype(np.float32)
    before = rows.copy()
    np.testing.assert_allclose(project_to_simplex(rows).sum(axis=1), 1, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(rows, before)
