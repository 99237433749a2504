"""Print how well a click, scribbles and a rough outline select known objects, as in docs/guides/selection.md.

python benchmarks/selection.py [--clicks 3] [--cache FOLDER] [--picture FILE] [--write]

Objects cut from photos that come with scikit-image and scikit-learn, with soft masks, pasted onto others of
these photos at 320x240; everything at its defaults, the bundled network's features included. Each click is
given to three methods, and the mean absolute difference from the mask is printed:

- softseg: `result.select(point=click)`;
- flood: the best of 40 tolerances on each of three images, grey, the distance from the click's color, and
  that in CIELAB: 120 selections, of which the one nearest to the true mask counts;
- random walker: the click against the photo's border as background, the better of two values of beta.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import data, draw, measure, morphology
from skimage.color import rgb2gray, rgb2lab
from skimage.segmentation import flood, random_walker
from skimage.transform import resize
from sklearn.datasets import load_sample_images

import softseg

SIZE = (240, 320)  # height, width
TOLERANCES = np.linspace(0.005, 0.6, 40)
BETAS = (130, 1000)  # 130 is the default
DOCUMENT = Path(__file__).parents[1] / "docs" / "guides" / "selection.md"

# Of each object: its photo, and its outline in fractions of the photo's width and height.
ASTRONAUT = [
    (0.31, 0.20), (0.31, 0.11), (0.35, 0.05), (0.42, 0.03), (0.53, 0.05), (0.58, 0.14), (0.56, 0.23),
    (0.53, 0.32), (0.58, 0.41), (0.60, 0.50), (0.67, 0.57), (0.70, 0.66), (0.62, 0.70), (0.57, 0.77),
    (0.55, 0.88), (0.55, 1.00), (0.06, 1.00), (0.06, 0.81), (0.09, 0.61), (0.22, 0.45), (0.24, 0.34),
    (0.29, 0.30), (0.36, 0.31), (0.33, 0.24),
]  # fmt: skip
CAT = [
    (0.08, 0.05), (0.16, 0.00), (0.88, 0.00), (0.82, 0.19), (0.77, 0.34), (0.79, 0.52), (0.73, 0.68),
    (0.69, 0.86), (0.60, 0.96), (0.34, 0.99), (0.09, 0.99), (0.05, 0.68), (0.08, 0.34),
]  # fmt: skip
PAGODA = [
    (0.31, 0.08), (0.33, 0.08), (0.34, 0.16), (0.49, 0.29), (0.45, 0.37), (0.50, 0.43), (0.51, 0.55),
    (0.54, 0.59), (0.53, 0.65), (0.56, 0.76), (0.43, 0.89), (0.16, 0.80), (0.11, 0.65), (0.15, 0.55),
    (0.14, 0.40), (0.19, 0.37), (0.15, 0.28), (0.29, 0.17),
]  # fmt: skip


@dataclass(frozen=True)
class Composite:
    """An object before a photo: how high, where, and how soft its mask (sigma, in pixels at 320x240)."""

    thing: str
    behind: str
    height: float
    x: float
    y: float
    softness: float

    @property
    def name(self) -> str:
        """As in the table."""
        return f"{self.thing} before {self.behind}"


COMPOSITES = (
    Composite("flower", "motorcycle", 0.60, 0.45, 0.50, 1.5),
    Composite("flower", "coffee", 0.55, 0.35, 0.45, 3.0),
    Composite("cup", "china", 0.60, 0.60, 0.60, 1.5),
    Composite("cup", "flower", 0.65, 0.50, 0.55, 2.0),
    Composite("astronaut", "china", 0.80, 0.50, 0.60, 2.0),
    Composite("astronaut", "rocket", 0.75, 0.40, 0.62, 1.0),
    Composite("cat", "china", 0.60, 0.55, 0.55, 3.0),
    Composite("cat", "coffee", 0.65, 0.60, 0.55, 1.5),
    Composite("pagoda", "rocket", 0.80, 0.50, 0.50, 1.5),
    Composite("pagoda", "chelsea", 0.75, 0.45, 0.50, 1.0),
    Composite("retina", "china", 0.55, 0.50, 0.50, 2.0),
    Composite("retina", "motorcycle", 0.50, 0.40, 0.50, 3.0),
)


def main() -> None:
    """Measure all composites, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clicks", type=int, default=3, help="how many single clicks in each object")
    parser.add_argument("--cache", type=Path, help="a folder that keeps the decompositions")
    parser.add_argument("--picture", type=Path, help="where to put a picture of the selections")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/guides/selection.md as well"
    )
    arguments = parser.parse_args()
    rows, pictures = [], []
    for composite in COMPOSITES:
        image, mask = made(composite, SIZE)
        result = decomposed(composite, image, arguments.cache)
        points = clicks(mask, arguments.clicks)
        single = np.mean([errors(image, result, mask, point) for point in points], axis=0)
        foreground, background = scribbles(mask)
        scribbled = result.select(foreground=foreground, background=background)
        outlined = result.select(lasso=outline(mask))
        rows.append([*single, difference(scribbled, mask), difference(outlined, mask)])
        pictures.append([image, mask, result.select(point=points[0]), scribbled, outlined])
        print(composite.name, *(f"{value:.3f}" for value in rows[-1]), file=sys.stderr, flush=True)
    report = f"{table(rows)}\n\n{timing()}"
    print(report)
    if arguments.picture:
        contact_sheet(pictures).save(arguments.picture)
    if arguments.write:
        put_between("selection", report)


