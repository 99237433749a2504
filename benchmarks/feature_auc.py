"""Print the table of docs/features.md: how well features tell pixel pairs of one region from others.

    python benchmarks/feature_auc.py ../shared/data/regions
    python benchmarks/feature_auc.py ../shared/data/regions --checkpoint run/weights.safetensors

The folder holds bsds500/val and msrc/train, photos with label maps as docs/features.md describes. Scores are
those of softseg.features.training.photo_auc, 400 pixels per photo, seeded by the photo's place in the set;
means over photos.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage.color import rgb2lab

from softseg.features import CompactFeatures, LowLevelFeatures, preprocess
from softseg.features.training import Folder, photo_auc
from softseg.features.training.data import Example, load

COMPONENTS = (3, 5, 8)


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
        "compact": CompactFeatures(arguments.checkpoint).extract,
    }
    msrc = examples(arguments.folder, "msrc/train")
    sets = {
        "bsds500/val": examples(arguments.folder, "bsds500/val")[: arguments.images],
        "msrc/train, last fifth": msrc[-(len(msrc) // 5) :][: arguments.images],
    }
    columns = ["raw", *(f"{n} components" for n in COMPONENTS)]
    print("| features | photos | " + " | ".join(columns) + " |\n|---|---|" + "---|" * len(columns))
    for name, extract in extractors.items():
        for title, photos in sets.items():
            means = np.nanmean([scores(extract, k, example) for k, example in enumerate(photos)], axis=0)
            print(f"| {name} | {title} | " + " | ".join(f"{mean:.4f}" for mean in means) + " |", flush=True)


def examples(root: Path, path: str) -> list[Example]:
    """Decode a folder's photos and label maps."""
    return list(load((Folder(path),), root).training)


def scores(extract: Callable[[np.ndarray], np.ndarray], k: int, example: Example) -> list[float]:
    """Score one photo's features, raw and after preprocessing to fewer and more components."""
    image = example.photo / 255.0
    raw = extract(image)
    variants = [raw, *(preprocess(raw, image, n_components=n) for n in COMPONENTS)]
    found = [photo_auc(variant, example.regions, np.random.default_rng(k)) for variant in variants]
    return [np.nan if score is None else score for score in found]


if __name__ == "__main__":
    main()
