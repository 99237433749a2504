"""The layers' colors: against the optimality conditions, exactness, and composites with known layers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from softseg.layers import colors, layer_colors

SHAPES = [(3, 3), (13, 18), (17, 32), (1, 9), (9, 1), (3, 40), (1, 1)]


def sums(alphas: np.ndarray, found: np.ndarray) -> np.ndarray:
    return np.einsum("hwk, hwkc -> hwc", alphas, found, dtype=float)


def random_alphas(rng: np.random.Generator, height: int, width: int, count: int) -> np.ndarray:
    """Return alphas of which about a third of the pixels have a single layer, and many layers are absent."""
    alphas = rng.random((height, width, count)) * (rng.random((height, width, count)) < 0.6)
    alphas[..., 0] += 1e-3
    alone = rng.random((height, width)) < 0.3
    alphas[alone] = np.eye(count)[rng.integers(0, count, alone.sum())]
    return alphas / alphas.sum(axis=2, keepdims=True)


def laplacian(alphas: np.ndarray) -> np.ndarray:
    """The energy's dense matrix: 0.03 plus half the alphas' difference for each pair of neighbors."""
    height, width, _ = alphas.shape
    index = np.arange(height * width).reshape(height, width)
    flat = alphas.reshape(height * width, -1)
    result = np.zeros((height * width, height * width))
    for first, second in [(index[:-1], index[1:]), (index[:, :-1], index[:, 1:])]:
        for i, j in zip(first.ravel(), second.ravel(), strict=True):
            weight = 0.03 + np.abs(flat[i] - flat[j]).sum() / 2
            result[[i, j], [i, j]] += weight
            result[[i, j], [j, i]] -= weight
    return result


@pytest.mark.parametrize("shape", [(4, 5), (6, 3)])
@pytest.mark.parametrize("count", [2, 3])
def test_the_minimum_is_that_of_a_dense_solve(monkeypatch, rng, shape: tuple[int, int], count: int) -> None:
    """Colors near gray touch no bound: the minimum solves one linear system with a multiplier per pixel."""
    monkeypatch.setattr(colors, "SWEEPS", 500)
    alphas = rng.dirichlet(np.full(count, 2.0), shape)
    image = 0.5 + rng.uniform(-0.03, 0.03, (*shape, 3))
    pixels = shape[0] * shape[1]
    energy = np.kron(laplacian(alphas), np.eye(count))
    constraints = np.zeros((pixels, pixels * count))
    for i, row in enumerate(alphas.reshape(pixels, count)):
        constraints[i, i * count : (i + 1) * count] = row
    system = np.block([[energy, constraints.T], [constraints, np.zeros((pixels, pixels))]])
    right = np.concatenate([np.zeros((pixels * count, 3)), image.reshape(pixels, 3)])
    expected = np.linalg.solve(system, right)[: pixels * count].reshape(*shape, count, 3)
    assert 0.1 < expected.min() < expected.max() < 0.9
    np.testing.assert_allclose(layer_colors(image, alphas), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("count", [2, 3, 6])
def test_at_the_bounds_the_optimality_conditions_hold(monkeypatch, rng, count: int) -> None:
    """The gradient is the pixel's multiplier times alpha; at 0 it may be more, at 1 less."""
    monkeypatch.setattr(colors, "SWEEPS", 300)
    alphas = random_alphas(rng, 6, 7, count)
    image = rng.uniform(-0.5, 1.5, (6, 7, 3)).clip(0, 1)
    found = layer_colors(image, alphas).astype(float)
    assert (np.isin(found, (0, 1)) & (alphas > 0)[..., None]).mean() > 0.1  # of the colors
    gradient = np.tensordot(laplacian(alphas), found.reshape(42, count, 3), 1).reshape(found.shape)
    for y, x, c in np.ndindex(6, 7, 3):
        slopes, alpha, point = gradient[y, x, :, c], alphas[y, x], found[y, x, :, c]
        shown = alpha > 1e-6
        multiplier = slopes[shown] / alpha[shown]
        slack = 1e-5 / alpha[shown]  # of the gradient
        lowest = (multiplier - slack)[point[shown] > 0].max(initial=-np.inf)
        highest = (multiplier + slack)[point[shown] < 1].min(initial=np.inf)
        assert lowest <= highest
        # A layer that does not show is the mean of its neighbors.
        assert np.abs(slopes[~shown]).max(initial=0) < 1e-5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_colors_add_up_and_stay_in_range(rng, shape: tuple[int, int], count: int) -> None:
    alphas = random_alphas(rng, *shape, count)
    image = rng.random((*shape, 3))
    image[rng.random(shape) < 0.2] = 0
    image[rng.random(shape) < 0.2] = 1
    found = layer_colors(image, alphas)
    assert found.shape == (*shape, count, 3)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert 0 <= found.min() <= found.max() <= 1
    np.testing.assert_allclose(sums(alphas, found), image, rtol=0, atol=1e-5)


