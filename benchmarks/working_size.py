"""Print how much of known layers is found at several working sizes, as in docs/notes/working-size.md.

python benchmarks/working_size.py [--sizes 640x480 ...] [--seeds 2] [--kinds hair ...] [--write]

Five kinds of composites are of two materials: an object with hair, one out of focus, one of glass, wires, and
many small things. The sixth kind are objects cut from photos before other photos. Each is segmented with
everything at its default but ``working_pixels``. Two errors of the object's alpha are printed, each over all
pixels and over the soft ones, whose alpha is between 0.02 and 0.98. Both are mean absolute differences at
full size:

- initial: the union of those initial layers that lies nearest to the object, carried up as layers are;
- final: the same of the five final layers.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from layer_count import LOOKS
from scipy import ndimage
from selection import COMPOSITES, made

import softseg
from softseg.images import shrink
from softseg.upsampling import carried_up

SIZES = ("320x240", "640x480", "1280x960")
WORKING = ("640x480", "480x360", "320x240", "240x180")
MATERIAL_WIDTH = 320  # pixels, the width of a picture for which materials are not enlarged
SOFT = (0.02, 0.98)  # alphas between these count as soft
EDGE = 1.2  # the standard deviation of edges that are in focus, in pixels of a picture 640 wide
DOCUMENT = Path(__file__).parents[1] / "docs" / "notes" / "working-size.md"
BEGIN, END = "<!-- sizes:begin -->", "<!-- sizes:end -->"


@dataclass(frozen=True)
class Canvas:
    """Where shapes are drawn. Lengths are in units of a 640th of its width, so that shapes scale with it."""

    width: int
    height: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.height, self.width

    @property
    def unit(self) -> float:
        """A length of one, in pixels."""
        return self.width / 640

    @cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Each pixel's y and x, in units."""
        y, x = np.mgrid[: self.height, : self.width]
        return (y + 0.5) / self.unit, (x + 0.5) / self.unit

    def fill(self, inside: np.ndarray) -> np.ndarray:
        """Return the alpha of a shape, given how far each pixel is inside of it, in units."""
        return np.clip(inside * self.unit + 0.5, 0, 1)

    def disk(self, cy: float, cx: float, radius: float) -> np.ndarray:
        """Return the alpha of a disk."""
        y, x = self.places
        return self.fill(radius - np.hypot(y - cy, x - cx))

    def blur(self, alpha: np.ndarray, sigma: float) -> np.ndarray:
        """Return a blurred alpha."""
        return ndimage.gaussian_filter(alpha, sigma * self.unit)

    def strand(self, alpha: np.ndarray, y: np.ndarray, x: np.ndarray, width: np.ndarray) -> None:
        """Draw a line through points (y, x) of changing width into an alpha, in place."""
        reach = round(4 * self.unit) + 1
        for cy, cx, w in zip(y, x, width, strict=True):
            rows, columns = (
                slice(max(int(c * self.unit) - reach, 0), max(int(c * self.unit) + reach, 0))
                for c in (cy, cx)
            )
            distance = np.hypot(self.places[0][rows, columns] - cy, self.places[1][rows, columns] - cx)
            alpha[rows, columns] = np.maximum(alpha[rows, columns], self.fill(w / 2 - distance))


def hair(rng: np.random.Generator, canvas: Canvas) -> np.ndarray:
    """Return the alpha of a disk with 160 strands, one to three units wide, that grow out of it."""
    cy, cx, radius = rng.uniform(190, 290), rng.uniform(260, 380), 100
    alpha = canvas.disk(cy, cx, radius)
    for angle in rng.uniform(0, 2 * np.pi, 160):
        bend, length, width = rng.normal(0, 0.5), rng.uniform(30, 90), rng.uniform(1, 3)
        along = np.linspace(0, 1, 400)
        turned = angle + bend * along**2
        distance = radius - 5 + (length + 5) * along
        canvas.strand(
            alpha,
            cy + distance * np.sin(turned),
            cx + distance * np.cos(turned),
            width * (1 - 0.7 * along),
        )
    return canvas.blur(alpha, 0.7)


def out_of_focus(rng: np.random.Generator, canvas: Canvas) -> np.ndarray:
    """Return the alpha of a disk whose edge is some 20 units wide."""
    hard = canvas.disk(rng.uniform(180, 300), rng.uniform(220, 420), rng.uniform(90, 140))
    return canvas.blur(hard, 10)


def glass(rng: np.random.Generator, canvas: Canvas) -> np.ndarray:
    """Return the alpha of a disk that about half of the light goes through."""
    hard = canvas.disk(rng.uniform(180, 300), rng.uniform(220, 420), rng.uniform(90, 140))
    return rng.uniform(0.4, 0.7) * canvas.blur(hard, EDGE)


