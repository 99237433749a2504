"""Print how many photos a minute `softseg segment` does, alone and with workers: docs/guides/clusters.md.

python benchmarks/batch.py [--photos 24] [--rounds 3] [--workers N] [--write]

Each command runs in processes of its own, start included, and writes to an empty folder. The two ways take
turns, because other programs may use the machine too: what counts is their ratio within a round, of which the
median is taken. Photos are crops of those that come with scikit-image, 320x240, all different.

Then a transcript is made of a scheduler, a worker and a command, each started as the page says.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from softseg._threads import cores

PAGE = Path(__file__).parents[1] / "docs" / "guides" / "clusters.md"
BIN = Path(sys.executable).parent
SIZE = 240, 320


def make_photos(folder: Path, count: int) -> None:
    """Write so many different crops."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    sources = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    for number in range(count):
        source = sources[number % len(sources)]
        top, left = (rng.integers(0, have - want + 1) for have, want in zip(source.shape, SIZE, strict=False))
        crop = source[top : top + SIZE[0], left : left + SIZE[1]]
        Image.fromarray(crop).save(folder / f"photo_{number:03}.png")


def seconds(photos: Path, more: list[str]) -> tuple[float, float]:
    """Return how long the command takes from its start to its end, and how many cores it had on average."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as out:
        command = [BIN / "softseg", "segment", photos, "-o", f"{out}/{{name}}.npz", "-q", *more]
        begin = time.perf_counter()
        subprocess.run(command, check=True)
        took = time.perf_counter() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert len(list(Path(out).glob("*.npz"))) == len(list(photos.iterdir()))
    return took, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / took


def measure(photos: Path, rounds: int, workers: int) -> str:
    """Return the table."""
    count = len(list(photos.iterdir()))
    seconds(photos, ["--workers", str(workers)])  # compiles, and reads all files once
    alone, many, had = [], [], []
    for _ in range(rounds):
        for times, more in ((alone, []), (many, ["--workers", str(workers)])):
            took, had_cores = seconds(photos, more)
            times.append(took)
            had.append(had_cores)
        print(f"{alone[-1]:.1f} s alone, {many[-1]:.1f} s with {workers} workers", flush=True)
    ratio = statistics.median(a / b for a, b in zip(alone, many, strict=True))
    rows = [
        ("one after the other", alone, statistics.median(had[::2]), ""),
        (f"`--workers {workers}`", many, statistics.median(had[1::2]), f"{ratio:.2f}"),
    ]
    lines = [
        f"{count} photos of 320x240, default features, to `.npz`, on {cores()} cores ({platform.machine()}), "
        f"start included; the two took turns {rounds} times, and other programs ran besides.",
        "",
        "| | seconds | cores that it got | photos a minute | times as many |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {', '.join(f'{each:.0f}' for each in times)} | {got:.2f} "
            f"| {60 * count / statistics.median(times):.1f} | {times_as_many} |"
            for name, times, got, times_as_many in rows
        ),
    ]
    return "\n".join(lines)


def make_transcript(photos: Path) -> str:
    """Return what a scheduler, a worker and a command print."""
    port = 8786
    address = f"tcp://127.0.0.1:{port}"
    environment = os.environ | {f"{name}_NUM_THREADS": "1" for name in ("NUMBA", "OMP", "MKL", "OPENBLAS")}
    scheduler = ["dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--dashboard-address", ":0"]
    worker = ["dask", "worker", address, "--nthreads", "1", "--nworkers", "auto", "--memory-limit", "0"]
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        quiet = {
            "cwd": folder,
            "env": environment,
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
        }
        running = []
        try:
            for command in (scheduler, worker):
                running.append(subprocess.Popen([BIN / command[0], *command[1:]], **quiet))
                lines.append(f"$ {' '.join(command)} &")
            few = sorted(photos.iterdir())[:4]
            (Path(folder) / "photos").mkdir()
            for photo in few:
                (Path(folder) / "photos" / photo.name).write_bytes(photo.read_bytes())
            damaged = Path(folder) / "photos" / few[-1].name
            damaged.write_bytes(b"damaged")
            time.sleep(5)  # the worker has come
            segment = ["softseg", "segment", "photos/", "-o", "layers/{name}.npz", "--dask", address]
            for _ in range(2):
                done = subprocess.run(
                    [BIN / segment[0], *segment[1:]],
                    cwd=folder,
                    check=False,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                lines += [f"$ {' '.join(segment)}", *done.stdout.splitlines()]
            lines += ["$ echo $?", str(done.returncode)]
        finally:
            for process in reversed(running):
                process.terminate()
                process.wait()
        text = "\n".join(line.rstrip() for line in lines)
        return (
            f"```console\n{text.replace(os.path.realpath(folder), '/shared').replace(folder, '/shared')}\n```"
        )


def put(page: str, name: str, text: str) -> str:
    """Return the page with a part replaced."""
    start, end = f"<!-- {name}: by benchmarks/batch.py -->", f"<!-- end of {name} -->"
    assert start in page
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.S)
    return pattern.sub(lambda _: f"{start}\n{text}\n{end}", page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--write", action="store_true", help="write into docs/guides/clusters.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        make_photos(photos, arguments.photos)
        parts = {
            "transcript": make_transcript(photos),
            "throughput": measure(photos, arguments.rounds, arguments.workers),
        }
    for name, text in parts.items():
        print(text)
        if arguments.write:
            PAGE.write_text(put(PAGE.read_text(encoding="utf-8"), name, text), encoding="utf-8")


if __name__ == "__main__":
    main()