@pytest.mark.parametrize("excess", [-1e-5, 1e-5])
def test_alphas_may_miss_one_by_rounding(rng, excess: float) -> None:
    alphas = random_alphas(rng, 12, 15, 4) * (1 + excess)
    image = rng.integers(0, 2, (12, 15, 3)).astype(float)
    found = layer_colors(image, alphas)
    assert 0 <= found.min() <= found.max() <= 1
    np.testing.assert_allclose(sums(alphas, found), image, rtol=0, atol=2e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_layer_is_the_photo(rng, dtype: type) -> None:
    image = rng.random((8, 11, 3)).astype(dtype)
    found = layer_colors(image, np.ones((8, 11, 1), dtype))
    np.testing.assert_allclose(found[:, :, 0], image, rtol=0, atol=1e-6)


@pytest.mark.parametrize("color", [(0.0, 0.5, 1.0), (1.0, 1.0, 1.0), (0.2, 0.7, 0.1)])
def test_a_photo_of_one_color_has_layers_of_that_color(rng, color: tuple[float, float, float]) -> None:
    found = layer_colors(np.full((11, 6, 3), color), random_alphas(rng, 11, 6, 4))
    # Layers that hardly show are found to single precision over their alpha, 1e-3 at the least.
    np.testing.assert_allclose(found, np.broadcast_to(color, found.shape), rtol=0, atol=1e-4)


def test_hard_layers_keep_the_photo_and_go_on_behind_each_other() -> None:
    left = np.repeat((np.arange(40) < 17)[None, :, None], 24, axis=0).astype(float)
    alphas = np.concatenate([left, 1 - left], axis=2)
    image = alphas @ np.array([[0.9, 0.2, 0.1], [0.1, 0.3, 0.8]])
    found = layer_colors(image, alphas)
    np.testing.assert_allclose(found[:, :, 0], np.broadcast_to((0.9, 0.2, 0.1), image.shape), atol=0.02)
    np.testing.assert_allclose(found[:, :, 1], np.broadcast_to((0.1, 0.3, 0.8), image.shape), atol=0.02)


def test_a_soft_edge_of_three_flat_colors_is_taken_apart() -> None:
    y, x = np.mgrid[:60, :80]
    hard = np.stack([x < 30, (x >= 30) & (y < 25), (x >= 30) & (y >= 25)], axis=2).astype(float)
    alphas = gaussian_filter(hard, (3, 3, 0))
    palette = np.array([[0.9, 0.2, 0.1], [0.1, 0.7, 0.3], [0.3, 0.2, 0.8]])
    found = layer_colors(alphas @ palette, alphas)
    shown = alphas > 0.05
    np.testing.assert_allclose(found[shown], np.broadcast_to(palette, found.shape)[shown], atol=0.02)


def test_the_layers_order_does_not_matter(rng) -> None:
    alphas, image = random_alphas(rng, 14, 9, 4), rng.random((14, 9, 3))
    order = [2, 0, 3, 1]
    swapped = layer_colors(image, alphas[..., order])
    # Rounding moves the colors of layers that hardly show.
    np.testing.assert_allclose(swapped, layer_colors(image, alphas)[:, :, order], rtol=0, atol=1e-3)


def test_the_bits_do_not_depend_on_the_number_of_cores(monkeypatch, rng) -> None:
    alphas, image = random_alphas(rng, 70, 90, 5), rng.random((70, 90, 3))
    monkeypatch.setattr("softseg._threads.cores", lambda: 3)
    several = layer_colors(image, alphas)
    monkeypatch.setattr("softseg._threads.cores", lambda: 1)
    one = layer_colors(image, alphas)
    np.testing.assert_array_equal(one, several)


@pytest.mark.parametrize("shape", [(1, 70), (70, 1), (90, 33), (131, 20), (64, 64)])
@pytest.mark.parametrize("strip", [1, 45, 64])
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_the_bits_do_not_depend_on_the_strips(
    monkeypatch, rng, shape: tuple[int, int], strip: int, piece: int
) -> None:
    alphas, image = random_alphas(rng, *shape, 4), rng.random((*shape, 3))
    whole = layer_colors(image, alphas)
    monkeypatch.setattr(colors, "STRIP_PIXELS", strip * shape[1])
    monkeypatch.setattr(colors, "PIECE_PIXELS", piece * shape[1])
    np.testing.assert_array_equal(layer_colors(image, alphas), whole)
    place = 0
    for rows, found in colors.solve_in_pieces(image, alphas):
        assert rows.start == place
        assert 0 < rows.stop - rows.start <= piece
        np.testing.assert_array_equal(found, whole[rows])
        place = rows.stop
    assert place == shape[0]


def test_a_long_search_ticks(monkeypatch, rng) -> None:
    ticks = []
    monkeypatch.setattr(colors, "tick", lambda: ticks.append(1))
    monkeypatch.setattr(colors, "STRIP_PIXELS", 20 * 30)
    layer_colors(rng.random((200, 30, 3)), random_alphas(rng, 200, 30, 2))
    assert len(ticks) > 200 / 20


def test_arguments_are_left_alone(rng) -> None:
    alphas = random_alphas(rng, 9, 8, 3).astype(np.float32)
    image = rng.random((9, 8, 3)).astype(np.float32)
    before = alphas.copy(), image.copy()
    layer_colors(image, alphas)
    np.testing.assert_array_equal(alphas, before[0])
    np.testing.assert_array_equal(image, before[1])


def fur(rng: np.random.Generator, height: int, width: int, count: int) -> np.ndarray:
    """Return alphas of blobs whose borders are frayed along one direction."""
    blobs = gaussian_filter(rng.normal(size=(height, width, count)), (height / 8, height / 8, 0))
    strands = gaussian_filter(rng.normal(size=(height, width, count)), (5, 0.7, 0))
    odds = np.exp(8 * blobs / blobs.std() + 1.2 * strands / strands.std())
    alphas = np.clip(odds / odds.sum(axis=2, keepdims=True) - 0.02, 0, None)
    return alphas / alphas.sum(axis=2, keepdims=True)


@pytest.mark.parametrize("count", [2, 4])
def test_less_error_than_one_matte_at_a_time(rng, count: int) -> None:
    """Where layers mix, colors are nearer the truth than PyMatting's, which sees one layer and the rest."""
    from pymatting import estimate_foreground_ml  # compiles for a minute when it is first imported

    photos = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()][:count]
    size = 96, 80
    true = np.stack([np.asarray(Image.fromarray(photo).resize(size)) / 255 for photo in photos], axis=2)
    alphas = fur(rng, size[1], size[0], count)
    image = sums(alphas, true)
    mixed = (alphas > 0.05) & (alphas < 0.95)
    assert mixed.mean() > 0.05
    theirs = np.stack([estimate_foreground_ml(image, alphas[..., k]) for k in range(count)], axis=2)
    error, their_error = (
        np.square(found[mixed] - true[mixed]).mean() for found in (layer_colors(image, alphas), theirs)
    )
    assert error < 0.8 * their_error