def wires(rng: np.random.Generator, canvas: Canvas) -> np.ndarray:
    """Return the alpha of ten wires, two to five units wide, across the picture."""
    alpha = np.zeros(canvas.shape)
    y, x = canvas.places
    for _ in range(10):
        angle, offset, half = rng.uniform(0, np.pi), rng.uniform(-200, 200), rng.uniform(1, 2.5)
        distance = abs((y - 240) * np.cos(angle) + (x - 320) * np.sin(angle) - offset)
        alpha = np.maximum(alpha, canvas.fill(half - distance))
    return canvas.blur(alpha, 0.7)


def many(rng: np.random.Generator, canvas: Canvas) -> np.ndarray:
    """Return the alpha of 40 disks with radii of ten to twenty units."""
    alpha = np.zeros(canvas.shape)
    for _ in range(40):
        alpha = np.maximum(
            alpha, canvas.disk(rng.uniform(10, 470), rng.uniform(10, 630), rng.uniform(10, 20))
        )
    return canvas.blur(alpha, EDGE)


SHAPES: dict[str, Callable[[np.random.Generator, Canvas], np.ndarray]] = {
    "hair": hair,
    "out of focus": out_of_focus,
    "glass": glass,
    "wires": wires,
    "many": many,
}
KINDS = (*SHAPES, "photos")


def main() -> None:
    """Measure all composites at all sizes, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WxH")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/notes/working-size.md as well"
    )
    arguments = parser.parse_args()
    lines = [
        ["photos", "working size", "initial, all", "soft", "final, all", "soft"],
        ["---", "---", *["--:"] * 4],
    ]
    for size in arguments.sizes:
        canvas = Canvas(*map(int, size.split("x")))
        kinds: dict[str, list[dict[str, list[float]]]] = {kind: [] for kind in arguments.kinds}
        for kind in arguments.kinds:
            for seed in range(arguments.seeds):
                kinds[kind].append(measured(*composite(kind, seed, canvas)))
                print(size, kind, seed, kinds[kind][-1], file=sys.stderr, flush=True)
        kinds["**all**"] = list(itertools.chain.from_iterable(kinds.values()))
        for kind, rows in kinds.items():
            for working in rows[0]:
                numbers = np.mean([row[working] for row in rows], axis=0)
                lines.append([f"{kind}, {size}", working, *(f"{number:.4f}" for number in numbers)])
    report = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    print(report)
    if arguments.write:
        before, rest = DOCUMENT.read_text().split(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{report}\n{END}{rest.split(END)[1]}")


def composite(kind: str, seed: int, canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of one thing before another, and the first one's alpha."""
    if kind == "photos":
        return made(COMPOSITES[2 * seed % len(COMPOSITES)], canvas.shape)
    rng = np.random.default_rng((seed, list(SHAPES).index(kind)))
    looks = rng.choice(len(LOOKS), 2, replace=False)
    front, back = (
        LOOKS[look][rng.integers(len(LOOKS[look]))].texture(rng, canvas.shape, canvas.width / MATERIAL_WIDTH)
        for look in looks
    )
    alpha = SHAPES[kind](rng, canvas)[:, :, None]
    return np.rint(255 * (alpha * front + (1 - alpha) * back)) / 255, alpha[:, :, 0]


def measured(image: np.ndarray, truth: np.ndarray) -> dict[str, list[float]]:
    """Return for each working size the errors of initial and of final layers."""
    rows: dict[str, list[float]] = {}
    for working in WORKING:
        width, height = map(int, working.split("x"))
        pixels = width * height
        if pixels >= truth.size and f"{truth.shape[1]}x{truth.shape[0]}" != working:
            continue
        result = softseg.segment(image, working_pixels=pixels)
        small = shrink(image, pixels)
        small_truth = shrink(np.repeat(truth[:, :, None], 3, axis=2), pixels)[:, :, 0]
        initial = best_union(result.initial_alphas, small_truth)
        carried = carried_up(np.stack([initial, 1 - initial], axis=2), small, image)[:, :, 0]
        final = best_union(result.alphas, truth)
        rows[working] = [*errors(carried, truth), *errors(final, truth)]
    return rows


def best_union(layers: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the sum of some layers that is near to the truth: each joins if that brings it nearer."""
    union = np.zeros(truth.shape)
    for k in np.argsort(-np.einsum("hwk,hw->k", layers, 2 * truth - 1)):
        if abs(union + layers[:, :, k] - truth).sum() < abs(union - truth).sum():
            union = union + layers[:, :, k]
    return union


def errors(alpha: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return the mean absolute error over all pixels, and over the soft ones."""
    difference = abs(alpha - truth)
    return float(difference.mean()), float(difference[(truth > SOFT[0]) & (truth < SOFT[1])].mean())


if __name__ == "__main__":
    main()
