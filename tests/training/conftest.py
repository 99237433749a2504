"""Ten small photos with label maps of two annotators; shapes are striped otherwise than the ground."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

Y, X = np.mgrid[:64, :96]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute in one thread: on crops this small, threads mostly wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def photos(tmp_path) -> Path:
    """Return a folder of ten photos in the layout "regions"."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(11)
    for k in range(10):
        regions = _regions(rng)
        Image.fromarray(_painted(regions, rng)).save(folder / f"photo{k}.jpg", quality=95)
        # The second annotator does not tell the second shape from the ground.
        for annotator, labels in enumerate([regions, np.where(regions == 3, 1, regions)]):
            Image.fromarray(labels).save(folder / f"photo{k}.regions{annotator}.png")
    return folder


def _regions(rng: np.random.Generator) -> np.ndarray:
    regions = np.ones(Y.shape, np.uint8)
    for number in (2, 3):
        center = rng.uniform(0.2, 0.8, 2) * Y.shape
        regions[np.hypot(Y - center[0], X - center[1]) < rng.uniform(12, 24)] = number
    return regions


def _painted(regions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Paint the ground with vertical stripes and shapes with horizontal ones, of the same two colors."""
    stripes = np.sin(np.where(regions == 1, X, Y) * 1.2)[..., None]
    photo = rng.uniform(90, 160, 3) + stripes * rng.uniform(40, 80, 3) + rng.normal(0, 10, (*Y.shape, 3))
    return np.clip(photo, 0, 255).astype(np.uint8)
