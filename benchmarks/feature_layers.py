"""Draw photos with their layers by low-level features and by the default network, side by side.

Five layers by the low-level features; five, and as many as the photo asks for, by the network.

    python benchmarks/feature_layers.py docs/images/feature-layers.png
    python benchmarks/feature_layers.py out.png photos/*.jpg

Without photos, six that scikit-image and scikit-learn come with. Layers are in distinct colors, mixed where
they are soft; beside them the features, whose three components are shown as red, green and blue.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_images

from softseg import segment
from softseg.images import as_image, eight_bits, shrink
from softseg.layers.arrangement import PALETTE
from softseg.sparsify import group, project_to_simplex, relaxed

PIXELS = 320 * 240
WIDTH, GAP = 300, 6


def main() -> None:
    """Write one row per photo: photo, low-level features and layers, the network's features and layers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("photos", type=Path, nargs="*")
    arguments = parser.parse_args()
    photos = [as_image(path) for path in arguments.photos] or bundled()
    rows = [row(shrink(photo, PIXELS)) for photo in photos]
    width = max(image.shape[1] for image in rows)
    padded = [np.pad(r, ((0, GAP), (0, width - r.shape[1]), (0, 0)), constant_values=255) for r in rows]
    Image.fromarray(np.vstack(padded)).quantize(255).save(arguments.output)


def bundled() -> list[np.ndarray]:
    """Return the photos that come with the libraries."""
    china, flower = load_sample_images().images
    photos = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket(), china, flower]
    return [as_image(photo) for photo in photos]


def row(photo: np.ndarray) -> np.ndarray:
    """Return one row of the sheet."""
    cells = [photo]
    for features in ("low-level", "default"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # fewer than five layers
            result = segment(photo, features=features)
        cells += [result.features, colored(result.alphas)]
    grouped = group(result.initial_alphas, result.features, "auto")
    cells.append(colored(project_to_simplex(relaxed(grouped, result.laplacian, photo))))
    height = round(photo.shape[0] * WIDTH / photo.shape[1])
    images = [Image.fromarray(eight_bits(cell)).resize((WIDTH, height)) for cell in cells]
    return np.hstack([np.pad(image, ((0, 0), (0, GAP), (0, 0)), constant_values=255) for image in images])


def colored(alphas: np.ndarray) -> np.ndarray:
    """Return layers in colors of their own, mixed by their alphas."""
    return alphas @ (PALETTE[: alphas.shape[2]] / 255)


if __name__ == "__main__":
    main()
