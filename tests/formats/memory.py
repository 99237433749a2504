"""How much memory saving takes."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from softseg.layers import LayerStack, colors, save
from softseg.testing import random_result

# A photo of noise, so that nothing is compressed, and so large that constant costs do not count.
HEIGHT, WIDTH, LAYERS = 600, 500, 8


def peak_per_pixel(path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> float:
    """Return the most bytes per pixel that saving there takes at once, with colors found in small pieces."""
    alphas = rng.dirichlet(np.full(LAYERS, 0.1), (HEIGHT, WIDTH)).astype(np.float32)
    stack = LayerStack(rng.random((HEIGHT, WIDTH, 3)), alphas)
    monkeypatch.setattr(colors, "STRIP_PIXELS", 50 * WIDTH)
    monkeypatch.setattr(colors, "PIECE_PIXELS", 10 * WIDTH)
    save(path.with_stem("warm"), random_result(rng, 5, 8, LAYERS))
    tracemalloc.start()
    try:
        save(path, stack)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak / (HEIGHT * WIDTH)
