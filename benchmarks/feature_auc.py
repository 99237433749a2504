"""Print the table of docs/guides/features.md: how well features tell pixel pairs of one region from others.

    python benchmarks/feature_auc.py FOLDER
    python benchmarks/feature_auc.py FOLDER --checkpoint run/weights.safetensors

FOLDER holds the sets that docs/guides/features.md describes, photos with label maps; none of the photos
scored were trained on. Scores are those of softseg.training.photo_auc, 400 pixels per photo, seeded by the
photo's place in the set; means over photos. Photos without pairs of both kinds are left out.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage.color import rgb2lab

from softseg.features import LiteFeatures, LowLevelFeatures, preprocess
from softseg.training import Folder, photo_auc
from softseg.training.data import Example, find, read

COMPONENTS = (3, 5, 8)

# What is scored: the folder, and the share of its photos, last by file name, that training leaves out.
SETS = {
    "bsds500/val": ("bsds500/val", 1.0),
    "msrc/train, last fifth": ("msrc/train", 0.2),
    **{f"{name}/train, last tenth": (f"{name}/train", 0.1) for name in ("coco", "pets", "horses", "ccp")},
}


def main() -> None:
    """Print a row per extractor and set, a column per number of components."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="weights to score in place of those shipped")
    parser.add_argument("--images", type=int, default=100, help="at most so many photos of each set")
    arguments = parser.parse_args()
    extractors: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "CIELAB color": lambda image: rgb2lab(image) / 100,
        "low-level": LowLevelFeatures().extract,
        "default": LiteFeatures(arguments.checkpoint).extract,
    }
    sets = {
        title: held_out(arguments.folder, path, share)[: arguments.images]
        for title, (path, share) in SETS.items()
    }
    columns = ["raw", *(f"{n} components" for n in COMPONENTS)]
    print("| features | photos | " + " | ".join(columns) + " |\n|---|---|" + "---|" * len(columns))
    for name, extract in extractors.items():
        for title, photos in sets.items():
            means = np.nanmean([scores(extract, k, example) for k, example in enumerate(photos)], axis=0)
            print(f"| {name} | {title} | " + " | ".join(f"{mean:.4f}" for mean in means) + " |", flush=True)


def held_out(root: Path, path: str, share: float) -> list[Example]:
    """Decode the last photos of a folder and their label maps."""
    folder = Folder(path)
    pairs = find(folder, root)
    return [read(photo, maps, folder) for photo, maps in pairs[len(pairs) - math.floor(share * len(pairs)) :]]


def scores(extract: Callable[[np.ndarray], np.ndarray], k: int, example: Example) -> list[float]:
    """Score one photo's features, raw and after preprocessing to fewer and more components."""
    image = example.photo / 255.0
    raw = extract(image)
    variants = [raw, *(preprocess(raw, image, n_components=n) for n in COMPONENTS)]
    found = [photo_auc(variant, example.regions, np.random.default_rng(k)) for variant in variants]
    return [np.nan if score is None else score for score in found]


if __name__ == "__main__":
    main()
