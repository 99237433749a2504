"""Make the pictures of docs/guides/napari.md.

Without a display:
`xvfb-run -a -s "-screen 0 1400x1000x24" python plugins/napari/screenshots.py docs/images/napari`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from skimage import data

# The window's size in the pictures, and the panel's width, in pixels.
WIDTH, HEIGHT, PANEL = 1280, 800, 300
# Milliseconds between two looks at whether something is done, and to let everything be drawn.
PAUSE, REPAINT = 50, 500


def wait_until(condition: Callable[[], bool]) -> None:
    """Let the viewer work until something is so."""
    while not condition():
        QTest.qWait(PAUSE)


def take(viewer: napari.Viewer, path: Path) -> None:
    """Write a picture of the whole window."""
    QTest.qWait(REPAINT)
    pixels = viewer.screenshot(canvas_only=False, flash=False)
    Image.fromarray(pixels[..., :3]).quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path)


def main(folder: Path) -> None:
    """Segment a photo in a viewer, select a part of it, and take a picture of each."""
    folder.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer()
    viewer.window.resize(WIDTH, HEIGHT)
    photo = viewer.add_image(data.astronaut(), name="astronaut")
    dock, panel = viewer.window.add_plugin_dock_widget("softseg-napari", "Soft layers")
    dock.window().resizeDocks([dock], [PANEL], Qt.Orientation.Horizontal)
    QTest.qWait(REPAINT)
    viewer.reset_view()

    panel.segment.native.click()
    wait_until(lambda: panel.segment.enabled)
    take(viewer, folder / "soft-layers.png")

    scribbles = viewer.add_shapes(
        [np.array([(90, 225), (60, 250), (70, 290)]), np.array([(130, 215), (150, 250)])],
        shape_type="path",
        edge_width=6,
        edge_color="white",
        name="scribbles",
    )
    panel.foreground.value = scribbles
    scribbles.add(np.array([(330, 90), (420, 120), (400, 200)]), shape_type="path", edge_width=6)
    QTest.qWait(REPAINT)
    wait_until(lambda: panel.selection.rests)
    assert photo.visible
    take(viewer, folder / "selection.png")
    viewer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
