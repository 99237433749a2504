"""How long features take: extraction, guided filter, preprocessing; each is checked before it is timed.

pytest benchmarks/bench_features.py
"""

from __future__ import annotations

import numpy as np
import pytest

from softseg.features import LiteFeatures, LowLevelFeatures, guided_filter, preprocess

SIZE, EPSILON = 10, 0.01
BEFORE, AFTER = (SIZE - 1) // 2, SIZE // 2


def photo(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(0).normal(0, 0.05, (height, width, 3))
    return np.clip(np.stack([x / width, y / height, (x > y) * 0.7], axis=2) + noise, 0, 1)


def window(values: np.ndarray, y: int, x: int, back: int, ahead: int) -> np.ndarray:
    rows = np.clip(np.arange(y - back, y + ahead + 1), 0, values.shape[0] - 1)
    columns = np.clip(np.arange(x - back, x + ahead + 1), 0, values.shape[1] - 1)
    return values[np.ix_(rows, columns)].reshape(len(rows), len(columns), -1)


def direct_guided_filter(features: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """He, Sun, Tang eq. 19-21, window by window."""
    height, width, channels = features.shape
    models = np.empty((height, width, 4, channels))
    for y in range(height):
        for x in range(width):
            colours = window(guide, y, x, BEFORE, AFTER).reshape(-1, 3)
            values = window(features, y, x, BEFORE, AFTER).reshape(-1, channels)
            spread = np.cov(colours.T, bias=True) + EPSILON * np.eye(3)
            models[y, x, :3] = np.linalg.solve(
                spread, (colours - colours.mean(0)).T @ (values - values.mean(0)) / SIZE**2
            )
            models[y, x, 3] = values.mean(0) - colours.mean(0) @ models[y, x, :3]
    filtered = np.empty(features.shape)
    for y in range(height):
        for x in range(width):
            mean = window(models.reshape(height, width, -1), y, x, AFTER, BEFORE).mean((0, 1)).reshape(4, -1)
            filtered[y, x] = guide[y, x] @ mean[:3] + mean[3]
    return filtered


def direct_preprocess(features: np.ndarray, image: np.ndarray) -> np.ndarray:
    pixels = direct_guided_filter(np.clip(features, -5, 5), image).reshape(-1, features.shape[2])
    _, _, axes = np.linalg.svd(pixels - pixels.mean(0), full_matrices=False)
    projected = (pixels - pixels.mean(0)) @ axes[:3].T
    return ((projected - projected.min(0)) / np.ptp(projected, axis=0)).reshape(*image.shape[:2], 3)


def raw(height: int, width: int, channels: int) -> np.ndarray:
    """Return features with three clear patterns, float32 as networks give them."""
    y, x = np.mgrid[:height, :width]
    patterns = np.stack([np.sin(x / 4), 0.6 * np.cos(y / 5), 0.35 * np.sin((x + y) / 3)], axis=2)
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.05, (height, width, channels))
    return (patterns @ rng.normal(size=(3, channels)) + noise).astype(np.float32)


@pytest.mark.parametrize("channels", [3, 128])
def test_guided_filter(benchmark, channels):
    small = raw(25, 33, channels), photo(25, 33)
    np.testing.assert_allclose(guided_filter(*small), direct_guided_filter(*small), atol=5e-6)
    benchmark.pedantic(guided_filter, (raw(480, 640, channels), photo(480, 640)), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("channels", [6, 128])
def test_preprocess(benchmark, channels):
    small = raw(25, 33, channels), photo(25, 33)
    result, expected = preprocess(*small), direct_preprocess(*small)
    distance = np.minimum(np.abs(result - expected).max((0, 1)), np.abs(result - (1 - expected)).max((0, 1)))
    assert distance.max() < 2e-5  # up to the sign of each component
    benchmark.pedantic(preprocess, (raw(480, 640, channels), photo(480, 640)), rounds=3, warmup_rounds=1)


def test_low_level_features(benchmark):
    y, x = np.mgrid[:25, :33]
    inside = (x - 15) ** 2 + (y - 12) ** 2 < 64
    features = LowLevelFeatures().extract(np.where(inside[..., None], (0.8, 0.1, 0.1), (0.1, 0.2, 0.8)))
    assert max(np.ptp(features[inside], axis=0).max(), np.ptp(features[~inside], axis=0).max()) < 1e-6
    benchmark.pedantic(LowLevelFeatures().extract, (photo(480, 640),), rounds=3, warmup_rounds=1)


def test_default_features(benchmark) -> None:
    # The mean over a photo and its mirror image: features of the mirror image are mirrored.
    small, extractor = photo(96, 128), LiteFeatures()
    mirrored = extractor.extract(small[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(mirrored, extractor.extract(small), atol=1e-4)  # float32 in another order
    benchmark.pedantic(extractor.extract, (photo(480, 640),), rounds=5, warmup_rounds=1)
