"""How long each affinity's matrix takes, and the Laplacian's."""

from __future__ import annotations

import numpy as np
import pytest

from softseg import Affinity, ColorAffinity, MattingAffinity, Scene, SemanticAffinity


def matting_row(image: np.ndarray, y: int, x: int) -> dict[tuple[int, int], float]:
    """One pixel's matting affinities, window by window from the definition."""
    row: dict[tuple[int, int], float] = {}
    for cy in range(max(y - 1, 1), min(y + 2, image.shape[0] - 1)):
        for cx in range(max(x - 1, 1), min(x + 2, image.shape[1] - 1)):
            colors = image[cy - 1 : cy + 2, cx - 1 : cx + 2].reshape(9, 3)
            mean = colors.mean(axis=0)
            inverse = np.linalg.inv(np.cov(colors.T, bias=True) + 1e-7 / 9 * np.eye(3))
            for n, color in enumerate(colors):
                at = (cy - 1 + n // 3, cx - 1 + n % 3)
                row[at] = row.get(at, 0) + (1 + (image[y, x] - mean) @ inverse @ (color - mean)) / 9
    return row


def test_matting(benchmark, scene: Scene) -> None:
    W = MattingAffinity().matrix(scene)
    width = scene.shape[1]
    for y, x in [(0, 0), (17, 90), (95, 127)]:
        for (v, u), value in matting_row(scene.image, y, x).items():
            assert W[y * width + x, v * width + u] == pytest.approx(value, abs=1e-7)
    benchmark(MattingAffinity().matrix, scene)


@pytest.mark.parametrize("affinity", [SemanticAffinity(), ColorAffinity()], ids=repr)
def test_superpixel_terms(benchmark, scene: Scene, affinity: Affinity) -> None:
    W = affinity.matrix(scene)
    linked = np.unique(W.tocoo().row)
    assert abs(W - W.T).max() == 0
    assert np.isin(linked, scene.representative_pixels).all()
    assert -1 <= W.data.min() <= W.data.max() <= 2  # two superpixels may share a pixel: entries add
    benchmark(affinity.matrix, scene)


def test_laplacian(benchmark, scene: Scene) -> None:
    affinity = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()
    L = affinity.laplacian(scene).matrix
    assert abs(L @ np.ones(L.shape[0])).max() < 1e-10
    benchmark(affinity.laplacian, scene)
