"""Algebra of tall blocks against NumPy's."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

from softseg.eigen import blocks as blocks_module
from softseg.eigen.blocks import TallBlocks, columns, times_block


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [1, 7])
def test_sparse_times_block(rng: np.random.Generator, dtype: type, columns: int) -> None:
    matrix = sparse.random_array((700, 300), density=0.02, rng=rng, format="csr", dtype=dtype)
    block = rng.normal(size=(300, columns)).astype(dtype)
    product = times_block(matrix, block)
    assert product.dtype == dtype
    np.testing.assert_allclose(product, matrix @ block, atol=10 * np.finfo(dtype).eps)


def test_sparse_times_a_block_in_another_memory_order(rng: np.random.Generator) -> None:
    matrix = sparse.random_array((50, 30), density=0.2, rng=rng, format="csr")
    block = rng.normal(size=(4, 30)).T
    np.testing.assert_allclose(times_block(matrix, block), matrix @ block, atol=1e-14)


class TestTallBlocks:
    """Products by pieces equal those at once."""

    @pytest.fixture(autouse=True)
    def small_pieces(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(blocks_module, "BLOCK_BYTES", 2**12)

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

    def test_product_plus_addend(
        self, dense: TallBlocks, blocks: list[np.ndarray], rng: np.random.Generator
    ) -> None:
        coefficients, addend = rng.normal(size=(4, 5)), rng.normal(size=(2500, 5))
        product = dense.product(blocks[:1], coefficients, addend)
        np.testing.assert_allclose(product, blocks[0] @ coefficients + addend, atol=1e-12)

    def test_stacked_gram(self, dense: TallBlocks, blocks: list[np.ndarray]) -> None:
        expected = np.hstack(blocks).T @ blocks[0]
        np.testing.assert_allclose(dense.stacked_gram(blocks, blocks[0]), expected, atol=1e-11)

    @pytest.mark.parametrize("kept", [3, 4])
    def test_transformed(
        self, dense: TallBlocks, blocks: list[np.ndarray], rng: np.random.Generator, kept: int
    ) -> None:
        coefficients = rng.normal(size=(4, kept))
        expected = blocks[0] @ coefficients
        block, gram = dense.transformed(blocks[0].copy(), coefficients)
        np.testing.assert_allclose(block, expected, atol=1e-12)
        np.testing.assert_allclose(gram, expected.T @ expected, atol=1e-10)

    def test_subtract_product(
        self, dense: TallBlocks, blocks: list[np.ndarray], rng: np.random.Generator
    ) -> None:
        coefficients, block = rng.normal(size=(8, 5)), rng.normal(size=(2500, 5))
        expected = block - np.hstack(blocks) @ coefficients
        gram = dense.subtract_product(block, blocks, coefficients)
        np.testing.assert_allclose(block, expected, atol=1e-12)
        np.testing.assert_allclose(gram, expected.T @ expected, atol=1e-10)

    def test_subtract_scaled(self, dense: TallBlocks, blocks: list[np.ndarray]) -> None:
        other, factors = blocks[0][:, :3] + 1, np.array([0.5, -2.0, 0.0])
        left = blocks[2].copy()
        norms = dense.subtract_scaled(left, other, factors)
        np.testing.assert_allclose(left, blocks[2] - other * factors, atol=1e-12)
        np.testing.assert_allclose(norms, np.linalg.norm(left, axis=0), rtol=1e-12)

    def test_column_products(self, dense: TallBlocks, blocks: list[np.ndarray]) -> None:
        products = dense.column_products(blocks[2], blocks[0][:, :3])
        np.testing.assert_allclose(products, (blocks[2] * blocks[0][:, :3]).sum(axis=0), atol=1e-10)

    def test_single_precision_stays_single_but_sums_in_double(
        self, dense: TallBlocks, blocks: list[np.ndarray]
    ) -> None:
        single = [block.astype(np.float32) for block in blocks]
        assert dense.gram(single[0], single[2]).dtype == np.float64
        assert dense.product(single[:1], np.eye(4)).dtype == np.float32
        # Pieces of a few hundred rows, whose rounding errors are of either sign.
        np.testing.assert_allclose(dense.gram(single[0], single[2]), blocks[0].T @ blocks[2], atol=1e-3)


def test_columns(rng: np.random.Generator) -> None:
    block = rng.normal(size=(700, 5))
    chosen = np.array([True, False, True, False, False])
    np.testing.assert_array_equal(columns(block, chosen), block[:, [0, 2]])
    assert columns(block, np.ones(5, bool)) is block
    assert columns(block, np.zeros(5, bool)).shape == (700, 0)
