"""Print how well layers match objects that people outlined, a table of docs/measurements/quality.md.

    python benchmarks/objects.py FOLDER [--photos 12] [--cache DIR] [--checkpoint FILE] [ROW ...]

FOLDER holds coco/train, pets/train, horses/train and ccp/train, photos with label maps as
docs/guides/features.md
describes; scored is the last tenth of each by file name, which training leaves out. A ROW is "default",
"low-level", the name of another registered extractor, "k-means" (no layers: the network's features in five
clusters, the floor) or "true masks" (the label map as the only feature, the ceiling).
"common-3" and "common-5" are the default features with so many components on one common scale.

Of every object that covers 2 % of its photo or more: the intersection over union, with the alphas as they
are, of the best single layer; of the best union of layers, found greedily; and how many layers that takes.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common_scale import CommonScale

from softseg import SoftSegmentation, segment
from softseg.features import FeatureExtractor, LiteFeatures, get
from softseg.sparsify import group, kmeans, project_to_simplex, relaxed
from softseg.training import Folder
from softseg.training.data import Example, find, read

ROWS = ("low-level", "default", "k-means", "true masks")
WHOLE = ("ccp",)  # sets whose labels are parts of one person
SETS = ("coco", "pets", "horses", "ccp")
BACKGROUND = 1  # the number of all that nobody outlined
LEAST = 0.02  # share of a photo that an object covers
N_LAYERS = (5, "auto")


@dataclass(frozen=True)
class Score:
    """Of one object: IoU of the best layer, IoU of the best union, and the layers in it."""

    single: float
    union: float
    layers: int


def main() -> None:
    """Print a line per set, row and number of layers, then the means over sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", nargs="*", metavar="ROW", default=list(ROWS))
    parser.add_argument("--photos", type=int, default=12, help="at most so many photos of each set")
    parser.add_argument("--cache", type=Path, help="a folder for the results, which take seconds each")
    parser.add_argument("--checkpoint", type=Path, help="weights to score in place of those shipped")
    arguments = parser.parse_intermixed_args()  # rows may stand after options
    warnings.simplefilter("ignore", UserWarning)  # fewer than five layers
    print("| features | layers | photos | best single layer | best union | layers in it | layers |")
    print("|---|---|---|---|---|---|---|")
    for row in arguments.rows:
        table: dict[int | str, list[np.ndarray]] = {n: [] for n in N_LAYERS}
        for name in SETS:
            found: dict[int | str, list[list[float]]] = {n: [] for n in N_LAYERS}
            for stem, example in examples(arguments.folder, name, arguments.photos):
                masks = objects(example.regions[0], name)
                for n, alphas in layers(row, f"{name}-{stem}", example, arguments).items():
                    scores = [score(alphas, mask, example.regions[0] > 0) for mask in masks]
                    found[n] += [[s.single, s.union, s.layers, alphas.shape[2]] for s in scores]
            for n, values in found.items():
                if values:
                    table[n].append(np.mean(values, axis=0))
                    print_row(row, n, name, table[n][-1])
        for n, means in table.items():
            if means:
                print_row(row, n, "mean of sets", np.mean(means, axis=0))


def print_row(row: str, n: int | str, photos: str, values: np.ndarray) -> None:
    """Print one line of the table."""
    single, union, taken, count = values
    print(f"| {row} | {n} | {photos} | {single:.3f} | {union:.3f} | {taken:.1f} | {count:.1f} |", flush=True)


def examples(root: Path, name: str, most: int) -> Iterator[tuple[str, Example]]:
    """Yield photos spread evenly over the last tenth of a set, with their names."""
    folder = Folder(f"{name}/train")
    pairs = find(folder, root)
    held_out = pairs[int(0.9 * len(pairs)) :]
    for k in np.unique(np.linspace(0, len(held_out) - 1, most).astype(int)):
        photo, maps = held_out[k]
        yield photo.stem, read(photo, maps, folder)


def objects(labels: np.ndarray, name: str) -> list[np.ndarray]:
    """Return the masks of a photo's objects."""
    if name in WHOLE:
        masks = [labels > BACKGROUND]
    else:
        masks = [labels == number for number in np.unique(labels[labels > BACKGROUND])]
    return [mask for mask in masks if mask.mean() >= LEAST]


def layers(
    row: str, key: str, example: Example, arguments: argparse.Namespace
) -> dict[int | str, np.ndarray]:
    """Return the alphas of a photo, (H, W, K), for each number of layers, from the cache if there."""
    file = arguments.cache and arguments.cache / f"{row.replace(' ', '-')}-{key}.npz"
    if file and file.exists():
        stored = np.load(file)
        return {n: stored[str(n)].astype(np.float32) for n in N_LAYERS if str(n) in stored}
    image = example.photo / 255.0
    if row == "k-means":
        raw = extractor("default", arguments).extract(image)
        labels = kmeans(raw.reshape(-1, raw.shape[2]), 5).reshape(raw.shape[:2])
        alphas: dict[int | str, np.ndarray] = {5: np.eye(labels.max() + 1, dtype=np.float32)[labels]}
    elif row == "true masks":
        alphas = both(segment(image, true_features(example.regions[0])))
    else:
        alphas = both(segment(image, extractor(row, arguments)))
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(file, **{str(n): a.astype(np.float16) for n, a in alphas.items()})
    return alphas


def extractor(row: str, arguments: argparse.Namespace) -> FeatureExtractor:
    """Return the extractor of a row."""
    if row.startswith("common-"):
        return CommonScale(int(row.removeprefix("common-")))
    return LiteFeatures(arguments.checkpoint) if row == "default" else get(row)


def both(result: SoftSegmentation) -> dict[int | str, np.ndarray]:
    """Return the five layers of a result, and as many as the photo asks for."""
    grouped = group(result.initial_alphas, result.features, "auto")
    return {
        5: result.alphas,
        "auto": project_to_simplex(relaxed(grouped, result.laplacian, result.image)).astype(np.float32),
    }


def true_features(labels: np.ndarray) -> np.ndarray:
    """Return features that know the objects: a corner of the unit cube, or a point within it, for each."""
    rng = np.random.default_rng(0)
    points = [np.zeros(3), np.ones(3)]
    while len(points) <= labels.max():  # the farthest of many random points from those chosen
        drawn = rng.random((500, 3))
        distance = np.linalg.norm(drawn[:, None] - np.array(points), axis=2).min(axis=1)
        points.append(drawn[distance.argmax()])
    return np.array(points)[labels]


def score(alphas: np.ndarray, mask: np.ndarray, known: np.ndarray) -> Score:
    """Score layers against one object's mask, where it is known what there is."""
    a = alphas[known].astype(np.float64)
    m = mask[known]
    inside, area = a[m].sum(axis=0), a.sum(axis=0)
    singles = inside / (m.sum() + area - inside)
    chosen = [int(singles.argmax())]
    best = singles.max()
    while len(chosen) < a.shape[1]:
        more_inside, more_area = inside[chosen].sum() + inside, area[chosen].sum() + area
        unions = more_inside / (m.sum() + more_area - more_inside)
        unions[chosen] = 0
        if unions.max() <= best:
            break
        best = unions.max()
        chosen.append(int(unions.argmax()))
    return Score(float(singles.max()), float(best), len(chosen))


if __name__ == "__main__":
    main()
