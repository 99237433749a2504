"""Print how far the sampled constrained stage leads the final layers from the exact one.

The numbers are in docs/notes/performance.md.

python benchmarks/constrained.py [FOLDER]      (default: four photos that come with scikit-image)

Photos are resized to 192x128; of a FOLDER one in twelve is taken, by name. The exact path has exact
eigenpairs, all pixels and direct solves. Superpixels, clusters and groups are the same: each initial layer
goes to the exact path's group that it overlaps most. Printed is the mean absolute difference of the alphas,
for the default solver's eigenpairs with all pixels, and with samples of three seeds. A mean above 0.02 is an
error.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from agreement import grouped_by_overlap
from skimage import data, io
from skimage.transform import resize

from softseg import Scene
from softseg.affinity.default import AFFINITY
from softseg.eigen import LOBPCG, ShiftInvert
from softseg.features import get_extractor
from softseg.sparsify import constrained, group, initial_clusters, project_to_simplex, relaxed

SIDES = (128, 192)  # pixels, the shorter and the longer side
EVERY = 12  # photo of a folder
SEEDS = range(3)
N_LAYERS = 5
MOST_DIFFERENCE = 0.02  # mean over the photos


def main() -> None:
    """Print a line for each photo, and the means."""
    rows = []
    for name, photo in photos():
        rows.append(differences(photo))
        print(f"{name}: all pixels {rows[-1][0]:.4f}, samples {rows[-1][1]:.4f}", flush=True)
    means = np.mean(rows, axis=0)
    print(f"mean: all pixels {means[0]:.4f}, samples {means[1]:.4f}")
    if means[1] > MOST_DIFFERENCE:
        raise ValueError(f"wrong answer: layers differ by {means[1]:.4f} from the exact path's")


def photos() -> list[tuple[str, np.ndarray]]:
    """Return the photos and their names."""
    if len(sys.argv) > 1:
        return [(path.stem, io.imread(path)) for path in sorted(Path(sys.argv[1]).glob("*.jpg"))[::EVERY]]
    return [(name, getattr(data, name)()) for name in ("astronaut", "chelsea", "coffee", "rocket")]


def differences(photo: np.ndarray) -> tuple[float, float]:
    """Return the differences from the exact path's layers: over all pixels, and over samples."""
    size = SIDES if photo.shape[0] <= photo.shape[1] else SIDES[::-1]
    image = resize(photo[..., :3] / 255, size, order=3, anti_aliasing=True, mode="reflect").clip(0, 1)
    scene = Scene(image, get_extractor("default").preprocessed(image))
    laplacian, clusters = AFFINITY.laplacian(scene), initial_clusters(scene.features)
    exact = constrained(ShiftInvert().solve(laplacian, 100), clusters, sample=None)
    groups = group(exact, scene.features, N_LAYERS)
    pairs = LOBPCG().solve(laplacian, 100)

    def finish(layers: np.ndarray) -> np.ndarray:
        return project_to_simplex(relaxed(layers, laplacian, image))

    def difference(layers: np.ndarray) -> float:
        return float(np.abs(finish(grouped_by_overlap(layers, groups)) - target).mean())

    target = finish(groups)
    sampled = [difference(constrained(pairs, clusters, rng=seed)) for seed in SEEDS]
    return difference(constrained(pairs, clusters, sample=None)), float(np.mean(sampled))


if __name__ == "__main__":
    main()
