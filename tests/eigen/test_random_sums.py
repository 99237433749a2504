"""Every registered eigensolver against LAPACK, on Laplacians of random sums of affinities.

``SOFTSEG_CASES=500 SOFTSEG_SEED=100 pytest tests/eigen/test_random_sums.py`` tries other and more sums. A
failing case is named by its seed.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import linalg, sparse

import softseg.eigen.base
from softseg import Affinity, ColorAffinity, Laplacian, MattingAffinity, Scene, SemanticAffinity
from softseg.eigen import EIGENSOLVERS, PRECONDITIONERS, Eigenpairs, Eigensolver

CASES = int(os.environ.get("SOFTSEG_CASES", "8"))
SEED = int(os.environ.get("SOFTSEG_SEED", "0"))

# Each solver as its registry has it, and the default one with each preconditioner.
SOLVERS = [*EIGENSOLVERS, *(f"LOBPCG(preconditioner={name}())" for name in PRECONDITIONERS)]


@dataclass(frozen=True)
class Case:
    """A Laplacian, and how many pairs are asked for."""

    laplacian: Laplacian
    k: int
    story: str

    @classmethod
    def draw(cls, seed: int) -> Case:
        """Return a random sum of affinities on a random scene of 3x3 to 16x20 pixels."""
        rng = np.random.default_rng(seed)
        height, width = int(rng.integers(3, 17)), int(rng.integers(3, 21))
        image, kind = draw_image(rng, height, width)
        scene = Scene(
            image,
            draw_features(rng, height, width),
            rng.integers(0, 12, (height, width)) if rng.random() < 0.3 else None,
            n_superpixels=int(rng.integers(1, 60)),
        )
        affinity = draw_affinity(rng)
        matrix = affinity.matrix(scene)
        if rng.random() < 0.2:  # cut the photo in two: two unconnected halves
            left = np.tile(np.arange(width) < width // 2, height)
            matrix = matrix.multiply(left[:, None] == left[None]).tocsr()
        matrix = sparse.csr_array(matrix)
        laplacian = Laplacian(sparse.diags_array(matrix.sum(axis=1)) - matrix, scene.shape)
        k = int(rng.integers(1, max(2, height * width // 4)))
        return cls(laplacian, k, f"seed {seed}: {kind} {height}x{width}, k={k}, {affinity}")


def draw_image(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
    kind = str(rng.choice(["noise", "smooth", "constant", "two colors", "gray", "faint"]))
    ramp = np.linspace(0, 1, width)[None, :, None] * np.linspace(0.3, 1, height)[:, None, None]
    images = {
        "noise": rng.random((height, width, 3)),
        "smooth": ramp * rng.random(3),
        "constant": np.full((height, width, 3), rng.random()),
        "two colors": np.where(ramp > 0.3, rng.random(3), rng.random(3)),
        "gray": np.repeat(rng.random((height, width, 1)), 3, axis=2),
        "faint": 0.5 + 1e-8 * rng.random((height, width, 3)),
    }
    return images[kind], kind


def draw_features(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return three channels: random, all alike, or on one line."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.random((height, width, 3))
    if kind == 1:
        return np.full((height, width, 3), 0.5)
    return rng.random((height, width, 1)) * rng.random(3)


def draw_affinity(rng: np.random.Generator) -> Affinity:
    """Return one to three terms, whose weights span twelve orders of magnitude."""
    terms = [
        MattingAffinity(10.0 ** rng.uniform(-9, -1)),
        SemanticAffinity(10.0 ** rng.uniform(-1, 3), rng.uniform(0, 1)),
        ColorAffinity(10.0 ** rng.uniform(-1.5, 0), 10.0 ** rng.uniform(0, 3), rng.uniform(0, 1)),
    ]
    chosen = rng.choice(3, rng.integers(1, 4), replace=False)
    return sum(10.0 ** rng.uniform(-6, 6) * terms[i] for i in chosen)


@pytest.fixture
def no_dense_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let solvers see photos that `Eigensolver.solve` would leave to LAPACK because they are so small."""
    monkeypatch.setattr(softseg.eigen.base, "MOST_DENSE_PIXELS", 0)
    monkeypatch.setattr(softseg.eigen.base, "LEAST_RATIO", 1)


# Sums that were wrong once: small eigenvalues next to a cut far below zero (1096), all of whose diagonal is
# negative (2012), and eigenvalues that all but coincide at ShiftInvert's shift (2003).
@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("seed", [1096, 2003, 2012])
def test_sums_that_were_wrong_once(no_dense_solver: None, seed: int, name: str) -> None:
    case = Case.draw(seed)
    pairs = Eigensolver.parse(name).solve(case.laplacian, case.k)
    assert pairs.converged, case.story
    check(pairs, case)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("exponent", [-900, -130, 60, 130, 900])
def test_the_unit_of_affinities_changes_no_digit(no_dense_solver: None, exponent: int, name: str) -> None:
    case, solver = Case.draw(2), Eigensolver.parse(name)
    matrix = case.laplacian.matrix
    near_one = solver.solve(Laplacian(np.ldexp(1.0, -30) * matrix, case.laplacian.shape), 6)
    scaled = matrix.copy()
    scaled.data = np.ldexp(scaled.data, exponent)
    pairs = solver.solve(Laplacian(scaled, case.laplacian.shape), 6)
    assert pairs.converged
    np.testing.assert_array_equal(np.ldexp(pairs.values, -exponent), np.ldexp(near_one.values, 30))
    np.testing.assert_array_equal(pairs.vectors, near_one.vectors)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (3, 3)])
def test_tiny_photos(shape: tuple[int, int], name: str) -> None:
    n, solver = shape[0] * shape[1], Eigensolver.parse(name)
    matrix = sparse.csr_array(n * np.eye(n) - np.ones((n, n)))
    pairs = solver.solve(Laplacian(matrix, shape), n)
    np.testing.assert_allclose(pairs.values, [0.0] + (n - 1) * [n], atol=1e-12)  # rounding
    with pytest.raises(ValueError, match=rf"^k: expected at most {n} eigenpairs"):
        solver.solve(Laplacian(matrix, shape), n + 1)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("seed", range(SEED, SEED + CASES))
def test_agrees_with_lapack_or_warns(no_dense_solver: None, seed: int, name: str) -> None:
    case = Case.draw(seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pairs = Eigensolver.parse(name).solve(case.laplacian, case.k)
    assert pairs.converged == (not caught), case.story
    if pairs.converged:
        check(pairs, case)


def check(pairs: Eigenpairs, case: Case) -> None:
    """Compare pairs with all of LAPACK's."""
    matrix = case.laplacian.matrix.toarray()
    expected = linalg.eigh(matrix, eigvals_only=True)[: case.k]
    assert pairs.vectors.shape == (len(matrix), case.k), case.story
    np.testing.assert_allclose(
        pairs.vectors.T @ pairs.vectors, np.eye(case.k), rtol=0, atol=1e-5, err_msg=case.story
    )
    # What LOBPCG promises, tol of the mean diagonal entry, by a factor of 20 for its being an estimate; and
    # double precision's rounding of the largest entry.
    scale = np.abs(np.diagonal(matrix))
    tolerance = 2e-5 * scale.mean() + 1e-12 * scale.max()
    np.testing.assert_allclose(pairs.values, expected, rtol=0, atol=tolerance, err_msg=case.story)
    quotients = np.einsum("ik,ij,jk->k", pairs.vectors, matrix, pairs.vectors)
    np.testing.assert_allclose(pairs.values, quotients, rtol=0, atol=tolerance, err_msg=case.story)
