"""Warnings name the file and the line of whoever called softseg."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Each line that ends in a comment is to be warned of. In a process of its own: the tests' wrappers of
# annotations are frames that are not softseg's.
SCRIPT = """
import contextlib, functools, warnings
import numpy as np
import softseg
from softseg.affinity import register
from softseg.features import preprocess
from softseg.layers import LayerStack

rng = np.random.default_rng(0)
colors = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
deep = colors.astype(np.uint16)
cheap = {"features": colors / 255, "n_eigenvectors": 8, "n_initial": 4, "n_layers": 2}
trimap = np.full((20, 30), 128, np.uint8)
trimap[:5], trimap[-5:] = 0, 255
stack = LayerStack(colors / 255, np.full((20, 30, 2), 0.5, np.float32))

class Own(softseg.MattingAffinity):
    def __repr__(self):
        return "Own()"

class Mine:
    @functools.cached_property
    def photo(self):
        return softseg.read_photo(deep)  # warns

@contextlib.contextmanager
def opened():
    yield softseg.read_photo(deep)  # warns

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    softseg.read_photo(deep)  # warns
    softseg.segment(deep, **cheap)  # warns
    softseg.segment(np.zeros((20, 30, 3)), **cheap | {"n_layers": 7})  # warns
    softseg.Scene(deep)  # warns
    softseg.matte(deep, trimap)  # warns
    stack.composite(background=deep)  # warns
    preprocess(100 * rng.normal(size=(20, 30, 5)), colors / 255)  # warns
    result = softseg.segment(colors, affinity=Own(), **cheap)
    result.save("out.npz")
    softseg.SoftSegmentation.load("out.npz")  # warns
    Mine().photo
    with opened():
        pass
for one in caught:
    print(one.filename, one.lineno, one.category.__name__, sep="|")
"""


def test_all_name_the_callers_line(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    found = [line.split("|") for line in done.stdout.splitlines()]
    lines = [number for number, line in enumerate(SCRIPT.splitlines(), 1) if line.endswith("# warns")]
    assert {(file, kind) for file, _, kind in found} == {(str(script), "UserWarning")}
    assert sorted({int(line) for _, line, _ in found}) == lines
