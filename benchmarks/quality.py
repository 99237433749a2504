"""Print how near layers come to known mattes, softseg's and others', as in docs/measurements/quality.md.

python benchmarks/quality.py [--composites 42] [--size 192x144] [--cache FOLDER] [--picture FILE] [--write]

quality_composites.py makes the pictures, quality_methods.py the layers, and matting_errors.py counts the
errors. Layers are judged twice: by the best single layer of each object, in a one-to-one assignment, and by
the best union of layers. Best means the least sum of absolute differences. A layer that no object gets counts
as background. Errors are means over pixels, then over a composite's objects, then over composites. The cache
keeps all layers, so that a run that was stopped goes on; empty it after a change to softseg.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matting_errors import ERRORS, assign_one_to_one, assign_unions, unions
from PIL import Image, ImageDraw
from quality_composites import Composite, composites
from quality_methods import METHODS, Method, layers
from working_size import SOFT, Canvas

from softseg.images import eight_bits

DOCUMENT = Path(__file__).parents[1] / "docs" / "measurements" / "quality.md"
BEGIN, END = "<!-- quality:begin -->", "<!-- quality:end -->"
TOLERANCE = 1e-5  # of alphas in [0, 1] and of their sums; float32 rounds at 6e-8 times some layers
CLEAR = 0.001  # a difference of absolute errors; what is less counts as equal
TILE, GAP, LABEL = (
    (160, 120),
    4,
    110,
)  # pixels, of the picture's tiles, between them, and for titles beside them
# The first composite of each kind, and what the picture shows of it: titles and methods.
SHOWN_COMPOSITES = ("hair 0", "out of focus 0", "glass 0", "flower before motorcycle", "several: 3, 6")
SHOWN_METHODS = {
    "default": "softseg, default",
    "auto": 'softseg, `n_layers="auto"`',
    "exact path": "softseg, exact path (`PUBLISHED`)",
    "spectral matting": "spectral matting",
    "k-means": "k-means of the network's features (floor)",
    "PyMatting,\nk-means trimap": "PyMatting, k-means trimap, 4 pixels",
    "random walker,\nk-means seeds": "random walker, k-means seeds",
    "felzenszwalb,\nscale 1000": "felzenszwalb, scale 1000",
    "SLIC and\nnormalized cut": "SLIC and normalized cut",
    "PyMatting,\ntrue trimap": "PyMatting, true trimap",
}


@dataclass(frozen=True)
class Score:
    """Of one composite: its objects, the layers, and the errors of single layers and of unions."""

    kind: str
    objects: int
    seen: int  # objects that some layer is nearer to than an empty matte
    made: int
    single: np.ndarray  # 6 errors: absolute, gradient, connectivity; over all pixels, then the soft ones
    union: np.ndarray
    taken: float  # layers in a union


def main() -> None:
    """Measure all methods on all composites, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--composites", type=int, help="only so many, for a quick look")
    parser.add_argument("--size", default="192x144", metavar="WxH")
    parser.add_argument("--cache", type=Path, help="a folder for the layers")
    parser.add_argument("--picture", type=Path, help="where to put a picture of some layers")
    parser.add_argument(
        "--write", action="store_true", help=f"put the tables into docs/measurements/{DOCUMENT.name}"
    )
    arguments = parser.parse_args()
    canvas = Canvas(*map(int, arguments.size.split("x")))
    scores: dict[str, list[Score]] = {method.name: [] for method in METHODS}
    shown: dict[str, dict[str, np.ndarray]] = {}
    for slow in (False, True):  # so that everything else is there when a run is stopped
        for composite in itertools.islice(composites(canvas), arguments.composites):
            for method in METHODS:
                if method.slow == slow:
                    score, mattes = measured(method, composite, arguments.cache)
                    scores[method.name].append(score)
                    keep(shown, composite, method, mattes)
                    print(composite.name, method.name, score.made, *np.round(score.single, 4), sep="  ",
                          file=sys.stderr, flush=True)  # fmt: skip
    report = "\n\n".join(tables(scores))
    print(report)
    if arguments.picture:
        sheet(shown).save(arguments.picture, optimize=True)
    if arguments.write:
        before, rest = DOCUMENT.read_text().split(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{report}\n{END}{rest.split(END)[1]}")


def measured(method: Method, composite: Composite, cache: Path | None) -> tuple[Score, np.ndarray]:
    """Return the score of a method, and its best single layers, (H, W, T)."""
    found = cached(method, composite, cache)
    check(found, composite, method)
    truths, count = composite.truths, composite.truths.shape[2]
    groups = assign_one_to_one(found, truths), assign_unions(found, truths)
    mattes, together = (unions(found, g, count) for g in groups)
    return Score(
        composite.kind,
        count,
        int((abs(mattes - truths).sum(axis=(0, 1)) < truths.sum(axis=(0, 1))).sum()),
        found.shape[2],
        errors(mattes, truths),
        errors(together, truths),
        (groups[1] >= 0).sum() / count,
    ), mattes


def cached(method: Method, composite: Composite, cache: Path | None) -> np.ndarray:
    """Return a method's layers, from the cache if they are there."""
    if cache is None:
        return layers(method, composite)
    # Whoever is told the truth depends on that as well.
    key = hashlib.sha256(composite.image.tobytes() + composite.truths.tobytes()).hexdigest()[:16]
    file = cache / f"{''.join(c if c.isalnum() else '-' for c in method.name)}-{key}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"part-{file.name}")
        np.savez_compressed(part, layers=layers(method, composite))
        part.rename(file)
    return np.load(file)["layers"]


def check(found: np.ndarray, composite: Composite, method: Method) -> None:
    """Raise an error unless layers are of the picture's size, finite, in [0, 1], and sum to one."""
    fits = found.ndim == 3 and found.shape[:2] == composite.image.shape[:2] and np.isfinite(found).all()
    within = fits and found.min() >= -TOLERANCE and found.max() <= 1 + TOLERANCE
    if not (within and abs(found.sum(axis=2, dtype=float) - 1).max() <= TOLERANCE):
        raise ValueError(f"wrong answer: {method.name} on {composite.name} are no layers that sum to one")


def errors(mattes: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Return the mean errors over all pixels, then those over the soft ones; means over objects."""
    return np.mean([of_object(mattes[:, :, t], truths[:, :, t]) for t in range(truths.shape[2])], axis=0)


def of_object(matte: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return the errors of one matte."""
    soft = (truth > SOFT[0]) & (truth < SOFT[1])
    maps = [error(matte, truth) for error in ERRORS.values()]
    return [float(error[pixels].mean()) for pixels in (slice(None), soft) for error in maps]


def tables(scores: dict[str, list[Score]]) -> Iterator[str]:
    """Yield the tables in Markdown, each with what it is."""
    count = len(next(iter(scores.values())))
    columns = [f"{name}{where}" for where in ("", ", soft") for name in ERRORS]
    default = scores[METHODS[0].name]
    yield f"The best single layer for each object, means over {count} composites:"
    header = ["method", "layers", "objects found", *columns, "minus the default", "better / worse"]
    yield table(header, (
        [
            f"{np.mean([s.made for s in found]):.1f}",
            f"{sum(s.seen for s in found)} of {sum(s.objects for s in found)}",
            *numbers([s.single for s in found]),
            *compared(found, default),
        ]
        for found in scores.values()
    ))  # fmt: skip
    yield "The best union of layers for each object:"
    yield table(["method", "layers in it", *columns], (
        [f"{np.mean([s.taken for s in found]):.1f}", *numbers([s.union for s in found])]
        for found in scores.values()
    ))  # fmt: skip
    kinds = dict.fromkeys(s.kind for s in default)
    for k, where in ((0, ""), (len(ERRORS), " in soft pixels")):
        yield f"The absolute error{where} by kind of composite, of the best single layer / the best union:"
        yield table(["method", *(f"{kind} ({sum(s.kind == kind for s in default)})" for kind in kinds)], (
            [by_kind(found, kind, k) for kind in kinds] for found in scores.values()
        ))  # fmt: skip


def table(header: list[str], rows: Iterator[list[str]]) -> str:
    """Return a table with a row for each method; those that are told the truth are marked."""
    lines = [header, ["---", *["--:"] * (len(header) - 1)]]
    for method, row in zip(METHODS, rows, strict=True):
        lines.append([f"*{method.name}*, told the truth" if method.told else method.name, *row])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def numbers(found: list[np.ndarray]) -> list[str]:
    """Return the means; gradient errors, which are squares, are times a thousand."""
    means = np.mean(found, axis=0) * np.tile([1, 1000, 1], 2)
    return [
        f"{value:.{2 if 'gradient' in name else 4}f}"
        for name, value in zip([*ERRORS] * 2, means, strict=True)
    ]


def compared(found: list[Score], default: list[Score]) -> tuple[str, str]:
    """Return the mean difference of absolute errors, its standard error, and in how many it is clear."""
    if found is default:
        return "", ""
    less = np.array([s.single[0] - d.single[0] for s, d in zip(found, default, strict=True)])
    spread = less.std(ddof=1) / np.sqrt(len(less)) if len(less) > 1 else np.nan
    return f"{less.mean():+.4f} ± {spread:.4f}", f"{(less < -CLEAR).sum()} / {(less > CLEAR).sum()}"


def by_kind(found: list[Score], kind: str, k: int) -> str:
    """Return the means of the k-th error on one kind of composites, of single layers and of unions."""
    means = np.mean([[s.single[k], s.union[k]] for s in found if s.kind == kind], axis=0)
    return " / ".join(f"{mean:.4f}" for mean in means)


def keep(
    shown: dict[str, dict[str, np.ndarray]], composite: Composite, method: Method, mattes: np.ndarray
) -> None:
    """Keep the matte of the first object if the picture shows it."""
    if composite.name.startswith(SHOWN_COMPOSITES):
        tiles = shown.setdefault(
            composite.name, {"photo": composite.image, "truth": composite.truths[:, :, 0]}
        )
        for title, name in SHOWN_METHODS.items():
            if name == method.name:
                tiles[title] = mattes[:, :, 0]


def sheet(shown: dict[str, dict[str, np.ndarray]]) -> Image.Image:
    """Return a column of mattes for each composite, beside their titles."""
    titles = ["photo", "truth", *SHOWN_METHODS]
    width, height = TILE[0] + GAP, TILE[1] + GAP
    page = Image.new("RGB", (LABEL + len(shown) * width - GAP, len(titles) * height - GAP), "white")
    draw = ImageDraw.Draw(page)
    for j, title in enumerate(titles):
        draw.text((2, j * height + 2), title, "black")
        for i, tiles in enumerate(shown.values()):
            tile = tiles[title]
            color = tile if tile.ndim == 3 else np.repeat(tile[:, :, None], 3, axis=2)
            page.paste(Image.fromarray(eight_bits(color)).resize(TILE), (LABEL + i * width, j * height))
    return page


if __name__ == "__main__":
    main()
