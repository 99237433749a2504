"""Print how long softseg takes and how much memory, as the tables in docs/measurements/performance.md.

python benchmarks/performance.py [--sizes 320x240 640x480 ...] [--quick] [--write]

The first table is that of benchmarks/defaults.py. The second has the stages, at full working size up to
640x480: photos that come with scikit-image, resized by cubic splines; above 640x480 fine grain is added,
since an enlarged photo alone is smoother than any camera's. Their low-level features are made beforehand and
given as an array, everything else is left at its default. Each size of each photo runs in a process of its
own, warmed up on a small one; the peak memory is what the operating system counts (Linux), the process itself
included.

No time is taken of a wrong answer: alphas, residuals and eigenvalues are checked at every size; at 320x240
the eigenvalues and the layers also against the exact path of the paper with the same superpixels, clusters
and grouping.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from agreement import grouped_by_overlap
from defaults import default_table
from skimage import data
from skimage.transform import resize

import softseg
from softseg._threads import cores
from softseg.features import get
from softseg.sparsify import group, project_to_simplex, relaxed

Size = tuple[int, int]  # width, height

PHOTOS = ("rocket", "astronaut", "coffee", "chelsea")
TARGETS = {
    (320, 240): ("3 s", "1 GB"),
    (640, 480): ("8 s", "2 GB"),
    (1280, 960): ("4 x 640x480", "5 GB"),
    (4000, 3000): ("120 s", "8 GB"),
}
COMPARED = (320, 240)  # with the exact path, which takes minutes at four times the pixels
MOST_DIFFERENCE = 0.02  # of alphas from the exact path's, mean
EIGENVALUE_ERROR = 3e-6  # over the mean diagonal: the default tolerance is 1e-6, of an estimate
REPEATS = 3  # the fastest counts; the largest photos run once
LARGE = 1_000_000  # pixels
FULL_SIZE = 640 * 480  # pixels; photos of more are shrunk for most stages
GRAIN = 0.01  # standard deviation, of a full range of 1
GRAINLESS = 640 * 480  # photos up to here are near their own size
DOCUMENT = Path(__file__).parents[1] / "docs" / "measurements" / "performance.md"
DEFAULTS = "<!-- defaults:begin -->", "<!-- defaults:end -->"
STAGES = "<!-- table:begin -->", "<!-- table:end -->"


@dataclass(frozen=True)
class Measurement:
    """One photo at one size."""

    photo: str
    size: Size
    stages: dict[str, float]  # seconds, "other" included
    gigabytes: tuple[float, float]  # peak after the warm-up, and in all
    difference: float | None  # from the exact path, where compared

    @property
    def seconds(self) -> float:
        """Wall time of the whole call."""
        return sum(self.stages.values())


def main() -> None:
    """Measure every photo at every size, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=parsed_size, default=list(TARGETS), metavar="WxH")
    parser.add_argument("--photos", nargs="+", choices=PHOTOS, default=list(PHOTOS))
    parser.add_argument("--quick", action="store_true", help="the first photo, each size once, none large")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/measurements/performance.md as well"
    )
    arguments = parser.parse_args()
    defaults = f"{machine()}\n\n{default_table(large=not arguments.quick)}"
    print(defaults)
    sizes = [s for s in arguments.sizes if not (arguments.quick and s[0] * s[1] > LARGE)]
    measurements = []
    for size in sizes:
        for photo in arguments.photos[:1] if arguments.quick else arguments.photos:
            measurements.append(measured(photo, size, once=arguments.quick))
            print(f"{photo} {named(size)}: {measurements[-1].seconds:.1f} s", file=sys.stderr, flush=True)
    report = f"{machine()}\n\n{table(measurements)}"
    print(report)
    if arguments.write:
        for (begin, end), text in ((DEFAULTS, defaults), (STAGES, report)):
            before, rest = DOCUMENT.read_text().split(begin)
            DOCUMENT.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")


def measured(photo: str, size: Size, once: bool) -> Measurement:
    """Measure one photo at one size in fresh processes: one makes its features, the next segments it."""
    repeats = 1 if once or size[0] * size[1] > LARGE else REPEATS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "photo.npz")
        in_fresh_process(prepare, photo, size, file)
        return in_fresh_process(measure, photo, size, file, repeats)


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a new process that inherits nothing."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def prepare(name: str, size: Size, file: Path) -> None:
    """Save a photo at a size, and its preprocessed features."""
    width, height = size
    image = resize(getattr(data, name)() / 255, (height, width), order=3, anti_aliasing=True, mode="reflect")
    if width * height > GRAINLESS:
        image += np.random.default_rng(0).normal(scale=GRAIN, size=image.shape)
    image = np.rint(255 * image.clip(0, 1)).astype(np.uint8)
    np.savez(file, image=image, features=get("low-level").preprocessed(image / 255))


def measure(photo: str, size: Size, file: Path, repeats: int) -> Measurement:
    """Segment the prepared photo a few times; return the fastest of the checked answers."""
    with np.load(file) as arrays:
        image, features = arrays["image"], arrays["features"]
    warm_up()
    before, runs, difference = peak_gigabytes(), [], None
    working_pixels = None if size[0] * size[1] <= FULL_SIZE else "default"
    for run in range(repeats):
        start = time.perf_counter()
        result = softseg.segment(image, features=features, working_pixels=working_pixels)
        seconds = time.perf_counter() - start
        if run == 0:
            peak = peak_gigabytes()  # before the checks, which need memory of their own
        check(result)
        if run == 0 and size == COMPARED:
            difference = difference_from_exact(result)
        runs.append(result.timings | {"other": seconds - sum(result.timings.values())})
    fastest = min(runs, key=lambda stages: sum(stages.values()))
    fastest["other"] += fastest.pop("features")  # only looked at: they were given
    return Measurement(photo, size, fastest, (before, peak), difference)


