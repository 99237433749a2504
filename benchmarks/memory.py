"""Print how much memory `softseg segment --max-memory` takes, as in docs/measurements/reliability.md.

python benchmarks/memory.py [--megapixels 0.3 3 12 50] [--suffixes .psd .npz ""] [--write]

Each photo is coffee, which comes with scikit-image, enlarged and with fine grain. For each size the command
is run with the least memory that it accepts, and with twice as much. A process that has more than 1.1 times
what it was given is an error.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

ALLOWED = 1.1  # the most memory, as a share of what was given
DOCUMENT = Path(__file__).parents[1] / "docs" / "measurements" / "reliability.md"
BEGIN, END = "<!-- memory:begin -->", "<!-- memory:end -->"
# Runs the command line and prints the most memory that its process had, in kB.
CODE = """
import resource, sys
from softseg.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def main() -> None:
    """Measure all sizes, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megapixels", nargs="+", type=float, default=(0.3, 3, 12, 50))
    parser.add_argument("--suffixes", nargs="+", default=(".psd",), help='a folder is ""')
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/measurements/reliability.md as well"
    )
    arguments = parser.parse_args()
    lines = [
        ["photo", "output", "given, GB", "taken, GB", "worked on at"],
        ["---", "---", "--:", "--:", "---"],
    ]
    for megapixels in arguments.megapixels:
        for suffix in arguments.suffixes:
            lines += measured(megapixels, suffix)
            print(lines[-2:], file=sys.stderr, flush=True)
    report = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    print(report)
    if arguments.write:
        before, rest = DOCUMENT.read_text().split(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{report}\n{END}{rest.split(END)[1]}")


def measured(megapixels: float, suffix: str) -> list[list[str]]:
    """Return the rows of a size and a kind of output."""
    with tempfile.TemporaryDirectory() as folder:
        photo, output = Path(folder, "photo.jpg"), Path(folder, f"layers{suffix}")
        width, height = enlarge(megapixels, photo)
        refused, _ = run(photo, output, 1.0e8)
        least = float(re.search(r"at least ([\d.]+) GB,", refused)[1])
        rows = []
        for given in (least + 0.1, 2 * least):
            said, taken = run(photo, output, given * 1e9)
            if taken > ALLOWED * given * 1e9:
                raise ValueError(
                    f"{megapixels} megapixels, {suffix}: {taken / 1e9:.2f} GB for {given:.1f} GB"
                )
            found = re.search(r"worked on at (\d+ x \d+)", said)
            rows.append(
                [
                    f"{width}x{height}",
                    suffix or "folder",
                    f"{given:.1f}",
                    f"{taken / 1e9:.2f}",
                    found[1] if found else "full size",
                ]
            )
        return rows


def enlarge(megapixels: float, path: Path) -> tuple[int, int]:
    """Write a photo of so many pixels; return its width and height."""
    width = int((megapixels * 1e6 * 4 / 3) ** 0.5) // 4 * 4
    height = width * 3 // 4
    pixels = np.asarray(Image.fromarray(data.coffee()).resize((width, height), Image.Resampling.BICUBIC))
    grain = np.random.default_rng(0).integers(-4, 5, pixels.shape, dtype=np.int8)
    Image.fromarray((pixels.astype(np.int16) + grain).clip(0, 255).astype(np.uint8)).save(path, quality=95)
    return width, height


def run(photo: Path, output: Path, given: float) -> tuple[str, float]:
    """Run the command; return what it said, and how much memory it had at most, in bytes."""
    command = ["segment", str(photo), "-o", f"{output}" if output.suffix else f"{output}/", "--force"]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command, "--max-memory", f"{given:.0f}"],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr, 1024 * float(done.stderr.split()[-1])


if __name__ == "__main__":
    main()
