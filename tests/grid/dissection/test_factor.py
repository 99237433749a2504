"""The factorisation against a dense solve."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from softseg.grid.dissection import factor, factorize

SHAPES = [(31, 42), (23, 57), (1, 40), (50, 3), (2, 3), (1, 1)]


def laplacian_with_reach(shape: tuple[int, int], reach: int, rng: np.random.Generator) -> sparse.csr_array:
    """Return the Laplacian of random weights between all pixels at most ``reach`` apart along each axis."""
    y, x = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    near = (np.abs(y[:, None] - y) <= reach) & (np.abs(x[:, None] - x) <= reach)
    weights = np.triu(near * rng.random(near.shape), 1)
    weights += weights.T
    return sparse.csr_array(np.diag(weights.sum(axis=1)) - weights)


@pytest.mark.parametrize("reach", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_solves_as_lapack_does(shape: tuple[int, int], reach: int, rng: np.random.Generator) -> None:
    matrix, shift = laplacian_with_reach(shape, reach, rng), 0.1
    right = rng.normal(size=(matrix.shape[0], 3))
    expected = np.linalg.solve(matrix.toarray() + shift * np.eye(len(right)), right)
    solution = factorize(matrix, shift, shape, reach).solve(right)
    assert solution.dtype == np.float32
    # Factors in single precision; the condition number is up to some hundreds.
    np.testing.assert_allclose(solution, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("share", [0.01, 0.2, 1])
@pytest.mark.parametrize("shape", SHAPES)
def test_kept_pixels_may_be_linked_to_any_others(
    shape: tuple[int, int], share: float, rng: np.random.Generator
) -> None:
    matrix = laplacian_with_reach(shape, 2, rng).toarray()
    kept = rng.random(shape) < share
    links = np.triu(rng.normal(size=matrix.shape) * kept.ravel() * kept.ravel()[:, None], 1)  # and repel
    matrix += np.diag((links + links.T).sum(axis=1)) - links - links.T
    right = rng.normal(size=(len(matrix), 3))
    expected = np.linalg.solve(matrix + 0.1 * np.eye(len(right)), right)
    solution = factorize(sparse.csr_array(matrix), 0.1, shape, 2, kept).solve(right)
    # As above; repulsion makes condition numbers of some ten thousand.
    np.testing.assert_allclose(solution, expected, atol=1e-3 * np.abs(expected).max())


def test_any_number_of_columns_and_cores(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (31, 42)
    matrix = laplacian_with_reach(shape, 2, rng)
    right = rng.normal(size=(31 * 42, 5)).astype(np.float32)
    together = factorize(matrix, 0.1, shape, 2).solve(right)
    for cores in (1, 3, 8):
        monkeypatch.setattr(factor, "cores", lambda cores=cores: cores)
        factors = factorize(matrix, 0.1, shape, 2)
        np.testing.assert_allclose(factors.solve(right), together, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(factors.solve(right[:, :1]), together[:, :1], rtol=1e-4, atol=1e-5)


def test_leaves_the_right_hand_side_alone(rng: np.random.Generator) -> None:
    matrix = laplacian_with_reach((5, 6), 2, rng)
    right = np.ones((30, 2), np.float32)
    factorize(matrix, 0.1, (5, 6), 2).solve(right)
    np.testing.assert_array_equal(right, 1)


def test_an_indefinite_matrix_is_an_error(rng: np.random.Generator) -> None:
    matrix = laplacian_with_reach((20, 30), 2, rng)
    with pytest.raises(np.linalg.LinAlgError):
        factorize(matrix, -1.0, (20, 30), 2)
