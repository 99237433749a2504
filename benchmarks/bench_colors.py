"""How long layers' colors take, and how near they are to known ones, beside PyMatting's one layer at a time.

pytest benchmarks/bench_colors.py               times
python benchmarks/bench_colors.py               the table in docs/guides/colors.md

Composites of photos that come with scikit-image and scikit-learn, with soft masks from seeded noise. The
error is the mean square of the colors' over the pixels and layers where 0.05 < alpha < 0.95.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from softseg.layers import layer_colors

SEED = 7  # the constants in softseg.layers.colors were chosen with other ones
REPEATS = 3  # the fastest counts


@dataclass(frozen=True)
class Composite:
    """Photos mixed by masks of one kind: ``blurred`` blobs, ``fur``, or ``mist`` (mixed far and wide)."""

    kind: str
    count: int
    width: int = 640
    height: int = 480

    @cached_property
    def colors(self) -> np.ndarray:
        """The true layers, (H, W, K, 3)."""
        order = np.random.default_rng(SEED).permutation(6)[: self.count]
        return np.stack([_filling(_photos()[i], self.width, self.height) for i in order], axis=2)

    @cached_property
    def alphas(self) -> np.ndarray:
        """The masks, (H, W, K)."""
        rng = np.random.default_rng(SEED + self.count)
        blobs = _noise(rng, (self.height, self.width, self.count), (self.height / 8, self.height / 8))
        if self.kind == "blurred":
            hard = blobs.argmax(axis=2)[..., None] == np.arange(self.count)
            sharp, soft = (gaussian_filter(hard.astype(float), (s, s, 0)) for s in (2, 8))
            where = np.linspace(0, 1, self.width)[:, None]  # sharp on the left, soft on the right
            alphas = (1 - where) * sharp + where * soft
        elif self.kind == "fur":
            strands = _noise(rng, blobs.shape, (6, 0.8))
            alphas = gaussian_filter(_shares(8 * blobs + 1.2 * strands), (0.6, 0.6, 0))
        else:
            alphas = _shares(4 * blobs)
        alphas = np.clip(alphas - 0.02, 0, None)
        return alphas / alphas.sum(axis=2, keepdims=True)

    @cached_property
    def image(self) -> np.ndarray:
        """What the layers add up to, (H, W, 3)."""
        return np.einsum("hwk, hwkc -> hwc", self.alphas, self.colors)

    def error(self, colors: np.ndarray) -> float:
        """Return the mean squared error of colors where layers mix."""
        mixed = (self.alphas > 0.05) & (self.alphas < 0.95)
        return float(np.square(colors[mixed] - self.colors[mixed]).mean())

    def __repr__(self) -> str:
        return f"{self.kind}, {self.count} layers"


COMPOSITES = [Composite(kind, count) for kind in ("blurred", "fur", "mist") for count in (2, 5)]


@pytest.mark.parametrize("composite", COMPOSITES, ids=repr)
def test_layer_colors(benchmark, composite: Composite) -> None:
    colors = layer_colors(composite.image, composite.alphas)
    added = np.einsum("hwk, hwkc -> hwc", composite.alphas, colors)
    assert np.abs(added - composite.image).max() < 1e-5
    assert composite.error(colors) < composite.error(one_at_a_time(composite.image, composite.alphas))
    benchmark.pedantic(layer_colors, (composite.image, composite.alphas), rounds=REPEATS)


def one_at_a_time(image: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Return PyMatting's colors, each layer before all others together."""
    from pymatting import estimate_foreground_ml  # compiles for a minute when it is first imported

    layers = [np.ascontiguousarray(alphas[..., k]) for k in range(alphas.shape[2])]
    return np.stack([estimate_foreground_ml(image, layer) for layer in layers], axis=2)


def main() -> None:
    """Print the table: errors and times of both, and of the photo's own colors."""
    print("| composite | photo's own | PyMatting per layer | softseg | PyMatting | softseg |")
    print("|---|---|---|---|---|---|")
    for composite in COMPOSITES:
        own = np.repeat(composite.image[:, :, None], composite.count, axis=2)
        theirs, ours = one_at_a_time, layer_colors
        errors = [composite.error(f(composite.image, composite.alphas)) for f in (theirs, ours)]
        seconds = _seconds(composite, theirs, ours)
        cells = [f"{error:.4f}" for error in (composite.error(own), *errors)]
        cells += [f"{took:.2f} s" for took in seconds]
        print(f"| {composite} | " + " | ".join(cells) + " |")


def _seconds(composite: Composite, *functions) -> list[float]:
    """Return each function's shortest time; they take turns, so that a busy machine is busy for all."""
    took = []
    for _ in range(REPEATS):
        for function in functions:
            start = time.perf_counter()
            function(composite.image, composite.alphas)
            took.append(time.perf_counter() - start)
    return [min(took[i :: len(functions)]) for i in range(len(functions))]


def _photos() -> list[np.ndarray]:
    from skimage import data
    from sklearn.datasets import load_sample_images

    return [data.astronaut(), data.chelsea(), data.coffee(), data.rocket(), *load_sample_images().images]


def _filling(photo: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the middle of a photo in that size, float in [0, 1]."""
    scale = min(photo.shape[0] / height, photo.shape[1] / width)
    h, w = int(scale * height), int(scale * width)
    top, left = (photo.shape[0] - h) // 2, (photo.shape[1] - w) // 2
    middle = Image.fromarray(photo[top : top + h, left : left + w])
    return np.asarray(middle.resize((width, height), Image.Resampling.BICUBIC)) / 255


def _noise(rng: np.random.Generator, shape: tuple[int, int, int], sigma: tuple[float, float]) -> np.ndarray:
    noise = gaussian_filter(rng.normal(size=shape), (*sigma, 0))
    return noise / noise.std()


def _shares(strengths: np.ndarray) -> np.ndarray:
    """Return shares of one that follow the strengths' exponentials."""
    odds = np.exp(strengths - strengths.max(axis=2, keepdims=True))
    return odds / odds.sum(axis=2, keepdims=True)


if __name__ == "__main__":
    main()
