"""Print how near `refine` comes to known mattes from masks of seven kinds, as in docs/guides/refining.md.

python benchmarks/refining.py [--size 640x480] [--every 1] [--picture FILE] [--write]

The composites of benchmarks/selection.py, and photos before photos with three made mattes: hair, an edge out
of focus, a hard edge. The masks are the matte above one half, the same eroded or dilated by three and by
eight pixels, as a polygon, and at a width of 256 pixels. PyMatting's closed-form matting gets a trimap that
is unknown within a fixed width of the mask's edge, with the width that is best for each kind of mask over all
composites. Two mean absolute errors are printed, over all pixels and over the soft ones.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from pymatting import estimate_alpha_cf
from scipy import ndimage
from selection import COMPOSITES, made, photo_named
from skimage import draw, measure
from skimage.transform import resize
from working_size import Canvas, hair, out_of_focus

from softseg import refine

PAIRS = (("coffee", "china"), ("rocket", "flower"), ("chelsea", "motorcycle"), ("astronaut", "coffee"))
WIDTHS = (2, 4, 6, 9, 13, 20)  # pixels on each side of a mask's edge
SOFT = (0.02, 0.98)  # alphas between these count as soft
LOW_WIDTH = 256  # pixels across of the low-resolution mask
TOLERANCE = 6 / 640  # of the polygon, in widths of the picture
DOCUMENT = Path(__file__).parents[1] / "docs" / "guides" / "refining.md"
BEGIN, END = "<!-- refining:begin -->", "<!-- refining:end -->"


def main() -> None:
    """Measure all composites with all masks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", default="640x480", metavar="WxH")
    parser.add_argument("--every", type=int, default=1, help="take every so many of the composites")
    parser.add_argument("--picture", type=Path, help="where to put a picture of some mattes")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/guides/refining.md as well"
    )
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    errors: dict[str, dict[int, list[tuple[float, float]]]] = {}  # width 0 is softseg
    seconds, rows = [], []
    for name, image, truth in list(composites(Canvas(width, height)))[:: arguments.every]:
        mattes = []
        for kind, mask in masks(truth).items():
            start = time.perf_counter()
            alpha = refine(image, mask)
            seconds.append(time.perf_counter() - start)
            of_kind = errors.setdefault(kind, {})
            of_kind.setdefault(0, []).append(error(alpha, truth))
            of_kind.setdefault(-1, []).append(error(mask.astype(float), truth))
            for unknown in WIDTHS:
                of_kind.setdefault(unknown, []).append(error(fixed(image, mask, unknown), truth))
            mattes += [mask.astype(float), alpha] if kind in ("eroded 8", "low resolution") else []
        rows.append([image, *mattes, truth])
        print(name, file=sys.stderr, flush=True)
    report = f"{table(errors)}\n\nMedian: {np.median(seconds):.2f} s."
    print(report)
    if arguments.picture:
        draw_sheet(rows).save(arguments.picture)
    if arguments.write:
        before, rest = DOCUMENT.read_text().split(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{report}\n{END}{rest.split(END)[1]}")


def composites(canvas: Canvas) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield names, pictures and mattes."""
    for composite in COMPOSITES:
        yield (composite.name, *made(composite, canvas.shape))
    for number, (kind, shape) in enumerate({"hair": hair, "blur": out_of_focus, "hard": hard}.items()):
        for seed, names in enumerate(PAIRS):
            alpha = shape(np.random.default_rng((number, seed)), canvas)
            front, back = (resize(photo_named(name), canvas.shape, anti_aliasing=True) for name in names)
            image = alpha[..., None] * front + (1 - alpha[..., None]) * back
            yield f"{kind}: {names[0]} before {names[1]}", np.rint(255 * image.clip(0, 1)) / 255, alpha


def hard(rng: np.random.Generator, canvas: Canvas) -> np.ndarray:
    """Return the alpha of a disk with a bar through it."""
    cy, cx, angle = rng.uniform(200, 280), rng.uniform(250, 390), rng.uniform(0, np.pi)
    y, x = canvas.places
    along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
    across = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
    bar = canvas.fill(np.minimum(160 - abs(along), 40 - abs(across)))
    return canvas.blur(np.maximum(canvas.disk(cy, cx, rng.uniform(80, 120)), bar), 0.7)


def masks(truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return the masks by kind."""
    mask = truth > 0.5
    inside, outside = (ndimage.distance_transform_edt(m) for m in (mask, ~mask))
    return {
        "perfect": mask,
        "eroded 3": inside > 3,
        "eroded 8": inside > 8,
        "dilated 3": outside <= 3,
        "dilated 8": outside <= 8,
        "polygon": polygon(mask),
        "low resolution": low(mask),
    }


def polygon(mask: np.ndarray) -> np.ndarray:
    """Return a mask whose outlines are simplified."""
    result = np.zeros(mask.shape, bool)
    for contour in measure.find_contours(np.pad(mask, 1).astype(float), 0.5):
        corners = measure.approximate_polygon(contour, TOLERANCE * mask.shape[1]) - 1
        if len(corners) > 3:
            result ^= draw.polygon2mask(mask.shape, corners)
    return result


def low(mask: np.ndarray) -> np.ndarray:
    """Return a mask that was once small."""
    shape = round(LOW_WIDTH * mask.shape[0] / mask.shape[1]), LOW_WIDTH
    small = resize(mask.astype(float), shape, anti_aliasing=True, order=1) > 0.5
    return resize(small.astype(float), mask.shape, order=0) > 0.5


def fixed(image: np.ndarray, mask: np.ndarray, width: int) -> np.ndarray:
    """Return PyMatting's matte of a trimap with a fixed width."""
    inside, outside = (ndimage.distance_transform_edt(m) for m in (mask, ~mask))
    trimap = np.where(inside > width, 1.0, np.where(outside > width, 0.0, 0.5))
    if not (trimap == 1).any():  # nothing is left of the object
        return mask.astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a preconditioner that is tried again
        return estimate_alpha_cf(image, trimap, laplacian_kwargs={"epsilon": 1e-7})


def error(alpha: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return the mean absolute error over all pixels, and over the soft ones."""
    difference = abs(alpha - truth)
    return float(difference.mean()), float(difference[(truth > SOFT[0]) & (truth < SOFT[1])].mean())


def table(errors: dict[str, dict[int, list[tuple[float, float]]]]) -> str:
    """Return the table of mean errors."""
    lines = [
        ["mask", "as it is", "soft", "best fixed trimap", "soft", "its width", "`refine`", "soft"],
        ["---", *["--:"] * 7],
    ]
    for kind, by_width in errors.items():
        means = {width: np.mean(pairs, axis=0) for width, pairs in by_width.items()}
        best = min(WIDTHS, key=lambda width: means[width][0])
        numbers = [*means[-1], *means[best], best, *means[0]]
        lines.append([kind, *(str(n) if n is best else f"{n:.4f}" for n in numbers)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw_sheet(rows: list[list[np.ndarray]]) -> Image.Image:
    """Return each composite with its masks, their mattes and the truth, around the object."""
    lines = []
    for image, *mattes, truth in rows:
        ys, xs = np.nonzero(truth > SOFT[0])
        box = slice(max(ys.min() - 12, 0), ys.max() + 12), slice(max(xs.min() - 12, 0), xs.max() + 12)
        tiles = [image, *(np.repeat(matte[..., None], 3, axis=2) for matte in (*mattes, truth))]
        lines.append(np.hstack([
            np.asarray(Image.fromarray(np.rint(255 * tile[box]).astype(np.uint8)).resize((200, 180)))
            for tile in tiles
        ]))  # fmt: skip
    return Image.fromarray(np.vstack(lines))


if __name__ == "__main__":
    main()
