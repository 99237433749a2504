"""A stand-in for what `segment` returns: the attributes that files and contact sheets are made from."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest


def stand_in(rng: np.random.Generator, height: int, width: int, count: int) -> SimpleNamespace:
    """Return random layers of a random photo; what was found at the working size is half as large."""
    h, w = (height + 1) // 2, (width + 1) // 2
    alphas = rng.random((height, width, count), dtype=np.float32)
    alphas /= alphas.sum(axis=2, keepdims=True)
    colors = rng.random((height, width, count, 3), dtype=np.float32)
    rgba = np.moveaxis(np.concatenate([colors, alphas[..., None]], axis=3), 2, 0)
    return SimpleNamespace(
        image=np.einsum("hwk, hwkc -> hwc", alphas, colors).astype(np.float64),
        alphas=alphas,
        colors=colors,
        rgba=rgba,
        features=rng.random((h, w, 3), dtype=np.float32),
        superpixels=rng.integers(0, 9, (h, w)),
        initial_alphas=rng.normal(0, 0.5, (h, w, 11)).astype(np.float32),
        eigenpairs=SimpleNamespace(
            values=np.sort(rng.normal(0, 1e-3, 20)),
            vectors=rng.normal(size=(h * w, 20)),
            residuals=rng.random(20),
            converged=True,
        ),
        timings={"features": 0.25, "eigenpairs": 1.5},
    )


@pytest.fixture
def make_result(rng: np.random.Generator) -> Callable[[int, int, int], SimpleNamespace]:
    return lambda height, width, count: stand_in(rng, height, width, count)