def made(composite: Composite, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a composite's image (H, W, 3), rounded to 8 bits, and its mask (H, W)."""
    photo, cut = cut_out(composite.thing)
    height = round(composite.height * size[0])
    width = round(height * photo.shape[1] / photo.shape[0])
    top, left = round(composite.y * size[0] - height / 2), round(composite.x * size[1] - width / 2)
    colors, mask = np.zeros((*size, 3)), np.zeros(size)
    into = slice(max(top, 0), min(top + height, size[0])), slice(max(left, 0), min(left + width, size[1]))
    of = tuple(slice(s.start - start, s.stop - start) for s, start in zip(into, (top, left), strict=True))
    colors[into] = resize(photo, (height, width), anti_aliasing=True)[of]
    mask[into] = resize(cut.astype(float), (height, width), anti_aliasing=True)[of]
    # The object's colors go on beyond its outline: no halo of the photo that it comes from.
    inner = ndimage.binary_erosion(mask > 0.99)
    nearest = ndimage.distance_transform_edt(~inner, return_distances=False, return_indices=True)
    mask = ndimage.gaussian_filter(mask, composite.softness * size[0] / SIZE[0])[..., None]
    background = resize(photo_named(composite.behind), size, anti_aliasing=True)
    image = mask * colors[tuple(nearest)] + (1 - mask) * background
    return np.rint(255 * image.clip(0, 1)) / 255, mask[..., 0]


def photo_named(name: str) -> np.ndarray:
    """Return a bundled photo in [0, 1]."""
    if name in ("china", "flower"):
        return load_sample_images().images[("china", "flower").index(name)] / 255
    return (data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()) / 255


def cut_out(thing: str) -> tuple[np.ndarray, np.ndarray]:
    """Return an object's photo and its mask, both cropped to it."""
    photo = photo_named({"cup": "coffee", "cat": "chelsea", "pagoda": "china"}.get(thing, thing))
    shape = photo.shape[:2]
    if thing == "flower":
        mask = ellipse(shape, 0.483, 0.525, 0.205, 0.31)
    elif thing == "cup":  # and its saucer
        mask = ellipse(shape, 0.465, 0.575, 0.33, 0.40) | ellipse(shape, 0.495, 0.32, 0.20, 0.27)
    elif thing == "retina":
        mask = ellipse(shape, 0.5, 0.5, 0.45, 0.45)
    else:
        corners = {"astronaut": ASTRONAUT, "cat": CAT, "pagoda": PAGODA}[thing]
        mask = draw.polygon2mask(shape, np.array(corners)[:, ::-1] * shape)
    box = ndimage.find_objects(mask.astype(int))[0]
    return photo[box], mask[box]


def ellipse(shape: tuple[int, int], x: float, y: float, across: float, down: float) -> np.ndarray:
    """Return a filled ellipse, its center and half axes in fractions of the width and height."""
    mask = np.zeros(shape, bool)
    mask[draw.ellipse(y * shape[0], x * shape[1], down * shape[0], across * shape[1], shape=shape)] = True
    return mask


def decomposed(composite: Composite, image: np.ndarray, cache: Path | None) -> softseg.SoftSegmentation:
    """Segment a composite, or read it from the cache."""
    if cache is None:
        return softseg.segment(image)
    file = cache / f"{composite.thing}-{composite.behind}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        softseg.segment(image).save(file)
    return softseg.SoftSegmentation.load(file)


def clicks(mask: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Return pixels well inside an object: the deepest one, then any."""
    depth = ndimage.distance_transform_edt(mask > 0.95)
    deepest = np.unravel_index(depth.argmax(), depth.shape)
    others = np.random.default_rng(0).choice(np.argwhere(depth > 5), count - 1, replace=False)
    return [(int(x), int(y)) for y, x in [deepest, *others]]


def scribbles(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return five pixels of the object and ten of the rest."""
    outside = np.argwhere(ndimage.distance_transform_edt(mask < 0.05) > 5)
    return np.array(clicks(mask, 5)), np.random.default_rng(1).choice(outside, 10, replace=False)[:, ::-1]


def outline(mask: np.ndarray) -> np.ndarray:
    """Return a rough outline: the corners of the convex hull, six pixels outside, simplified."""
    hull = ndimage.binary_dilation(morphology.convex_hull_image(mask > 0.05), iterations=6)
    contour = max(measure.find_contours(np.pad(hull, 1).astype(float), 0.5), key=len) - 1
    return measure.approximate_polygon(contour, 3)[:, ::-1]


def errors(
    image: np.ndarray, result: softseg.SoftSegmentation, mask: np.ndarray, point: tuple[int, int]
) -> list[float]:
    """Return the errors of softseg, the best flood and the better random walk for one click."""
    return [
        difference(result.select(point=point), mask),
        min(difference(selected, mask) for selected in floods(image, point)),
        min(difference(selected, mask) for selected in random_walks(image, point)),
    ]


def floods(image: np.ndarray, point: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield the classical magic wand's selections."""
    seed, lab = point[::-1], rgb2lab(image) / 100
    for plane in (rgb2gray(image), *(np.linalg.norm(p - p[seed], axis=2) for p in (image, lab))):
        for tolerance in TOLERANCES:
            yield flood(plane, seed, tolerance=tolerance)


def random_walks(image: np.ndarray, point: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield the random walker's probabilities of the object."""
    labels = np.full(image.shape[:2], 2)
    labels[1:-1, 1:-1] = 0
    labels[point[::-1]] = 1
    for beta in BETAS:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of 1e-3 beyond [0, 1]
            walked = random_walker(image, labels, beta, mode="cg_mg", channel_axis=-1, return_full_prob=True)
        yield walked[0].clip(0, 1)


def difference(selected: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean absolute difference."""
    return float(np.abs(selected - mask).mean())


def timing() -> str:
    """Return one line on how long selections take at 640x480."""
    image, mask = made(COMPOSITES[0], (480, 640))
    result = softseg.segment(image)
    seconds = []
    for point in clicks(mask, 20):
        start = time.perf_counter()
        result.select(point=point)
        seconds.append(time.perf_counter() - start)
    return (
        f"At 640x480 the first selection takes {1e3 * seconds[0]:.0f} ms, later ones "
        f"{1e3 * min(seconds[1:]):.0f} ms at best and {1e3 * float(np.median(seconds[1:])):.0f} ms (median)."
    )


def table(rows: list[list[float]]) -> str:
    """Return the errors in Markdown, the means in the last row."""
    header = [
        "composite", "one click", "flood, best of 120", "random walker", "5 + 10 scribbles", "lasso"
    ]  # fmt: skip
    lines = [header, ["---", *["--:"] * 5]]
    for name, row in zip([c.name for c in COMPOSITES], rows, strict=True):
        lines.append([name, *(f"{value:.3f}" for value in row)])
    lines.append(["**mean**", *(f"**{value:.3f}**" for value in np.mean(rows, axis=0))])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def contact_sheet(pictures: list[list[np.ndarray]]) -> Image.Image:
    """Return the image, its mask and the selections of each composite, two composites a row."""
    strips = [
        np.concatenate([p if p.ndim == 3 else np.repeat(p[..., None], 3, axis=2) for p in row], axis=1)
        for row in pictures
    ]
    rows = [np.concatenate(strips[i : i + 2], axis=1) for i in range(0, len(strips), 2)]
    sheet = Image.fromarray(np.rint(255 * np.concatenate(rows)).astype(np.uint8))
    return sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.BOX)


def put_between(name: str, report: str) -> None:
    """Replace what is between a pair of comments in docs/guides/selection.md."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, rest = DOCUMENT.read_text().split(begin)
    DOCUMENT.write_text(f"{before}{begin}\n{report}\n{end}{rest.split(end)[1]}")


if __name__ == "__main__":
    main()
