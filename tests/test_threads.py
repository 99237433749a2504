"""Work in threads: the pieces, and BLAS put back to what it was."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from softseg._threads import cores, row_blocks, workers


def blas_threads() -> list[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.mark.parametrize(("n", "size", "count"), [(0, 4, 0), (1, 4, 1), (4, 4, 1), (9, 4, 3), (5, 1, 5)])
def test_row_blocks_cut_all_rows_once(n: int, size: int, count: int) -> None:
    blocks = row_blocks(n, size)
    assert len(blocks) == count
    assert [row for block in blocks for row in range(n)[block]] == list(range(n))


def test_there_is_a_core() -> None:
    assert cores() >= 1


def test_blas_is_single_threaded_meanwhile() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with workers() as pool:
            assert set(blas_threads()) == {1}
            assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]
        assert blas_threads() == before


def test_blas_is_put_back_when_two_calls_overlap() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        first, second = workers(), workers()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(blas_threads()) == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == before
