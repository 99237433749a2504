"""Layers of a shrunken photo finished at full size, against the relaxed stage on the whole photo."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
from skimage.data import astronaut

from softseg import ColorAffinity, MattingAffinity, Scene, SemanticAffinity
from softseg.sparsify import PixelBlocks, Unpreconditioned, project_to_simplex, relaxed
from softseg.upsampling import carried_up, carrying, upsample

AFFINITY = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """The astronaut's hair and face before flag and shuttle: soft edges and hard ones."""
    return astronaut()[:160, 120:300] / 255.0


@pytest.fixture(scope="module")
def grouped(image: np.ndarray) -> np.ndarray:
    """Three layers that are smooth functions of colour, as sums of eigenvectors are."""
    light = image.mean(axis=2)
    red = np.clip(2 * (image[:, :, 0] - image[:, :, 2]), 0, 1) * light
    layers = np.stack([1 - light, red, light - red], axis=2)
    return layers / layers.sum(axis=2, keepdims=True)


@pytest.fixture(scope="module")
def at_full_size(image: np.ndarray, grouped: np.ndarray) -> np.ndarray:
    return project_to_simplex(relaxed(grouped, AFFINITY.laplacian(Scene(image, features=image)), image))


def shrunken(grouped: np.ndarray, image: np.ndarray, times: int) -> tuple[np.ndarray, np.ndarray]:
    height, width = (n // times * times for n in image.shape[:2])
    return tuple(
        whole[:height, :width].reshape(height // times, times, width // times, times, -1).mean(axis=(1, 3))
        for whole in (grouped, image)
    )


@pytest.mark.parametrize("times", [2, 4])
def test_agrees_with_the_stage_at_full_size(
    image: np.ndarray, grouped: np.ndarray, at_full_size: np.ndarray, times: int
) -> None:
    layers, small = shrunken(grouped, image, times)
    result = carried_up(layers, small, image)
    error = np.abs(result - at_full_size).mean()
    upsampled = project_to_simplex(upsample(layers, small, image))
    # Measured 0.0031 and 0.0041 of 0.079, most of it the superpixel terms (below).
    assert error < 0.01
    assert error < 0.1 * np.abs(upsampled - at_full_size).mean()


def test_superpixel_terms_hardly_matter_there(
    image: np.ndarray, grouped: np.ndarray, at_full_size: np.ndarray
) -> None:
    without = relaxed(grouped, MattingAffinity().laplacian(Scene(image)), image)
    # Measured 0.0024 on these layers, which are soft all over; 0.0001 on the grouped layers of photos.
    assert np.abs(project_to_simplex(without) - at_full_size).mean() < 0.005


@pytest.mark.parametrize("tile", [64, 100])
def test_tiles_leave_no_seams(
    monkeypatch: pytest.MonkeyPatch, image: np.ndarray, grouped: np.ndarray, tile: int
) -> None:
    layers, small = shrunken(grouped, image, 2)
    whole = carried_up(layers, small, image)  # one tile
    monkeypatch.setattr(carrying, "TILE", tile)
    difference = np.abs(carried_up(layers, small, image) - whole)
    # Conjugate gradients stop at a residual of 1e-6 of a tile's own right-hand side; measured 2e-4 and 7e-6.
    assert difference.max() < 2e-3
    assert difference.mean() < 2e-5


@pytest.mark.parametrize(("shape", "small"), [((3, 3), (3, 3)), ((3, 700), (3, 70)), ((40, 31), (3, 5))])
@pytest.mark.parametrize("count", [1, 6])
def test_result_is_on_the_simplex(
    rng: np.random.Generator, shape: tuple[int, int], small: tuple[int, int], count: int
) -> None:
    layers = rng.dirichlet(np.ones(count), small)
    result = carried_up(layers, rng.random((*small, 3)), rng.random((*shape, 3)))
    assert result.shape == (*shape, count)
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
    np.testing.assert_allclose(result.sum(axis=2), 1, rtol=0, atol=1e-6)


def test_the_preconditioner_is_used(image: np.ndarray, grouped: np.ndarray) -> None:
    layers, small = shrunken(grouped, image, 4)
    default, blocks, plain = (
        carried_up(layers, small, image, preconditioner)
        for preconditioner in (None, PixelBlocks(), Unpreconditioned())
    )
    np.testing.assert_array_equal(default, blocks)
    assert 0 < np.abs(default - plain).mean() < 1e-4  # measured 3e-5


def test_tiles_cut_every_photo_once() -> None:
    for height, width in itertools.product((3, 255, 256, 257, 1000), (5, 512, 513)):
        times_covered = np.zeros((height, width), int)
        for rows, columns in carrying._cut_tiles(height, width):
            assert max(rows.stop - rows.start, columns.stop - columns.start) <= carrying.TILE
            times_covered[rows, columns] += 1
        assert (times_covered == 1).all()


class TestProgress:
    def test_is_told_of_every_tile(
        self, monkeypatch: pytest.MonkeyPatch, image: np.ndarray, grouped: np.ndarray
    ) -> None:
        monkeypatch.setattr(carrying, "TILE", 90)
        calls: list[tuple[int, int]] = []
        carried_up(*shrunken(grouped, image, 4), image, progress=lambda *call: calls.append(call))
        assert calls == [(done, 4) for done in range(5)]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
    def test_what_it_raises_stops_the_work(
        self,
        monkeypatch: pytest.MonkeyPatch,
        image: np.ndarray,
        grouped: np.ndarray,
        error: type[BaseException],
    ) -> None:
        monkeypatch.setattr(carrying, "TILE", 90)
        calls = 0

        def listener(done: int, total: int) -> None:
            nonlocal calls
            calls += 1
            if done == 2:
                raise error

        threads = threading.active_count()
        with pytest.raises(error):
            carried_up(*shrunken(grouped, image, 4), image, progress=listener)
        assert calls == 3
        assert threading.active_count() == threads
