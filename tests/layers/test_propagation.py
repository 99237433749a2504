"""Edit propagation, against dense algebra."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy import linalg

from softseg import ColorAffinity, Laplacian, MattingAffinity, Scene, SemanticAffinity, SoftSegmentation
from softseg.eigen import ShiftInvert
from softseg.grid import solver
from softseg.images import shrink
from softseg.layers import propagate
from softseg.layers.propagation import REST, STROKE

# Semantics ten times as strong as published, so that the small scene's Laplacian has negative eigenvalues.
AFFINITY = MattingAffinity() + 0.1 * SemanticAffinity() + 0.01 * ColorAffinity()


def decomposed(scene: Scene, image: np.ndarray | None = None) -> SoftSegmentation:
    """Return a result with all that propagation looks at, and one layer."""
    laplacian = AFFINITY.laplacian(scene)
    pairs = ShiftInvert().solve(laplacian, 40)
    image = scene.image if image is None else image
    layer = np.ones((*image.shape[:2], 1), np.float32)
    initial = np.ones((*scene.shape, 1), np.float32)
    return SoftSegmentation(image, layer, scene, AFFINITY, pairs, initial, {}, given_laplacian=laplacian)


@pytest.fixture
def result(scene: Scene) -> SoftSegmentation:
    return decomposed(scene)


@pytest.fixture
def strokes() -> np.ndarray:
    """Return one stroke on the disk of the small scene, and one in a corner."""
    labels = np.zeros((13, 18), int)
    labels[5, 5:9] = 1
    labels[10:12, 15:] = 2
    return labels


def dense(result: SoftSegmentation, strokes: np.ndarray, values: list[float]) -> np.ndarray:
    eigenvalues, vectors = linalg.eigh(result.laplacian.matrix.toarray())
    smooth = vectors @ np.diag(np.maximum(eigenvalues, 0)) @ vectors.T
    rest = REST / strokes.size
    weights = STROKE * (strokes.ravel() > 0)
    wanted = np.array([0, *values])[strokes.ravel()]
    return np.linalg.solve(smooth + np.diag(weights + rest), weights * wanted).reshape(strokes.shape)


def test_agrees_with_dense_algebra(result: SoftSegmentation, strokes: np.ndarray) -> None:
    assert result.eigenpairs.values[0] < -1e-4
    spread = propagate(result, strokes, [0.8, -0.3])
    assert spread.dtype == np.float32
    expected = np.clip(dense(result, strokes, [0.8, -0.3]), -0.3, 0.8)
    np.testing.assert_allclose(spread, expected, rtol=0, atol=1e-5)


def test_strokes_reach_what_is_alike_and_no_farther(make_scene: Any) -> None:
    scene = make_scene(24, 32)
    result = decomposed(scene)
    disk = scene.features[..., 0] > 0.5
    strokes = np.zeros((24, 32), int)
    strokes[10, 11:14] = 1
    alone = propagate(result, strokes, [1.0])
    assert alone[disk].mean() > 0.8
    assert alone[~disk].mean() < 0.15
    strokes[1, 2:30] = 2
    both = propagate(result, strokes, [1.0, 0.0])
    assert both[disk].mean() > 0.8
    assert both[~disk].mean() < 0.8 * alone[~disk].mean()


class TestPhotosAboveWorkingSize:
    @pytest.fixture
    def result(self, make_scene: Any) -> SoftSegmentation:
        photo = make_scene(48, 66).image
        small = shrink(photo, 24 * 33)
        disk = make_scene(24, 33)
        return decomposed(Scene(small, disk.features, disk.superpixels), photo)

    def test_strokes_are_at_full_size_and_however_thin(self, result: SoftSegmentation) -> None:
        strokes = np.zeros((48, 66), int)
        strokes[20, 25] = 1  # a quarter of a working pixel
        spread = propagate(result, strokes, [0.5])
        assert spread.shape == (48, 66)
        small = np.zeros((24, 33), int)
        small[10, 12] = 1
        at_working_size = dense(result, small, [0.5])
        means = spread.reshape(24, 2, 33, 2).mean(axis=(1, 3))
        # Carried up by models of 4 x 4 windows; the scene has grain, measured 0.025 of 0.5.
        assert at_working_size.max() > 0.35
        assert np.abs(means - at_working_size).mean() < 0.04

    def test_strokes_that_share_a_working_pixel_meet_in_the_middle(self, result: SoftSegmentation) -> None:
        two, one = np.zeros((48, 66), int), np.zeros((48, 66), int)
        two[20, 24], two[20, 25], one[20, 24] = 1, 2, 1
        np.testing.assert_allclose(
            propagate(result, two, [0.2, 0.4]).clip(0, 0.3), propagate(result, one, [0.3]), atol=1e-6
        )


@pytest.mark.parametrize("exponent", [-1000, -140, 120])
def test_strengths_of_any_size(result: SoftSegmentation, strokes: np.ndarray, exponent: int) -> None:
    values = np.array([0.75, -0.25])
    expected = np.ldexp(propagate(result, strokes, values).astype(float), exponent).astype(np.float32)
    np.testing.assert_array_equal(propagate(result, strokes, np.ldexp(values, exponent)), expected)


def test_affinities_that_differ_by_many_orders_of_magnitude(make_scene: Any, strokes: np.ndarray) -> None:
    scene = make_scene(13, 18)
    affinity = 1e-3 * MattingAffinity() + 1e3 * ColorAffinity()
    laplacian = affinity.laplacian(scene)
    result = dataclasses.replace(
        decomposed(scene), eigenpairs=ShiftInvert().solve(laplacian, 40), given_laplacian=laplacian
    )
    # Errors of the raised eigenvalues are multiplied by the weights.
    expected = dense(result, strokes, [0.8, -0.3]).clip(-0.3, 0.8)
    np.testing.assert_allclose(propagate(result, strokes, [0.8, -0.3]), expected, rtol=0, atol=1e-4)


def test_what_cannot_be_solved_is_one_line(
    result: SoftSegmentation, strokes: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solver, "MOST_ITERATIONS", 1)
    with pytest.raises(ValueError, match=r"\Aresult: the system [^\n]*; segment again with [^\n]*\Z"):
        propagate(result, strokes, [1.0, 0.5])


def test_a_mask_is_one_stroke(result: SoftSegmentation, strokes: np.ndarray) -> None:
    np.testing.assert_array_equal(
        propagate(result, strokes == 1, [0.7]), propagate(result, (strokes == 1).astype(int), [0.7])
    )


def test_all_attraction_needs_no_raising(scene: Scene, strokes: np.ndarray) -> None:
    result = decomposed(scene)
    laplacian = MattingAffinity().laplacian(scene)
    plain = SoftSegmentation(
        result.image,
        result.alphas,
        scene,
        MattingAffinity(),
        ShiftInvert().solve(laplacian, 40),
        result.initial_alphas,
        {},
        given_laplacian=Laplacian(laplacian.matrix, scene.shape),
    )
    expected = dense(plain, strokes, [0.8, 0.0]).clip(0, 0.8)
    np.testing.assert_allclose(propagate(plain, strokes, [0.8, 0]), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 3), (3, 50), (8, 8), (24, 32)])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_strong_repulsion_between_neighbors(shape: tuple[int, int], count: int) -> None:
    # One superpixel for each pixel, as strong as the matting term, and too few eigenvectors for all cuts.
    scene = Scene(
        np.random.default_rng(0).random((*shape, 3)),
        np.random.default_rng(1).random((*shape, 3)),
        np.arange(shape[0] * shape[1]).reshape(shape),
    )
    affinity = MattingAffinity() + SemanticAffinity()
    laplacian = affinity.laplacian(scene)
    pairs = ShiftInvert().solve(laplacian, count)
    assert pairs.values[0] < -0.1
    one = np.ones((*shape, 1), np.float32)
    result = SoftSegmentation(scene.image, one, scene, affinity, pairs, one, {}, given_laplacian=laplacian)
    strokes = np.zeros(shape, int)
    strokes[0, 0] = 1
    spread = propagate(result, strokes, [1.0])
    raised = np.maximum(pairs.values, 0) - pairs.values
    unknown = max(-pairs.values[-1], 0)
    matrix = laplacian.matrix.toarray() + unknown * np.eye(strokes.size)
    matrix += pairs.vectors @ np.diag(raised - unknown) @ pairs.vectors.T
    matrix += np.diag(STROKE * (strokes.ravel() > 0) + REST / strokes.size)
    expected = np.linalg.solve(matrix, STROKE * (strokes.ravel() > 0)).reshape(shape).clip(0, 1)
    np.testing.assert_allclose(spread, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "values", "kind", "message"),
    [
        (np.zeros((13, 18), int), [1], ValueError, "strokes: expected at least one stroke"),
        (np.ones((13, 17), int), [1], ValueError, r"strokes: expected shape \(13, 18\)"),
        (np.ones((13, 18)), [1], TypeError, "strokes: expected integers"),
        (np.full((13, 18), 2), [1], ValueError, "strokes: expected numbers from 0 to 1"),
        (np.eye(13, 18, dtype=int) * 2 - 1, [1], ValueError, "strokes: expected numbers from 0 to 1"),
        (np.ones((13, 18), int), [], ValueError, "values: expected one number for each stroke"),
        (np.ones((13, 18), int), 1.0, ValueError, "values: expected one number for each stroke"),
        (np.ones((13, 18), int), [np.nan], ValueError, "values: expected finite"),
        (np.ones((13, 18), int), ["much"], TypeError, "values: expected numbers"),
    ],
)
def test_errors(
    result: SoftSegmentation, labels: np.ndarray, values: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        propagate(result, labels, values)
    assert "\n" not in str(caught.value)
