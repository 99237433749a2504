"""Run the code of docs/start.md, and draw what it leaves: docs/images/start.png.

python benchmarks/start_picture.py
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "start.md"
PICTURE = DOCS / "images" / "start.png"
SHOWN = ("photo.png", "click.png", "lasso.png", "cut_out.png")
SIDE, GAP = 400, 10  # pixels


def main() -> None:
    """Run the page's blocks one after the other in a folder of their own."""
    names: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        for block in re.findall(r"^ *```python\n(.*?)^ *```$", PAGE.read_text(encoding="utf-8"), re.M | re.S):
            exec(compile(re.sub(r"^  (?=\w)", "", block), PAGE.name, "exec"), names)
        panels = [Image.open(name).convert("RGB").resize((SIDE, SIDE)) for name in SHOWN]
    sheet = Image.new("RGB", (len(panels) * (SIDE + GAP) - GAP, SIDE), "white")
    for number, panel in enumerate(panels):
        sheet.paste(panel, (number * (SIDE + GAP), 0))
    sheet.save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
