"""Networks on devices: names of devices, and tiles where memory runs out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softseg.features import _inference
from softseg.features._inference import as_batch, as_features, describe_within_memory, find_device


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(_inference, "TILES", (32, 16))
    monkeypatch.setattr(_inference, "OVERLAP", 6)


class Memory:
    """A description of photos that fails above a number of pixels, and counts what it was asked."""

    def __init__(self, pixels, error=MemoryError):
        self.pixels, self.error, self.sizes = pixels, error, []

    def __call__(self, image):
        self.sizes.append(image.shape[:2])
        if image.shape[0] * image.shape[1] > self.pixels:
            raise self.error
        return np.concatenate([image, image**2], axis=2).astype(np.float32)


ERRORS = [
    MemoryError(),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("MPS backend out of memory"),
]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("shape", [(20, 45), (70, 33), (33, 8)])
def test_tiles_say_what_the_whole_says(rng, error, shape):
    image = rng.random((*shape, 3))
    with pytest.warns(UserWarning, match=r"^features: out of memory; computed in tiles of 32 pixels"):
        tiled = describe_within_memory(Memory(shape[0] * shape[1] - 1, error), image)
    assert tiled.dtype == np.float32
    # A description pixel by pixel: blending equal values changes their last bit at most.
    np.testing.assert_allclose(tiled, Memory(10**6)(image), atol=1e-6)


def test_no_tiles_where_memory_suffices(rng):
    memory = Memory(10**6)
    describe_within_memory(memory, rng.random((70, 80, 3)))
    assert memory.sizes == [(70, 80)]


def test_smaller_tiles_follow(rng):
    image, memory = rng.random((40, 50, 3)), Memory(16 * 16)
    with (
        pytest.warns(UserWarning, match="tiles of 32 pixels"),
        pytest.warns(UserWarning, match="tiles of 16 pixels"),
    ):
        tiled = describe_within_memory(memory, image)
    assert set(memory.sizes) == {(40, 50), (32, 32), (16, 16)}
    np.testing.assert_allclose(tiled[..., :3], image, atol=1e-6)


def test_seams_are_blended():
    # Tiles that answer by how many they are: from one value to the next in small steps, not in one.
    count = iter(range(100))

    def describe(image):
        if image.shape[1] > 32:
            raise MemoryError
        return np.full((*image.shape[:2], 1), float(next(count)), np.float32)

    with pytest.warns(UserWarning, match="tiles of 32"):
        line = describe_within_memory(describe, np.zeros((10, 58, 3)))[5, :, 0]
    assert line[0] == 0
    assert line[-1] == 1
    assert (np.diff(line) >= 0).all()
    assert np.diff(line).max() < 0.3


def test_when_not_even_tiles_fit():
    with (
        pytest.warns(UserWarning, match="tiles of"),
        pytest.raises(MemoryError, match=r"^features: out of memory, even in tiles"),
    ):
        describe_within_memory(Memory(10), np.zeros((40, 50, 3)))


def test_other_errors_are_not_taken_for_it():
    with pytest.raises(RuntimeError, match="shapes do not match"):
        describe_within_memory(Memory(0, RuntimeError("shapes do not match")), np.zeros((40, 50, 3)))


@pytest.mark.parametrize("name", ["gpu0", "cuda:99", "cpu:x"])
def test_unknown_devices_are_refused_in_one_line(name):
    with pytest.raises(ValueError, match=f"^device: expected one that torch can use here, got '{name}'") as e:
        find_device(name)
    assert "\n" not in str(e.value)


def test_photos_to_batches_and_maps_to_features(rng):
    image = rng.random((5, 7, 3))
    batch = as_batch(image, torch.device("cpu"))
    assert batch.shape == (1, 3, 5, 7)
    assert batch.dtype == torch.float32
    assert batch[0, 2, 4, 1] == np.float32(image[4, 1, 2])
    features = as_features(batch.to(torch.float64))
    assert features.flags.c_contiguous
    np.testing.assert_array_equal(features, image.astype(np.float32))


def test_a_network_that_gives_nan_is_told():
    with pytest.raises(ValueError, match=r"^features: expected finite values, got NaN or infinity"):
        as_features(torch.full((1, 2, 3, 4), torch.nan))
