"""The Laplacian: made of an affinity or by hand, and its local part."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from softseg import ColorAffinity, Laplacian, MattingAffinity, Scene, SemanticAffinity
from softseg.grid import laplacian_of

AFFINITY = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()
PATH = sparse.diags_array([[-1.0] * 5, [1.0, 2, 2, 2, 2, 1], [-1.0] * 5], offsets=[-1, 0, 1])


def with_entry(row: int, column: int, value: float) -> sparse.csr_array:
    matrix = PATH.tolil()
    matrix[row, column] = value
    return sparse.csr_array(matrix)


def test_is_the_row_sums_minus_the_affinities(scene: Scene) -> None:
    affinity = AFFINITY.matrix(scene).toarray()
    laplacian = AFFINITY.laplacian(scene)
    expected = np.diag(affinity.sum(axis=1)) - affinity
    np.testing.assert_allclose(
        laplacian.matrix.toarray(), expected, rtol=0, atol=1e-13
    )  # other order of sums
    assert isinstance(laplacian.matrix, sparse.csr_array)
    assert laplacian.shape == (13, 18)


def test_annihilates_constants(scene: Scene) -> None:
    for affinity in (AFFINITY, 100 * SemanticAffinity(), -1 * AFFINITY):
        matrix = affinity.laplacian(scene).matrix
        # Rounding of rows of up to 25 + links entries.
        np.testing.assert_allclose(matrix @ np.ones(13 * 18), 0, atol=1e-13 * abs(matrix).max())


def test_row_sums_are_signed_so_that_repulsion_makes_it_indefinite(scene: Scene) -> None:
    eigenvalues = np.linalg.eigvalsh(
        (MattingAffinity() + 0.1 * SemanticAffinity()).laplacian(scene).matrix.toarray()
    )
    assert eigenvalues[0] < -1e-3


def test_knows_the_colours_that_its_local_part_nearly_annihilates(scene: Scene) -> None:
    laplacian = AFFINITY.laplacian(scene)
    np.testing.assert_array_equal(laplacian.near_null[:, 0], 1)
    np.testing.assert_array_equal(laplacian.near_null[:, 1:], scene.image.reshape(-1, 3))


def test_local_part_links_pixels_at_most_two_apart(scene: Scene) -> None:
    laplacian = AFFINITY.laplacian(scene)
    dense = laplacian.matrix.toarray()
    y, x = np.divmod(np.arange(13 * 18), 18)
    near = (abs(y - y[:, None]) <= 2) & (abs(x - x[:, None]) <= 2) & ~np.eye(13 * 18, dtype=bool)
    expected = np.where(near, dense, 0)
    expected -= np.diag(expected.sum(axis=1))
    assert abs(dense - expected).max() > 1e-4  # there are longer links
    np.testing.assert_allclose(laplacian.local.toarray(), expected, rtol=0, atol=1e-13)


def test_local_part_of_the_matting_term_alone_is_all_of_it(scene: Scene) -> None:
    laplacian = MattingAffinity().laplacian(scene)
    assert abs(laplacian.local - laplacian.matrix).max() < 1e-13


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array, sparse.lil_matrix])
def test_takes_any_sparse_matrix(kind: Any) -> None:
    laplacian = Laplacian(kind(PATH), shape=(2, 3))
    assert isinstance(laplacian.matrix, sparse.csr_array)
    assert laplacian.matrix.dtype == np.float64
    np.testing.assert_array_equal(laplacian.matrix.toarray(), PATH.toarray())
    assert laplacian.near_null is None
    assert repr(laplacian) == "<Laplacian: 3x2 pixels, 16 entries>"


def test_takes_integers_and_duplicate_entries() -> None:
    twice = sparse.coo_array(
        ([1, -1, -1, 1, 1, -1, -1, 1], ([0, 0, 1, 1] * 2, [0, 1, 0, 1] * 2)), shape=(2, 2)
    )
    np.testing.assert_array_equal(Laplacian(twice, shape=(1, 2)).matrix.toarray(), [[2, -2], [-2, 2]])


def test_takes_rounding_for_symmetry() -> None:
    Laplacian(with_entry(0, 1, -1 - 1e-12), shape=(1, 6))


def test_does_not_change_with_the_matrix_it_was_made_of() -> None:
    matrix = sparse.csr_array(PATH)
    laplacian = Laplacian(matrix, shape=(1, 6))
    matrix.data[:] = 0
    assert abs(laplacian.matrix).max() == 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"matrix": PATH.toarray()}, TypeError, "matrix: expected a scipy sparse array, got ndarray"),
        ({"matrix": PATH.tocsr()[:4]}, ValueError, "matrix: expected a square matrix, got shape (4, 6)"),
        ({"matrix": with_entry(0, 3, 1.0)}, ValueError, "matrix: expected a symmetric matrix"),
        ({"matrix": with_entry(2, 2, np.nan)}, ValueError, "matrix: expected finite entries"),
        ({"matrix": with_entry(2, 2, np.inf)}, ValueError, "matrix: expected finite entries"),
        ({"shape": (2, 2)}, ValueError, "shape: expected height * width = 6"),
        ({"near_null": np.ones((5, 2))}, ValueError, "near_null: expected a finite array of shape (6, m)"),
        ({"near_null": np.ones(6)}, ValueError, "near_null: expected a finite array of shape (6, m)"),
        ({"near_null": np.full((6, 1), np.nan)}, ValueError, "near_null: expected a finite array"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"\A{re.escape(message)}[^\n]*\Z"):
        Laplacian(**{"matrix": PATH, "shape": (2, 3), **arguments})


@pytest.mark.parametrize("largest", [1e21, 1e40, float("inf"), float("nan")])
def test_affinities_beyond_single_precision_are_refused(largest: float) -> None:
    affinity = sparse.csr_array([[0.0, largest], [largest, 0.0]])
    message = r"\Aaffinity: expected finite affinities of at most 1e\+20, got [^\n]*\Z"
    with pytest.raises(ValueError, match=message):
        laplacian_of(affinity, np.zeros((1, 2, 3)))
