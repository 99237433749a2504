"""Print the table of docs/notes/layer-count.md that compares rules for the automatic number of layers.

    python benchmarks/grouping_rules.py FOLDER [CACHE]

FOLDER holds photos with outlined objects, as for benchmarks/objects.py. CACHE is a folder for the initial
layers, which take a few seconds for each of 42 composites and 32 photos. All rules merge the same initial
layers, and the groups are scored before the relaxed stage.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from layer_count import COUNTS, HALVES, composite
from objects import SETS, examples, objects, score

from softseg import segment
from softseg.sparsify import layer_count, project_to_simplex
from softseg.sparsify.layer_count import FEWEST_AUTOMATIC_LAYERS, MOST_AUTOMATIC_LAYERS, SMALL_AREA

PHOTOS = 8  # of each set

# A rule says how far two layers exceed what may be merged, of which 1 is the limit. It is a function of their
# squared distance over (1 / k)^2 and of their merger's cost over 1 / (k - 1): see docs/notes/layer-count.md.
Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]
RULES: dict[str, Rule] = {
    **{f"the distance alone, to {c} / k": lambda d, w, c=c: d / c**2 for c in (0.63, 0.7, 1.2)},
    "Ward's cost alone, to 0.25 / (k - 1)": lambda d, w: w / 0.25,
    **{f"both, with {c} / (k - 1)": lambda d, w, c=c: d / 0.63**2 * w / c for c in (0.25, 0.15)},
}


def main() -> None:
    """Print a line for each rule."""
    folder, cache = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    composites = [
        (count, *initial_layers(lambda c=count, s=seed: composite(c, s)[0], cache, f"{count}-{seed}"))
        for count in COUNTS
        for seeds in HALVES.values()
        for seed in seeds
    ]
    photos = [
        (
            name,
            example.regions[0],
            *initial_layers(lambda e=example: e.photo / 255.0, cache, f"{name}-{stem}"),
        )
        for name in SETS
        for stem, example in examples(folder, name, PHOTOS)
    ]
    print("| rule | composites right | best single layer | best union | layers |\n|---|---|---|---|---|")
    for title, rule in RULES.items():
        right = sum(merge(alphas, features, rule).max() + 1 == n for n, alphas, features in composites)
        single, union, count = score_photos(photos, rule)
        print(
            f"| {title} | {right} of {len(composites)} | {single:.3f} | {union:.3f} | {count:.1f} |",
            flush=True,
        )


def initial_layers(
    make: Callable[[], np.ndarray], cache: Path | None, key: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the initial layers and the features of a photo, from the cache if they are there."""
    file = cache and cache / f"{key}.npz"
    if file and file.exists():
        stored = np.load(file)
        return stored["initial"].astype(float), stored["features"]
    result = segment(make())
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, initial=result.initial_alphas, features=result.features)
    return result.initial_alphas, result.features


def merge(alphas: np.ndarray, features: np.ndarray, rule: Rule) -> np.ndarray:
    """Return each layer's group by a rule."""
    initial = layer_count._Sums.over(alphas, features)
    variance, groups = initial.find_variance(), np.arange(alphas.shape[2])
    while (count := groups.max() + 1) > FEWEST_AUTOMATIC_LAYERS:
        layers = initial.of_groups(groups)
        apart = layer_count._find_differences(layers.means[:, None])
        cost = layer_count._find_costs(layers.area, apart, variance) * (count - 1)
        excess = rule((layer_count._measure_distances(layers) * count) ** 2, cost)
        np.fill_diagonal(excess, np.inf)
        small = layers.area < SMALL_AREA * layers.area.sum()
        if small.any():
            excess[~(small[:, None] | small)] = np.inf
        kept, joining = sorted(np.unravel_index(np.argmin(excess), excess.shape))
        if excess[kept, joining] > 1 and count <= MOST_AUTOMATIC_LAYERS and not small.any():
            break
        groups = np.unique(np.where(groups == joining, kept, groups), return_inverse=True)[1]
    return groups


def score_photos(photos: list[tuple], rule: Rule) -> np.ndarray:
    """Return the IoU of the best single layer and of the best union, and how many layers: means over sets."""
    found: dict[str, list[list[float]]] = {name: [] for name in SETS}
    for name, labels, alphas, features in photos:
        groups = merge(alphas, features, rule)
        sums = np.stack([alphas[..., groups == g].sum(axis=2) for g in range(groups.max() + 1)], axis=2)
        grouped = project_to_simplex(sums)
        scored = (score(grouped, mask, labels > 0) for mask in objects(labels, name))
        found[name] += [[s.single, s.union, grouped.shape[2]] for s in scored]
    return np.mean([np.mean(values, axis=0) for values in found.values()], axis=0)


if __name__ == "__main__":
    main()
