"""The stencil against the matrix it was made of, written out whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse

from softseg import ColorAffinity, Laplacian, MattingAffinity, Scene, SemanticAffinity, _threads
from softseg.grid import Stencil

AFFINITY = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()
SHAPES = [(3, 3), (3, 40), (40, 3), (5, 4), (13, 18), (61, 83)]  # the last one is longer than a chunk


def product(
    stencil: Stencil, planes: np.ndarray, added: np.ndarray, coupling: float
) -> tuple[np.ndarray, float]:
    """Return (Id x L + coupling * 1 1' x Id + diag(added)) planes by the stencil, and the inner product."""
    out = np.full_like(planes, np.nan)
    inner = stencil.multiply(stencil.diagonal + added, coupling, stencil.padded(planes), out)
    return out, inner


def dense_product(
    matrix: np.ndarray | sparse.csr_array, planes: np.ndarray, added: np.ndarray, coupling: float
) -> np.ndarray:
    return (matrix @ planes.T).T + added * planes + coupling * planes.sum(axis=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 5, 9])
def test_product_is_the_matrix_product(
    rng: np.random.Generator, make_scene: Callable[..., Scene], shape: tuple[int, int], count: int
) -> None:
    laplacian = AFFINITY.laplacian(make_scene(*shape))
    planes, added = rng.normal(size=(2, count, shape[0] * shape[1]))
    expected = dense_product(laplacian.matrix, planes, added, 100.0)
    result, inner = product(Stencil.of(laplacian), planes, added, 100.0)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-11)
    assert inner == pytest.approx(np.vdot(planes, expected), rel=1e-10, abs=1e-8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 9), (9, 2), (6, 8)])
@pytest.mark.parametrize("density", [0.05, 1.0])
def test_any_symmetric_matrix(rng: np.random.Generator, shape: tuple[int, int], density: float) -> None:
    n = shape[0] * shape[1]
    matrix = rng.normal(size=(n, n)) * (rng.random((n, n)) < density)
    matrix = matrix + matrix.T
    planes, added = rng.normal(size=(2, 3, n))
    result, _ = product(Stencil.of(Laplacian(sparse.csr_array(matrix), shape)), planes, added, 2.0)
    np.testing.assert_allclose(result, dense_product(matrix, planes, added, 2.0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_of_half_stencil_is_of_the_matting_laplacian(
    rng: np.random.Generator, make_scene: Callable[..., Scene], shape: tuple[int, int]
) -> None:
    scene, affinity = make_scene(*shape), MattingAffinity(epsilon=1e-5)
    slow = Stencil.of(affinity.laplacian(scene))
    fast = Stencil.of_half_stencil(affinity.half_stencil(scene.image))
    np.testing.assert_array_equal(fast.half, slow.half)
    np.testing.assert_allclose(fast.diagonal, slow.diagonal, rtol=0, atol=1e-12)
    assert fast.far is None


def test_what_is_padded_lies_inside(rng: np.random.Generator) -> None:
    stencil = Stencil.of_half_stencil(MattingAffinity().half_stencil(rng.random((5, 7, 3))))
    planes = rng.random((4, 35))
    padded = stencil.padded(planes)
    np.testing.assert_array_equal(stencil.inside(padded), planes)
    assert padded.sum() == pytest.approx(planes.sum())
    assert repr(stencil) == "<Stencil: 7x5 pixels>"


def test_products_do_not_depend_on_the_number_of_threads(
    rng: np.random.Generator, make_scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(61, 83)
    stencil, planes = Stencil.of(AFFINITY.laplacian(scene)), rng.normal(size=(5, 61 * 83))
    results = []
    for threads in (1, 3):
        monkeypatch.setattr(_threads, "cores", lambda threads=threads: threads)
        results.append(product(stencil, planes, np.ones_like(planes), 100.0))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]
