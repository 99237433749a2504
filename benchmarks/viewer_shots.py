"""Draw the viewer's page as a desktop and a phone show it: viewer-1280.png and viewer-390.png.

python benchmarks/viewer_shots.py [FOLDER]
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright
from skimage.data import astronaut
from skimage.transform import resize

from softseg import SoftSegmentation, segment

SIDE = 400  # pixels of the photo
FACE, SUIT, WALL = (205, 90), (170, 320), (130, 30)  # x, y on it


def main() -> None:
    """Segment the photo, write its page and photograph that."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "images"
    result = segment(resize(astronaut() / 255.0, (SIDE, SIDE), anti_aliasing=True))
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "astronaut.html"
        result.save(page)
        photograph(page, result, folder)


def photograph(file: Path, result: SoftSegmentation, folder: Path) -> None:
    """Select and tint the suit and point at the face; on the phone, also take the wall away."""
    with sync_playwright() as engines:
        browser = engines.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width, height in (1280, 800), (390, 844):
            phone = width < 600
            page = browser.new_page(
                viewport={"width": width, "height": height}, has_touch=phone, is_mobile=phone
            )
            page.goto(file.as_uri())
            page.wait_for_selector("html.ready")
            tint(page, layer_at(result, SUIT), "blue")
            if phone:
                row(page, layer_at(result, WALL)).locator(".shown").tap()
                page.touchscreen.tap(*place(page, SUIT))
                page.evaluate("scrollTo(0, 0)")
            else:
                page.mouse.click(*place(page, SUIT))
                page.mouse.move(*place(page, FACE))
            page.wait_for_timeout(500)
            with Image.open(io.BytesIO(page.screenshot())) as image:  # which Pillow packs tighter
                image.convert("RGB").save(folder / f"viewer-{width}.png", optimize=True)
        browser.close()


def layer_at(result: SoftSegmentation, pixel: tuple[int, int]) -> int:
    """Return the layer that a pixel x, y belongs to most."""
    x, y = pixel
    return int(result.alphas[y, x].argmax())


def row(page: Page, layer: int) -> Locator:
    """Return a layer's row in the list."""
    return page.locator("#layers li").filter(has_text=re.compile(rf"^\s*{layer + 1} "))


def tint(page: Page, layer: int, name: str) -> None:
    """Unfold a layer's tints and take one."""
    row(page, layer).locator(".tint").click()
    row(page, layer).get_by_label(name).click()


def place(page: Page, pixel: tuple[int, int]) -> tuple[float, float]:
    """Return where in the window a pixel x, y of the photo is."""
    box = page.locator("#picture").bounding_box()
    assert box is not None
    return box["x"] + pixel[0] * box["width"] / SIDE, box["y"] + pixel[1] * box["height"] / SIDE


if __name__ == "__main__":
    main()
