"""Compare `softseg.matting.matte` with PyMatting's closed-form matting, as in docs/guides/selection.md.

python benchmarks/bench_matte.py [--write]

The composites of benchmarks/selection.py at 640x480. A trimap leaves unknown what is within some pixels of
the soft edge. Mean squared errors are over the unknown pixels; epsilon is 1e-7 for both. All are timed
alternately in one process, warm, the best of three; the three terms find features and superpixels made.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from pymatting import estimate_alpha_cf
from scipy import ndimage
from selection import COMPOSITES, made, put_between

from softseg import MattingAffinity, Scene
from softseg.matting import matte

SIZE = (480, 640)
MARGINS = (6, 20)  # pixels
REPEATS = 3


def main() -> None:
    """Measure every composite with every margin, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/guides/selection.md as well"
    )
    arguments = parser.parse_args()
    lines = [
        ["photo, margin", "unknown", "PyMatting, MSE", "matting term", "three terms",
         "PyMatting, s", "matting term", "three terms"],
        ["---", *["--:"] * 7],
    ]  # fmt: skip
    figures = []
    for composite in COMPOSITES:
        image, mask = made(composite, SIZE)
        scene = Scene(image)
        scene.features, scene.superpixels  # noqa: B018  # computed when first asked for
        for margin in MARGINS:
            known = trimap(mask, margin)
            unknown = known == 0.5
            methods: list[Callable[[], np.ndarray]] = [
                partial(estimate_alpha_cf, image, known, laplacian_kwargs={"epsilon": 1e-7}),
                partial(matte, image, known, MattingAffinity()),
                partial(matte, scene, known),
            ]
            errors = [float(((method() - mask)[unknown] ** 2).mean()) for method in methods]
            figures.append([*errors, *seconds(methods)])
            numbers = [f"{x:.4f}" for x in errors] + [f"{x:.2f}" for x in figures[-1][len(errors) :]]
            lines.append([f"{composite.name}, {margin}", f"{unknown.mean():.0%}", *numbers])
            print(*lines[-1], sep="  ", file=sys.stderr, flush=True)
    means = np.mean(figures, axis=0)
    lines.append(
        ["**mean**", "", *(f"**{value:.4f}**" for value in means[:3]), *(f"**{v:.2f}**" for v in means[3:])]
    )
    report = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    print(report)
    if arguments.write:
        put_between("matting", report)


def seconds(methods: list[Callable[[], np.ndarray]]) -> list[float]:
    """Return the least time that each takes, all of them in turn."""
    taken = np.zeros((REPEATS, len(methods)))
    for repeat in range(REPEATS):
        for i, method in enumerate(methods):
            start = time.perf_counter()
            method()
            taken[repeat, i] = time.perf_counter() - start
    return [float(least) for least in taken.min(axis=0)]


def trimap(mask: np.ndarray, margin: int) -> np.ndarray:
    """Return 1, 0 and 0.5, unknown within a margin of where a mask is neither 0 nor 1."""
    inside = ndimage.binary_erosion(mask > 0.99, iterations=margin)
    outside = ~ndimage.binary_dilation(mask > 0.01, iterations=margin)
    return np.where(inside, 1.0, np.where(outside, 0.0, 0.5))


if __name__ == "__main__":
    main()
