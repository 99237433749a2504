"""Count the layers of composites with known objects, and draw those of photos: docs/guides/layer-count.md.

python benchmarks/layer_count.py [CACHE [PICTURE]]     (default: no cache, docs/images/layer-count.png)

CACHE is a folder for the initial layers, which take a few seconds each. The composites are made of materials
cut from the photos bundled with scikit-image and scikit-learn.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage import data
from skimage.transform import resize
from sklearn.datasets import load_sample_image

from softseg import segment
from softseg.images import eight_bits, shrink
from softseg.layers.arrangement import PALETTE
from softseg.sparsify import group, merged_layers, project_to_simplex, relaxed

HALVES = {"tuning": range(3), "held out": range(3, 6)}  # seeds
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "stereo_motorcycle", "coins", "china", "flower")
HEIGHT, WIDTH = 180, 240
COUNTS = range(2, 9)
COVERED = 0.6  # share of the canvas that the objects before the background cover together
SOFTNESS = 1.2  # pixels, the standard deviation of the objects' edges
OVERLAP = 0.02  # share of an object that may lie over those before it
GAP, LABEL = 6, 16  # pixels between the pictures, and above them for the labels


@dataclass(frozen=True)
class Material:
    """A piece of a photo that shows one thing: rows, columns, and how much it is shrunk."""

    photo: str
    rows: tuple[int, int]
    columns: tuple[int, int]
    shrink: float = 1
    tint: tuple[float, float, float] = (1, 1, 1)

    def texture(
        self, rng: np.random.Generator, shape: tuple[int, int] = (HEIGHT, WIDTH), scale: float = 1
    ) -> np.ndarray:
        """Return the material all over a canvas, enlarged, mirrored at its edges, shifted at random."""
        piece = photograph(self.photo)[slice(*self.rows), slice(*self.columns)] * self.tint
        size = [round(scale * n / self.shrink) for n in piece.shape[:2]]
        piece = resize(piece, size, anti_aliasing=self.shrink > scale)
        mirrored = np.pad(piece, [(0, piece.shape[0]), (0, piece.shape[1]), (0, 0)], mode="symmetric")
        y, x = rng.integers(mirrored.shape[0]), rng.integers(mirrored.shape[1])
        rows, columns = np.arange(y, y + shape[0]), np.arange(x, x + shape[1])
        return mirrored[np.ix_(rows % mirrored.shape[0], columns % mirrored.shape[1])]


# Materials that look alike, to the eye or to the features, share a row: a composite has at most one of each.
LOOKS = (
    (
        Material("china", (10, 190), (330, 630)),  # sky
        Material("astronaut", (10, 80), (300, 365)),  # wall
        Material("page", (10, 180), (170, 370)),  # print
        Material("immunohistochemistry", (400, 505), (170, 235)),  # cells
    ),
    (
        Material("astronaut", (340, 470), (60, 130)),  # space suit
        Material("retina", (600, 1100), (700, 1250), 2),
        Material("flower", (120, 270), (240, 380)),  # petals
        Material("coffee", (200, 290), (115, 170)),  # saucer
    ),
    (
        Material("chelsea", (170, 290), (20, 140)),  # fur
        Material("coffee", (200, 390), (0, 65)),  # wood
        Material("immunohistochemistry", (20, 140), (10, 110)),  # tissue
    ),
    (
        Material("hubble_deep_field", (300, 700), (300, 800), 2),  # stars
        Material("china", (350, 420), (400, 520)),  # bush
    ),
    (
        Material("gravel", (0, 512), (0, 512), 2),
        Material("moon", (150, 512), (0, 150)),
    ),
    (Material("brick", (0, 512), (0, 512), 2, (1, 0.6, 0.5)),),
    (Material("grass", (0, 512), (0, 512), 2, (0.7, 1, 0.4)),),
    (
        Material("rocket", (10, 100), (180, 300)),  # evening sky
        Material("flower", (10, 250), (470, 630)),  # leaves out of focus
    ),
)


def main() -> None:
    """Print the table, and draw the picture."""
    cache = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    output = (
        Path(sys.argv[2])
        if len(sys.argv) > 2
        else Path(__file__).parents[1] / "docs" / "images" / "layer-count.png"
    )
    print("| objects | " + " | ".join(f"layers, {half}" for half in HALVES) + " |")
    print("|---|" + "---|" * len(HALVES))
    right = dict.fromkeys(HALVES, 0)
    for count in COUNTS:
        row = {half: [counted(count, seed, cache) for seed in seeds] for half, seeds in HALVES.items()}
        for half, numbers in row.items():
            right[half] += numbers.count(count)
        print(f"| {count} | " + " | ".join(", ".join(map(str, numbers)) for numbers in row.values()) + " |")
    totals = [f"{right[half]} of {len(COUNTS) * len(seeds)}" for half, seeds in HALVES.items()]
    print("| right | " + " | ".join(totals) + " |")
    sheet([photo_panels(name) for name in PHOTOS]).save(output, optimize=True)


def counted(count: int, seed: int, cache: Path | None) -> int:
    """Return how many layers are found in a composite of so many objects."""
    file = cache and cache / f"{count}-{seed}.npz"
    if file and file.exists():
        stored = np.load(file)
        initial, features = stored["initial"], stored["features"]
    else:
        result = segment(composite(count, seed)[0])
        initial, features = result.initial_alphas, result.features
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, initial=initial, features=features)
    return int(merged_layers(initial, features).max()) + 1


def photo_panels(name: str) -> dict[str, np.ndarray]:
    """Return a photo, its five layers in distinct colors, and as many layers as it asks for."""
    image = shrink(photograph(name), HEIGHT * WIDTH)
    result = segment(image)
    grouped = group(result.initial_alphas, result.features, "auto")
    alphas = project_to_simplex(relaxed(grouped, result.laplacian, image))
    return {
        name.removeprefix("stereo_"): image,
        "5 layers": colored(result.alphas),
        f"auto: {alphas.shape[2]} layers": colored(alphas),
    }


def colored(alphas: np.ndarray) -> np.ndarray:
    """Return layers in colors of their own, mixed by their alphas."""
    return alphas @ (PALETTE[: alphas.shape[2]] / 255)


def sheet(rows: list[dict[str, np.ndarray]]) -> Image.Image:
    """Return the pictures with their labels, two photos side by side."""
    columns = 2 * len(rows[0])
    pictures = [item for row in rows for item in row.items()]
    page = Image.new(
        "RGB", (columns * (WIDTH + GAP) - GAP, len(rows) // 2 * (HEIGHT + LABEL + GAP) - GAP), "white"
    )
    draw = ImageDraw.Draw(page)
    for i, (label, picture) in enumerate(pictures):
        x, y = i % columns * (WIDTH + GAP), i // columns * (HEIGHT + LABEL + GAP)
        tile = Image.fromarray(eight_bits(picture))
        tile.thumbnail((WIDTH, HEIGHT))
        draw.text((x + 2, y + 2), label, "black")
        page.paste(tile, (x, y + LABEL))
    return page


def photograph(name: str) -> np.ndarray:
    """Return a bundled photo, RGB in [0, 1]."""
    if name in ("china", "flower"):
        return load_sample_image(f"{name}.jpg") / 255.0
    loaded = getattr(data, name)()
    photo = (loaded[0] if isinstance(loaded, tuple) else loaded) / 255.0
    return photo if photo.ndim == 3 else np.repeat(photo[:, :, None], 3, axis=2)


def composite(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of so many objects, the background among them, and each object's alpha."""
    rng = np.random.default_rng((seed, count))
    looks = rng.choice(len(LOOKS), count, replace=False)
    materials = [LOOKS[look][rng.integers(len(LOOKS[look]))] for look in looks]
    shapes = objects(count - 1, rng)
    alphas = np.concatenate([1 - shapes.sum(axis=2, keepdims=True), shapes], axis=2)
    textures = np.stack([material.texture(rng) for material in materials], axis=2)
    return np.einsum("hwk,hwkc->hwc", alphas, textures), alphas


