"""Results without a decomposition: random layers of a random photo, and all that goes with them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from softseg import MattingAffinity, Scene
from softseg.eigen import Eigenpairs
from softseg.result import SoftSegmentation


def random_result(rng: np.random.Generator, height: int, width: int, count: int) -> SoftSegmentation:
    """Return random layers of a random photo; what was found at the working size is half as large."""
    h, w = max((height + 1) // 2, 3), max((width + 1) // 2, 3)
    alphas = rng.random((height, width, count), dtype=np.float32)
    alphas /= alphas.sum(axis=2, keepdims=True)
    colors = rng.random((height, width, count, 3), dtype=np.float32)
    vectors, _ = np.linalg.qr(rng.normal(size=(h * w, min(20, h * w - 1))))
    k = vectors.shape[1]
    return SoftSegmentation(
        image=np.clip(np.einsum("hwk, hwkc -> hwc", alphas, colors, dtype=float), 0, 1),
        alphas=alphas,
        scene=Scene(
            rng.random((h, w, 3), dtype=np.float32),
            rng.random((h, w, 3), dtype=np.float32),
            rng.integers(0, 9, (h, w)),
        ),
        affinity=MattingAffinity(),
        eigenpairs=Eigenpairs(np.sort(rng.normal(0, 1e-3, k)), vectors, rng.random(k), True),
        # Near [0, 1], as combinations of the eigenvectors and a constant.
        initial_alphas=(vectors @ rng.normal(size=(k, 11)) + 0.1).reshape(h, w, 11),
        timings={"features": 0.25, "eigenpairs": 1.5},
        given_colors=colors,
    )


def stand_in(rng: np.random.Generator, height: int, width: int, count: int) -> SimpleNamespace:
    """Return the same with attributes that can be changed."""
    result = random_result(rng, height, width, count)
    names = (
        "image alphas colors rgba order scene features superpixels affinity eigenpairs initial_alphas timings"
    )
    return SimpleNamespace(**{name: getattr(result, name) for name in names.split()})
