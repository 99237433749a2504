"""Draw one crop of a photo's layer side by side, as each way to full size makes it: docs/images/crop.png.

python benchmarks/crops.py [OUTPUT]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage.data import chelsea
from skimage.transform import resize

from softseg import ColorAffinity, Laplacian, MattingAffinity, Scene, SemanticAffinity
from softseg.eigen import LOBPCG
from softseg.features import get, preprocess
from softseg.images import eight_bits, shrink
from softseg.sparsify import constrained, group, initial_clusters, project_to_simplex, relaxed
from softseg.upsampling import carried_up, upsample

AFFINITY = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()
SHRUNK = 9  # times fewer pixels at working size
CROP = slice(60, 190), slice(10, 140)  # the cat's whiskers on its left
ZOOM = 3
GAP, LABEL = 6, 16  # pixels between the pictures, and above them for the labels


def main() -> None:
    """Bring one photo to full size in each way, and draw the layer that is softest in the crop."""
    output = (
        Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "images" / "crop.png"
    )
    image = chelsea() / 255.0
    features = preprocess(get("low-level").extract(image), image)
    scene = Scene(image, features)
    laplacian = AFFINITY.laplacian(scene)
    grouped = grouped_layers(scene, laplacian)
    small = shrink(image, image.shape[0] * image.shape[1] // SHRUNK)
    grouped_small, features_small = (
        resize(values, small.shape[:2], order=1, anti_aliasing=True) for values in (grouped, features)
    )
    laplacian_small = AFFINITY.laplacian(Scene(small, features_small))

    at_full_size = project_to_simplex(relaxed(grouped, laplacian, image))
    at_working_size = project_to_simplex(relaxed(grouped_small, laplacian_small, small))
    ways = {
        "full-size solve": at_full_size,
        "working size + carried up": carried_up(grouped_small, small, image),
        "working size, models only": upsample(at_working_size, small, image),
        "working size, bilinear": resize(at_working_size, image.shape[:2], order=1, mode="edge"),
    }
    soft = (at_full_size > 0.1) & (at_full_size < 0.9)
    band = soft.any(axis=2)
    for name, alphas in ways.items():
        difference = np.abs(alphas - at_full_size)
        print(f"{name:28} differs by {difference.mean():.4f}, at soft edges {difference[band].mean():.4f}")
    layer = int(soft[CROP].sum(axis=(0, 1)).argmax())
    pictures = {"photo": image} | {name: layer_picture(alphas[:, :, layer]) for name, alphas in ways.items()}
    side_by_side({name: picture[CROP] for name, picture in pictures.items()}).save(output)


def grouped_layers(scene: Scene, laplacian: Laplacian) -> np.ndarray:
    """Return the grouped layers of the whole photo."""
    pairs = LOBPCG().solve(laplacian, 100)
    return group(constrained(pairs, initial_clusters(scene.features)), scene.features)


def layer_picture(alpha: np.ndarray) -> np.ndarray:
    """Return an alpha as a grey picture, white where the layer is opaque."""
    return np.repeat(np.clip(alpha, 0, 1)[:, :, None], 3, axis=2)


def side_by_side(pictures: dict[str, np.ndarray]) -> Image.Image:
    """Return the labelled pictures in a row, each pixel a square of ZOOM x ZOOM."""
    height, width = (ZOOM * n for n in next(iter(pictures.values())).shape[:2])
    sheet = Image.new("RGB", (len(pictures) * (width + GAP) - GAP, height + LABEL), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (name, picture) in enumerate(pictures.items()):
        tile = Image.fromarray(eight_bits(picture)).resize((width, height), Image.Resampling.NEAREST)
        sheet.paste(tile, (i * (width + GAP), LABEL))
        draw.text((i * (width + GAP) + 2, 2), name, "black")
    return sheet


if __name__ == "__main__":
    main()