def objects(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the alphas of blobs that hardly overlap, (H, W, count)."""
    scale = 1.0
    while True:
        hard = np.zeros((HEIGHT, WIDTH, 0), bool)
        for _ in range(200):
            if hard.shape[2] == count:
                soft = ndimage.gaussian_filter(hard.astype(float), (SOFTNESS, SOFTNESS, 0))
                return soft / np.maximum(soft.sum(axis=2, keepdims=True), 1)
            new = blob(scale * COVERED / count, rng)
            taken = hard.any(axis=2)
            if (new & taken).sum() <= OVERLAP * new.sum():
                hard = np.concatenate([hard, (new & ~taken)[:, :, None]], axis=2)
        scale *= 0.97


def blob(share: float, rng: np.random.Generator) -> np.ndarray:
    """Return a wavy ellipse that covers about that share of the canvas and lies well inside it."""
    radius = np.sqrt(min(share, 0.45) * rng.uniform(0.8, 1.2) * HEIGHT * WIDTH / np.pi)
    stretch = rng.uniform(0.8, 1.25)
    ry, rx = radius * stretch, radius / stretch
    margin_y, margin_x = min(ry, HEIGHT / 2), min(rx, WIDTH / 2)
    cy, cx = rng.uniform(margin_y, HEIGHT - margin_y), rng.uniform(margin_x, WIDTH - margin_x)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    angle = np.arctan2((y - cy) / ry, (x - cx) / rx)
    rim = 1 + 0.12 * np.sin(rng.integers(2, 5) * angle + rng.uniform(0, 2 * np.pi))
    return np.hypot((y - cy) / ry, (x - cx) / rx) < rim


if __name__ == "__main__":
    main()
