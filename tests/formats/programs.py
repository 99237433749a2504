"""Other programs that open files: GIMP, ImageMagick, OpenImageIO's oiiotool and Krita, where they are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

# The Debian packages that have the programs.
PACKAGES = {
    "gimp": "gimp",
    "identify": "imagemagick",
    "convert": "imagemagick",
    "oiiotool": "openimageio-tools",
    "krita": "krita",
    "xvfb-run": "xvfb xauth",
}


def needs(*programs: str) -> pytest.MarkDecorator:
    """Return a mark that skips a test where a program is missing, and says how to get it."""
    missing = [program for program in programs if shutil.which(program) is None]
    packages = " ".join(PACKAGES[program] for program in missing)
    return pytest.mark.skipif(
        bool(missing), reason=f"not installed: {', '.join(missing)} (apt-get install {packages})"
    )


def run(folder: Path, *command: str, given: str | None = None) -> str:
    """Run a program in a folder that is also its home; return what it prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "QT_QPA_PLATFORM": "offscreen",
        },
        input=given,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout


def pixels(path: Path) -> np.ndarray:
    """Return a picture's numbers as Pillow reads them."""
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


# GIMP tells of each file its size and its layers from the front, those in a group after it. It writes the
# flattened picture to NAME.png, and each layer that is no group to NAME.0.png, NAME.1.png, ..., the front one
# first.
SCRIPT = """
(define told (open-output-file "told.txt"))
(define (tell . things)
  (for-each (lambda (thing) (write thing told) (display " " told)) things)
  (newline told))
(define (walk image item name number depth)
  (let ((group (= TRUE (car (gimp-item-is-group item)))))
    (tell depth (car (gimp-item-get-name item)) (if group 1 0) (car (gimp-item-get-visible item))
          (car (gimp-layer-get-mode item)) (car (gimp-drawable-width item)) (car (gimp-drawable-height item)))
    (if group
        (let ((children (gimp-item-get-children item)))
          (walk-all image (vector->list (cadr children)) name number (+ depth 1)))
        (let ((file (string-append name "." (number->string number) ".png")))
          (file-png-save RUN-NONINTERACTIVE image item file file 0 1 0 0 0 0 0)
          (+ number 1)))))
(define (walk-all image items name number depth)
  (if (null? items)
      number
      (walk-all image (cdr items) name (walk image (car items) name number depth) depth)))
(define (open-one path name)
  (let* ((image (car (gimp-file-load RUN-NONINTERACTIVE path path)))
         (layers (gimp-image-get-layers image)))
    (tell -1 name (car (gimp-image-width image)) (car (gimp-image-height image)))
    (walk-all image (vector->list (cadr layers)) name 0 0)
    (let ((flat (car (gimp-image-flatten image))) (file (string-append name ".png")))
      (file-png-save RUN-NONINTERACTIVE image flat file file 0 1 0 0 0 0 0))
    (gimp-image-delete image)))
"""


def open_in_gimp(folder: Path, files: list[Path]) -> dict[str, dict[str, Any]]:
    """Open files in GIMP, without a display, and return what it says of each.

    Returns
    -------
    dict
        For each file's name its ``size`` (width, height), and its ``layers`` from front to back, each a dict
        of ``depth``, ``name``, ``group``, ``visible``, ``mode`` and ``size``. The pictures lie in the folder.
    """
    calls = [f"(open-one {json.dumps(str(file))} {json.dumps(file.name)})" for file in files]
    script = "\n".join([SCRIPT, *calls, "(close-output-port told)", "(gimp-quit 0)"])
    run(folder, "gimp", "-i", "-d", "-f", "-s", "-b", "-", given=script)
    told: dict[str, dict[str, Any]] = {}
    for line in (folder / "told.txt").read_text(encoding="utf-8").splitlines():
        # Numbers, and texts as JSON writes them too.
        depth, name, *numbers = json.loads("[" + ", ".join(_split(line)) + "]")
        if depth < 0:
            layers: list[dict[str, Any]] = []
            told[name] = {"size": tuple(numbers), "layers": layers}
        else:
            group, visible, mode, width, height = numbers
            layers.append(
                {
                    "depth": depth,
                    "name": name,
                    "group": bool(group),
                    "visible": bool(visible),
                    "mode": mode,
                    "size": (width, height),
                }
            )
    return told


def _split(line: str) -> list[str]:
    depth, rest = line.split(" ", 1)
    name, numbers = rest.rsplit('" ', 1)
    return [depth, name + '"', *numbers.split()]
