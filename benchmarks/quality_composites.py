"""Composites with known mattes, of bundled photos and made shapes: what benchmarks/quality.py measures on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from layer_count import LOOKS
from layer_count import composite as several_materials
from selection import COMPOSITES, made, photo_named
from skimage.transform import resize
from working_size import MATERIAL_WIDTH, SHAPES, Canvas

import softseg
from softseg.features import get
from softseg.sparsify import kmeans

PHOTOS = ("astronaut", "chelsea", "china", "coffee", "flower", "motorcycle", "rocket")
OF_A_KIND = 10
KINDS = ("hair", "out of focus", "glass")  # of the shapes in working_size.py
COUNTS = (3, 4, 5)  # objects in the composites of several, the background among them
FIRST_SEED = 6  # the rule for the number of layers was chosen with seeds below this
CLUSTERS = 5  # as many as there are layers by default


@dataclass(frozen=True)
class Composite:
    """A picture and the mattes of its objects, (H, W, T), without what is behind them all."""

    kind: str
    name: str
    image: np.ndarray
    truths: np.ndarray

    @cached_property
    def result(self) -> softseg.SoftSegmentation:
        """What softseg makes of the picture by default."""
        return softseg.segment(self.image)

    @cached_property
    def clusters(self) -> np.ndarray:
        """The pixels in five clusters of the bundled network's features, as the network gives them."""
        raw = get("default").extract(self.image)
        return kmeans(raw.reshape(-1, raw.shape[2]), CLUSTERS).reshape(raw.shape[:2])

    @cached_property
    def masks(self) -> np.ndarray:
        """Each pixel's object, 0 for none: where the matte has at least half of its height."""
        relative = self.truths / self.truths.max(axis=(0, 1))
        return np.where(relative.max(axis=2) >= 0.5, 1 + relative.argmax(axis=2), 0)


def composites(canvas: Canvas) -> Iterator[Composite]:
    """Yield all composites, of all kinds in turn."""
    cut_out = COMPOSITES[::2]
    for seed in range(OF_A_KIND):
        for kind in KINDS:
            yield before_photo(kind, seed, canvas)
        if seed < len(cut_out):
            image, mask = made(cut_out[seed], canvas.shape)
            yield Composite("cut out", cut_out[seed].name, image, mask[:, :, None])
            yield several(COUNTS[seed % len(COUNTS)], FIRST_SEED + seed // len(COUNTS), canvas)


def before_photo(kind: str, seed: int, canvas: Canvas) -> Composite:
    """Return a shape of one material before a photo that the material is not from."""
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    behind = PHOTOS[rng.integers(len(PHOTOS))]
    materials = [material for look in LOOKS for material in look if material.photo != behind]
    material = materials[rng.integers(len(materials))]
    front = material.texture(rng, canvas.shape, canvas.width / MATERIAL_WIDTH)
    back = resize(photo_named(behind), canvas.shape, anti_aliasing=True)
    alpha = SHAPES[kind](rng, canvas)[:, :, None]
    image = rounded(alpha * front + (1 - alpha) * back)
    return Composite(kind, f"{kind} {seed}: {material.photo} before {behind}", image, alpha)


def several(count: int, seed: int, canvas: Canvas) -> Composite:
    """Return wavy ellipses of materials before another material, made at 240x180."""
    image, alphas = (resize(a, canvas.shape, anti_aliasing=True) for a in several_materials(count, seed))
    return Composite("several", f"several: {count}, {seed}", rounded(image), alphas[:, :, 1:])


def rounded(image: np.ndarray) -> np.ndarray:
    """Return colors rounded to 8 bits, in [0, 1]."""
    return np.rint(255 * image.clip(0, 1)) / 255