def warm_up() -> None:
    """Segment a small photo at working size and above it, so that all is imported and compiled."""
    image = data.astronaut()[::6, ::4]
    features = get("low-level").preprocessed(image / 255)
    for working_pixels in (None, image.shape[0] * image.shape[1] // 2):
        softseg.segment(image, features=features, working_pixels=working_pixels)


def peak_gigabytes() -> float:
    """Return the most memory that this process has held so far, in 10^9 bytes."""
    # Not getrusage: its ru_maxrss survives exec, so that a process starts with its parent's.
    status = Path("/proc/self/status").read_text()
    kibibytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kibibytes) * 1024 / 1e9


def check(result: softseg.SoftSegmentation) -> None:
    """Require alphas on the simplex, and eigenpairs that are what they say they are."""
    require(bool(((result.alphas >= 0) & (result.alphas <= 1)).all()), "alphas leave [0, 1]")
    require(bool(np.abs(result.alphas.sum(axis=2) - 1).max() <= 1e-5), "alphas do not sum to one")
    pairs, matrix = result.eigenpairs, result.laplacian.matrix
    scale = float(matrix.diagonal().mean())
    products = matrix @ pairs.vectors
    quotients = np.einsum("nk,nk->k", pairs.vectors, products)
    residuals = np.linalg.norm(products - pairs.vectors * pairs.values, axis=0)
    gram = pairs.vectors.T @ pairs.vectors
    require(pairs.converged, "the eigensolver did not converge")
    require(np.allclose(gram, np.eye(len(gram)), atol=1e-5), "eigenvectors are not orthonormal")
    require(np.allclose(quotients, pairs.values, rtol=0, atol=EIGENVALUE_ERROR * scale), "eigenvalues")
    require(np.allclose(residuals, pairs.residuals, rtol=1e-3, atol=1e-9 * scale), "residuals")
    # An eigenvalue's error is about the residual's square over the stiffest link, some times the diagonal.
    require(bool(residuals.max() <= np.sqrt(10 * EIGENVALUE_ERROR) * scale), "residuals are large")


def difference_from_exact(result: softseg.SoftSegmentation) -> float:
    """Return how far the layers are from the exact path's, grouped alike; require that it is little."""
    exact = softseg.segment(
        result.image,
        features=result.features,
        superpixels=result.superpixels,
        settings=softseg.PUBLISHED,
    )
    error = np.abs(result.eigenpairs.values - exact.eigenpairs.values).max()
    require(error <= EIGENVALUE_ERROR * result.laplacian.matrix.diagonal().mean(), "eigenvalues")
    groups = group(exact.initial_alphas, exact.features, exact.alphas.shape[2])
    layers = grouped_by_overlap(result.initial_alphas, groups)
    alphas = project_to_simplex(relaxed(layers, result.laplacian, result.image))
    difference = float(np.abs(alphas - exact.alphas).mean())
    require(difference <= MOST_DIFFERENCE, f"layers differ by {difference:.4f} from the exact path's")
    return difference


def require(condition: bool, otherwise: str) -> None:
    """Stop the benchmark at a wrong answer."""
    if not condition:
        raise ValueError(f"wrong answer: {otherwise}")


def table(measurements: list[Measurement]) -> str:
    """Return the measurements in Markdown, with the slope of log figure over log pixels in the last row."""
    stages = list(measurements[0].stages)
    figures = ["whole, s", *stages, "peak, GB", "of it before, GB"]
    header = ["photo", "target time", "target peak", *figures, "from the exact path"]
    rows = []
    numbers = np.array([[m.seconds, *m.stages.values(), *m.gigabytes[::-1]] for m in measurements])
    for m, row in zip(measurements, numbers, strict=True):
        difference = "" if m.difference is None else f"{m.difference:.4f}"
        targets = TARGETS.get(m.size, ("", ""))
        rows.append([f"{m.photo} {named(m.size)}", *targets, *(f"{x:.2f}" for x in row), difference])
    pixels = np.log([m.size[0] * m.size[1] for m in measurements])
    if np.ptp(pixels) > 0:
        slopes = np.polyfit(pixels, np.log(np.maximum(numbers, 1e-3)), 1)[0]
        rows.append(["**growth exponent**", "", "", *(f"{slope:.2f}" for slope in slopes), ""])
    rule = ["---"] + ["--:"] * (len(header) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *rows])


def machine() -> str:
    """Return one line on the processor and on the versions in use."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "")
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "scikit-image"))
    return (
        f"{model or platform.machine()}, {cores()} cores; softseg {softseg.__version__}, "
        f"Python {platform.python_version()}, {versions}."
    )


def named(size: Size) -> str:
    """Return a size as it is written on the command line."""
    return f"{size[0]}x{size[1]}"


def parsed_size(text: str) -> Size:
    """Return width and height of a size such as 640x480."""
    width, _, height = text.partition("x")
    return int(width), int(height)


if __name__ == "__main__":
    main()
