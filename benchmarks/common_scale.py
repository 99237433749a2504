"""Print the AUC of components on one common scale, on 20 photos of two sets: docs/notes/features.md.

    python benchmarks/common_scale.py FOLDER

FOLDER is that of benchmarks/feature_auc.py. What it does to layers is what
``python benchmarks/objects.py FOLDER --photos 5 default common-3 common-5`` prints.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from feature_auc import SETS, held_out

from softseg.features import FeatureExtractor, LiteFeatures, guided_filter, preprocess
from softseg.features.preprocessing import _project_on_components
from softseg.training import photo_auc

PHOTOS = 20  # of each set


@dataclass(frozen=True)
class CommonScale(FeatureExtractor):
    """The default features, preprocessed to components that keep their ranges relative to each other."""

    n_components: int = 3

    def extract(self, image: np.ndarray) -> np.ndarray:
        """Return the default network's features."""
        return LiteFeatures().extract(image)

    def preprocessed(self, image: np.ndarray, n_components: int = 3) -> np.ndarray:
        """Return as many components as this extractor was made for, whatever is asked for."""
        return on_common_scale(self.extract(image), image, self.n_components)


def on_common_scale(raw: np.ndarray, image: np.ndarray, n: int) -> np.ndarray:
    """Return n principal components of filtered features, of which the widest is stretched to [0, 1]."""
    filtered = np.moveaxis(guided_filter(raw, image), 2, 0)  # features are within [-1, 1]: nothing to clip
    components = _project_on_components(np.ascontiguousarray(filtered.reshape(len(filtered), -1)), n)
    components -= components.min(axis=1, keepdims=True)
    return np.moveaxis((components / components.max()).reshape(n, *image.shape[:2]), 0, -1).copy()


def main() -> None:
    """Print a line for each set."""
    print("| photos | raw | 3 stretched | 3 on a common scale | 5 on a common scale |\n|---|---|---|---|---|")
    for title in ("bsds500/val", "msrc/train, last fifth"):
        scores = []
        for k, example in enumerate(held_out(Path(sys.argv[1]), *SETS[title])[:PHOTOS]):
            image = example.photo / 255.0
            raw = LiteFeatures().extract(image)
            variants = (raw, preprocess(raw, image), *(on_common_scale(raw, image, n) for n in (3, 5)))
            scores.append([photo_auc(v, example.regions, np.random.default_rng(k)) for v in variants])
        means = np.nanmean(np.array(scores, float), axis=0)
        print(f"| {title} | " + " | ".join(f"{mean:.4f}" for mean in means) + " |", flush=True)


if __name__ == "__main__":
    main()
