"""How long one waits for softseg with everything at its default.

It is the first table in docs/measurements/performance.md.

`benchmarks/performance.py` prints it. The photo is coffee, which comes with scikit-image, resized by cubic
splines; above 640x480 with fine grain. Times of `segment` are of a warm process. Those of commands are from
the shell: the whole life of a process whose kernels are compiled, but for the row on the first run. Each is
the median of three; the largest photo runs once.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from skimage.transform import resize

import softseg

PHOTO = "coffee"
SMALL = ((102, 102), (192, 128), (320, 240), (640, 480))  # width, height
LARGE = (4000, 3000)
AIMS = {"102x102": "1 s", "192x128": "1.5 s", "320x240": "3 s", "640x480": "5 s"}
REPEATS = 3
GRAIN = 0.01  # standard deviation, of a full range of 1
GRAINLESS = 640 * 480  # photos up to here are near their own size


def default_table(large: bool) -> str:
    """Measure, and return the table in Markdown; without ``large``, the largest photo is left out."""
    lines = [["", "aim", "measured"], ["---", "--:", "--:"]]
    with tempfile.TemporaryDirectory() as folder:
        for line in rows(Path(folder), large):
            print(*line, sep="  ", file=sys.stderr, flush=True)
            lines.append(list(line))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def rows(folder: Path, large: bool) -> Iterator[tuple[str, str, str]]:
    """Yield a name, the aim and the measured figure of each row."""
    softseg.segment(picture((102, 102)))  # so that all is imported and compiled
    for size in SMALL:
        seconds, stages = segment_repeatedly(picture(size), "default")
        yield f"`segment`, {named(size)}", AIMS[named(size)], f"{seconds:.1f} s ({stages})"
    seconds, stages = segment_repeatedly(picture((640, 480)), None)
    yield "`segment(working_pixels=None)`, 640x480", "9 s", f"{seconds:.1f} s ({stages})"
    photo = folder / "photo.png"
    Image.fromarray(picture((640, 480))).save(photo)
    command = [sys.executable, "-m", "softseg", "segment", "--force", "--quiet", str(photo), "-o"]
    shell = statistics.median(wall([*command, str(folder / "photo.psd")])[0] for _ in range(REPEATS))
    yield "`softseg segment photo.png -o photo.psd`, 640x480", "7.5 s", f"{shell:.1f} s"
    check_file(folder / "photo.psd", (640, 480))
    first, _ = wall([*command, str(folder / "first.psd")], {"NUMBA_CACHE_DIR": str(folder / "kernels")})
    yield "the first run, on top: compiling", "12 s", f"{first - shell:.1f} s"
    if large:
        Image.fromarray(picture(LARGE)).save(photo)
        seconds, gigabytes = wall([*command, str(folder / "large.psd")])
        check_file(folder / "large.psd", LARGE)
        yield (
            f"`softseg segment photo.png -o photo.psd`, {named(LARGE)}",
            "60 s, 3 GB",
            f"{seconds:.1f} s, {gigabytes:.1f} GB",
        )
        wall([*command, str(folder / "large.npz")])
        check_file(folder / "large.npz", LARGE)
        megabytes = (folder / "large.npz").stat().st_size / 1e6
        yield f"the size of its `.npz`, {named(LARGE)}", "60 MB", f"{megabytes:.0f} MB"


def segment_repeatedly(image: np.ndarray, working_pixels: object) -> tuple[float, str]:
    """Return the median seconds of `segment`, and the stages of that run."""
    runs = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = softseg.segment(image, working_pixels=working_pixels)
        runs.append((time.perf_counter() - start, result.timings))
        check(result)
    seconds, stages = sorted(runs, key=lambda run: run[0])[len(runs) // 2]
    return seconds, ", ".join(f"{name} {value:.2f}" for name, value in stages.items())


def check(result: softseg.SoftSegmentation) -> None:
    """Raise an error unless alphas are on the simplex and the eigenpairs have converged."""
    alphas = result.alphas
    if not (alphas.min() >= 0 and alphas.max() <= 1 and np.abs(alphas.sum(axis=2) - 1).max() <= 1e-5):
        raise ValueError("wrong answer: alphas are not in [0, 1] or do not sum to one")
    if not result.eigenpairs.converged:
        raise ValueError("wrong answer: the eigensolver did not converge")


def check_file(path: Path, size: tuple[int, int]) -> None:
    """Raise an error unless a Photoshop file or an archive has the photo's size."""
    if path.suffix == ".npz":
        found = softseg.SoftSegmentation.load(path).alphas.shape[1::-1]
    else:
        with Image.open(path) as picture:
            found = picture.size
    if tuple(found) != size:
        raise ValueError(f"wrong answer: {path.name} has the size {found}, not {size}")


def wall(command: list[str], environment: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Return the seconds that a command takes, and its peak memory in 10^9 bytes (Linux)."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status  # so that Popen does not wait for it again
    seconds = time.perf_counter() - start
    if status:
        raise ValueError(f"failed: {' '.join(command)}")
    return seconds, usage.ru_maxrss * 1024 / 1e9


def picture(size: tuple[int, int]) -> np.ndarray:
    """Return the photo at a size, (H, W, 3) of uint8."""
    width, height = size
    load: Callable[[], np.ndarray] = getattr(data, PHOTO)
    image = resize(load() / 255, (height, width), order=3, anti_aliasing=True, mode="reflect")
    if width * height > GRAINLESS:
        image += np.random.default_rng(0).normal(scale=GRAIN, size=image.shape)
    return np.rint(255 * image.clip(0, 1)).astype(np.uint8)


def named(size: tuple[int, int]) -> str:
    """Return a size as it is written on the command line."""
    return f"{size[0]}x{size[1]}"
