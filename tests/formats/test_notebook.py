"""What a notebook shows of `explore`: the page in a frame of its own, in a real browser too."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.results import Make

from softseg.formats import layer_names
from softseg.formats.notebook import Explorer, explore

# What may be loaded where VS Code shows the outputs of a notebook's cells (its backLayerWebView.ts, less the
# address of its own files). A frame with `srcdoc` is under this policy and its own.
VS_CODE = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src https: http: data:; font-src https:; connect-src https:; child-src https: data:"
)


class Frame(HTMLParser):
    """The only element of an explorer's HTML, taken apart by Python's own parser."""

    def __init__(self, explorer: Explorer) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(explorer._repr_html_())
        ((self.tag, self.attributes),) = self.elements

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def test_the_frame_holds_the_page_that_save_writes(tmp_path: Path, make_segmentation: Make) -> None:
    result = make_segmentation(12, 15, 3)
    names = ['<sky> & "sea"', "</iframe>", "it's"]
    frame = Frame(result.explore(names=names))
    result.save(tmp_path / "photo.html", names=names)
    assert frame.tag == "iframe"
    assert frame.attributes["srcdoc"] == (tmp_path / "photo.html").read_text(encoding="utf-8")


def test_the_page_cannot_reach_the_notebook(make_segmentation: Make) -> None:
    sandbox = Frame(make_segmentation(5, 8, 2).explore()).attributes["sandbox"]
    assert sandbox is not None
    assert set(sandbox.split()) == {"allow-scripts", "allow-downloads"}


@pytest.mark.parametrize(("given", "expected"), [({}, "640"), ({"height": 300}, "300")])
def test_height(make_segmentation: Make, given: dict[str, int], expected: str) -> None:
    assert Frame(make_segmentation(5, 8, 2).explore(**given)).attributes["height"] == expected


@pytest.mark.parametrize("count", [1, 3])
def test_outside_of_a_notebook_it_is_one_line(make_segmentation: Make, count: int) -> None:
    shown = repr(make_segmentation(5, 8, count).explore())
    layers = "1 layer" if count == 1 else f"{count} layers"
    assert shown.startswith(f"<Explorer: {layers} of 8x5 pixels; ")
    assert "\n" not in shown


def test_default_names_are_those_of_the_file(make_segmentation: Make) -> None:
    result = make_segmentation(9, 12, 3)
    page = explore(result).page
    assert all(f'"name": "{name}"' in page for name in layer_names(result))


@pytest.mark.usefixtures("unhooked")
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"height": 0}, ValueError, r"\Aheight: expected an integer of at least 1, got 0\Z"),
        ({"height": "tall"}, TypeError, r"\Aheight: expected an integer, got str\Z"),
        ({"names": ["one"]}, ValueError, r"\Anames: [^\n]+\Z"),
    ],
)
def test_bad_arguments(
    make_segmentation: Make, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_segmentation(5, 8, 2).explore(**options)


@pytest.mark.parametrize("policy", ["default-src * data: 'unsafe-inline'", VS_CODE], ids=["free", "VS Code"])
def test_a_browser_shows_the_photo_in_the_frame(tmp_path: Path, make_segmentation: Make, policy: str) -> None:
    """As in a cell's output, twice; the page's script runs there, and its selections can be saved."""
    playwright = pytest.importorskip("playwright.sync_api", reason="explore() in a browser: no playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("explore() in a browser: no program named chromium")
    result = make_segmentation(20, 30, 3)
    notebook = tmp_path / "notebook.html"
    notebook.write_text(
        f'<!doctype html><meta charset=utf-8><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<body><p>In [1]:</p>{result.explore()._repr_html_()}"
        f"<p>In [2]:</p>{result.explore(height=300)._repr_html_()}",
        encoding="utf-8",
    )
    read = """() => {
        const canvas = document.getElementById("picture"), {width, height} = canvas;
        const context = new OffscreenCanvas(width, height).getContext("2d", {willReadFrequently: true});
        context.drawImage(canvas, 0, 0);
        return [...context.getImageData(0, 0, width, height).data];
    }"""
    with playwright.sync_playwright() as engines:
        browser = engines.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 1000, "height": 800})
            page.set_default_timeout(20_000)
            troubles: list[str] = []
            page.on("console", lambda message: troubles.append(message.text))
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.goto(notebook.as_uri())
            (_, frame, second) = page.frames
            frame.wait_for_selector("html.ready")
            second.wait_for_selector("html.ready")
            frame.wait_for_timeout(200)  # until it is drawn
            pixels = np.reshape(frame.evaluate(read), (20, 30, 4))
            assert np.abs(pixels[..., :3] - 255 * result.image).max() <= 2
            frame.locator("#frame").click(position={"x": 5, "y": 5})
            with page.expect_download() as download:
                frame.locator("#save").click()
            assert download.value.suggested_filename.startswith("photo layer")
            with pytest.raises(playwright.Error, match=r"SecurityError|Blocked|cross-origin"):
                frame.evaluate("window.parent.document.title")
            assert troubles == []
        finally:
            browser.close()
