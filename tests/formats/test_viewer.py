"""The page: what is in the file, and what it does in a real browser."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image
from skimage.io import imread
from tests.formats.named import NamedCase
from tests.results import Make

from softseg.formats import layer_names, viewer
from softseg.images import shrink
from softseg.layers import LayerStack
from softseg.layers.arrangement import PALETTE
from softseg.result import SoftSegmentation
from softseg.testing import with_alphas

BLUE = np.array([0x3B, 0x76, 0xD0])  # one of the page's tints


# ---- The file ----------------------------------------------------------------------------------------------


class Parts(HTMLParser):
    """A page taken apart by Python's own parser."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.policy = ""
        self._open = ""
        self.feed(page)
        self.data = json.loads(self.texts["script"][0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._open = tag
        self.links += [given[name] or "" for name in ("src", "href", "srcset", "action") if name in given]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open, []).append(data)


def parts(path: Path) -> Parts:
    return Parts(path.read_text(encoding="utf-8"))


def decoded(png: str) -> np.ndarray:
    return imread(io.BytesIO(base64.b64decode(png)))


class TestHTML(NamedCase):
    suffix = ".html"
    others: ClassVar = {"names": ["sky", "sea", "sand", "sun"]}

    def check(self, path: Path, result: SoftSegmentation) -> None:
        page = parts(path)
        assert page.texts["title"] == [f"{path.stem}: layers"]
        assert page.texts["h1"] == [path.stem]
        data = page.data
        assert [data["height"], data["width"]] == list(result.alphas.shape[:2])
        assert data["photo"] == [data["width"], data["height"]]
        assert len(data["layers"]) == result.alphas.shape[2]
        photo = np.zeros(result.image.shape)
        for k, layer in zip(result.order, data["layers"], strict=True):
            assert (layer["number"], layer["name"]) == (k + 1, layer_names(result)[k])
            assert layer["color"] == "#" + bytes(PALETTE[k].tolist()).hex()
            assert layer["share"] == pytest.approx(result.alphas[:, :, k].mean(), abs=1e-4)
            alpha, colors = decoded(layer["alpha"]) / 65535, decoded(layer["colors"]) / 255
            # Half a step of 12 bits (which are stretched to 16) and of 8, and float32's rounding.
            np.testing.assert_allclose(alpha, result.alphas[:, :, k], rtol=0, atol=0.5 / 4095 + 1 / 65535)
            np.testing.assert_allclose(colors, result.colors[:, :, k], rtol=0, atol=0.5 / 255 + 1e-6)
            photo += alpha[:, :, None] * colors
        np.testing.assert_allclose(photo, result.image, rtol=0, atol=1 / 255)


def test_refers_to_nothing_outside(tmp_path: Path, make_segmentation: Make) -> None:
    viewer.save_html(tmp_path / "photo.html", make_segmentation(12, 15, 3))
    page, text = parts(tmp_path / "photo.html"), (tmp_path / "photo.html").read_text()
    assert set(re.findall(r"\w+://[\w./]*", text)) == {"http://www.w3.org/2000/svg"}
    assert page.links == ["data:,"]
    assert not re.search(r"@import|url\(|\bfetch\(|XMLHttpRequest|sendBeacon|WebSocket|import\(", text)
    assert page.policy.startswith("default-src 'none'; ")
    assert "unsafe" not in page.policy


@pytest.mark.parametrize(
    "name", ["<script>alert(1)", "a&amp;b \"'", "<!--<script>", "$title ${data}", "x\udcff"]
)
def test_any_file_name_is_text(tmp_path: Path, make_segmentation: Make, name: str) -> None:
    viewer.save_html(tmp_path / f"{name}.html", make_segmentation(5, 8, 2))
    page = parts(next(tmp_path.iterdir()))
    shown = name.replace("\udcff", "?")
    assert page.texts["h1"] == [shown]
    assert page.data["name"] == shown
    assert len(page.texts["script"]) == 2


def test_size(tmp_path: Path, make_segmentation: Make, rng: np.random.Generator) -> None:
    # A photo with grain all over: about twice what real ones take.
    y, x = np.mgrid[:240, :320] / 100
    fields = [8 * np.sin(k + 2 * x) * np.cos(k * y) for k in range(5)]
    result = with_alphas(make_segmentation(240, 320, 5), soft(fields))
    shades = 0.5 + 0.3 * np.sin(x + y)[:, :, None, None] * np.linspace(0.5, 1, 15).reshape(5, 3)
    grain = rng.normal(0, 0.03, (240, 320, 1, 3)) * result.alphas[..., None]
    viewer.save_html(tmp_path / "photo.html", result.recolored(np.clip(shades + grain, 0, 1)))
    assert 4 * (tmp_path / "photo.html").stat().st_size < 6e6  # at 640x480


def test_large_photos_are_shrunk(
    tmp_path: Path, make_segmentation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "MOST_PIXELS", 300)
    result = make_segmentation(40, 60, 3)
    viewer.save_html(tmp_path / "photo.html", result)
    data = parts(tmp_path / "photo.html").data
    assert (data["width"], data["height"], data["photo"]) == (21, 14, [60, 40])
    layers = [(decoded(layer["alpha"]) / 65535, decoded(layer["colors"]) / 255) for layer in data["layers"]]
    np.testing.assert_allclose(sum(alpha for alpha, _ in layers), 1, rtol=0, atol=1e-3)
    photo = sum(alpha[:, :, None] * colors for alpha, colors in layers)
    np.testing.assert_allclose(photo, shrink(result.image, 300), rtol=0, atol=1 / 255)


def test_colors_of_a_shrunk_layer_are_those_of_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, colors = np.ones((40, 40)), np.full((40, 40, 3), 0.75)
    alpha[:, ::2], colors[:, ::2] = 0, 0
    monkeypatch.setattr(viewer, "MOST_PIXELS", 400)
    stack = LayerStack(colors, np.dstack([alpha, 1 - alpha]), given_colors=np.stack([colors, colors], axis=2))
    small_alphas, small_colors = viewer._shrink_to_page(stack)
    assert small_alphas.shape == (20, 20, 2)
    np.testing.assert_allclose(small_alphas, 0.5, rtol=0, atol=1e-6)
    np.testing.assert_allclose(small_colors[:, :, 0], 0.75, rtol=0, atol=1e-3)  # not the mean, 3/8


def test_outlines_go_round_where_a_layer_is_the_largest() -> None:
    y, x = np.mgrid[:60, :80]
    lead = np.clip(0.5 + (15 - np.hypot(y - 30, x - 40)) / 10, 0, 1)
    others = (1 - lead[..., None]) * (0.6, 0.4)
    disk, rest, covered = viewer._trace_outlines(np.dstack([lead, others]))
    corners = np.array([point.split() for point in disk[1:-1].split("L")], dtype=float)
    # Where lead = 0.6 (1 - lead), which is 16.25 pixels from the middle of that pixel.
    np.testing.assert_allclose(np.hypot(*(corners - (40.5, 30.5)).T), 16.25, rtol=0, atol=0.4)
    assert rest.count("M") == 2  # the disk and the photo's border
    assert covered == ""


# ---- In a browser ------------------------------------------------------------------------------------------


def soft(fields: list[np.ndarray]) -> np.ndarray:
    weights = np.exp(np.stack(fields, axis=2))
    return weights / weights.sum(axis=2, keepdims=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the viewer's test in a browser: no playwright"
    )
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("the viewer's test in a browser: no program named chromium")
    with playwright.sync_playwright() as engines:
        browser = engines.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def result(make_segmentation: Make) -> SoftSegmentation:
    """Return four soft stripes and corners."""
    y, x = np.mgrid[:36, :48]
    alphas = soft([(x - 24) / 4, (24 - x) / 4, (y - 24) / 3, (18 - x - y) / 1.5])
    return with_alphas(make_segmentation(36, 48, 4), alphas)


Open = Callable[..., "Shown"]


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open results in windows of their own; nothing may be asked of any network, or go wrong."""
    contexts, troubles = [], []

    def opened(result: SoftSegmentation, width: int = 1280, name: str = "photo", **options: Any) -> Shown:
        path = tmp_path / f"{name}.html"
        called = [f"Layer {k + 1}" for k in range(result.alphas.shape[2])]
        viewer.save_html(path, result, names=called)
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: troubles.append(request.url) if requests else requests.append(1))
        requests: list[int] = []
        page.goto(path.as_uri())
        page.wait_for_selector("html.ready")
        return Shown(page, result)

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


class Shown:
    """A result's page, and what its pixels should be."""

    def __init__(self, page: Any, result: SoftSegmentation) -> None:
        self.page = page
        self.result = result

    def row(self, k: int) -> Any:
        return self.page.locator("#layers li").filter(has_text=re.compile(rf"Layer {k + 1}(?!\d)"))

    def where(self, k: int) -> dict[str, float]:
        """Return the place in the window where a layer is most opaque."""
        alphas = self.result.alphas
        height, width, _ = alphas.shape
        y, x = np.unravel_index(alphas[:, :, k].argmax(), (height, width))
        assert alphas[y, x].argmax() == k
        box = self.page.locator("#picture").bounding_box()
        return {
            "x": box["x"] + (x + 0.5) * box["width"] / width,
            "y": box["y"] + (y + 0.5) * box["height"] / height,
        }

    def canvas(self, name: str = "picture") -> np.ndarray:
        """Return a canvas's pixels, RGBA from 0 to 255, once drawn."""
        read = """async (name) => {
            for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
            const canvas = document.getElementById(name), {width, height} = canvas;
            // A copy: the page's own canvases are not meant to be read.
            const context = new OffscreenCanvas(width, height).getContext("2d", {willReadFrequently: true});
            context.drawImage(canvas, 0, 0);
            return [...context.getImageData(0, 0, width, height).data];
        }"""
        return np.reshape(self.page.evaluate(read, name), (*self.result.alphas.shape[:2], 4)).astype(float)

    def selected(self) -> list[int]:
        names = self.page.locator("#layers li:has([aria-pressed=true].pick) b").all_inner_texts()
        return sorted(int(name.removeprefix("Layer ")) - 1 for name in names)

    def check(
        self, opacities: Any, background: Any = None, tints: dict[int, np.ndarray] | None = None
    ) -> None:
        """Compare the picture with the layers, each times its opacity, before a background."""
        pixels = self.canvas()
        matte, alpha = mixed(self.result, opacities, tints)
        if background is not None:
            matte, alpha = matte + (1 - alpha) * background, np.ones_like(alpha)
        # A canvas keeps colors times alpha, in 8 bits.
        np.testing.assert_allclose(pixels[..., 3:], 255 * alpha, rtol=0, atol=1)
        np.testing.assert_allclose(pixels[..., :3] * pixels[..., 3:] / 255, matte, rtol=0, atol=2)

    def save(self, act: Callable[[], None]) -> tuple[np.ndarray, str]:
        with self.page.expect_download() as download:
            act()
        with Image.open(download.value.path()) as image:
            assert (image.format, image.mode) == ("PNG", "RGBA")
            return np.asarray(image).astype(float), download.value.suggested_filename


def mixed(
    result: SoftSegmentation, opacities: Any, tints: dict[int, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return sum alpha_k F_k and sum alpha_k, (H, W, 3) from 0 to 255 and (H, W, 1) from 0 to 1."""
    colors = 255.0 * result.colors
    for k, tint in (tints or {}).items():
        colors[:, :, k] = tinted(colors[:, :, k], tint)
    alphas = (result.alphas * np.asarray(opacities))[..., None]
    return (alphas * colors).sum(axis=2), alphas.sum(axis=2)


def tinted(colors: np.ndarray, tint: np.ndarray) -> np.ndarray:
    """Return the tint at the colors' luminosity, with as much of its chroma as stays in 0 .. 255."""
    weights = np.array([0.3, 0.59, 0.11])
    light, chroma = (colors @ weights)[..., None], tint - tint @ weights
    room = np.where(chroma > 0, 255 - light, light) / np.maximum(np.abs(chroma), 1e-9)
    return light + np.minimum(room.min(axis=-1, keepdims=True), 1) * chroma


@pytest.mark.parametrize("count", [1, 10])
def test_shows_the_photo(open_page: Open, make_segmentation: Make, count: int) -> None:
    result = make_segmentation(20, 30, count)
    shown = open_page(result)
    pixels = shown.canvas()
    assert (pixels[..., 3] == 255).all()
    assert np.abs(pixels[..., :3] - 255 * result.image).max() <= 2
    assert shown.page.locator("#layers li").count() == count


def test_decodes_what_the_browser_decodes(open_page: Open, result: SoftSegmentation) -> None:
    page = open_page(result).page
    equal = page.evaluate("""async () => {
        const parsed = JSON.parse(document.getElementById("data").textContent).layers;
        return Promise.all(layers.map(async (layer, k) => {
            const image = new Image();
            const canvas = Object.assign(document.createElement("canvas"), {width, height});
            image.src = "data:image/png;base64," + parsed[k].colors;
            await image.decode();
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            const pixels = context.getImageData(0, 0, width, height).data;
            return layer.original.every((byte, i) => byte === pixels[4 * Math.floor(i / 3) + i % 3]);
        }));
    }""")
    assert equal == [True] * 4
    alphas = np.array(page.evaluate("layers.map((layer) => [...layer.alpha])")).T.reshape(36, 48, 4)
    np.testing.assert_allclose(alphas / 65535, result.alphas[:, :, list(result.order)], rtol=0, atol=1 / 4095)


def test_pointing_lights_up_a_layer_and_clicking_selects_it(
    open_page: Open, result: SoftSegmentation
) -> None:
    shown = open_page(result)
    page = shown.page
    for k in range(4):
        page.mouse.move(**shown.where(k))
        page.wait_for_selector(f"#pointed:has-text('Layer {k + 1} ')")
        veil = shown.canvas("veil")[..., 3]
        np.testing.assert_allclose(veil, 0.72 * 255 * (1 - result.alphas[:, :, k]), rtol=0, atol=1)
        assert page.locator("li.lit b").all_inner_texts() == [f"Layer {k + 1}"]
    page.mouse.move(1, 1)
    page.wait_for_selector("#pointed", state="hidden")
    assert page.locator("li.lit, #veil.drawn").count() == 0
    for k in (2, 0):
        page.mouse.click(**shown.where(k))
    assert shown.selected() == [0, 2]
    assert page.locator("#outlines g.drawn").count() == 2
    page.mouse.click(**shown.where(2))
    assert shown.selected() == [0]
    shown.row(3).locator(".pick").click(position={"x": 5, "y": 5})
    assert shown.selected() == [0, 3]
    shown.check([1, 1, 1, 1])  # neither changes the picture


def test_layers_are_hidden_dimmed_tinted_and_put_before_a_background(
    open_page: Open, result: SoftSegmentation
) -> None:
    shown = open_page(result)
    page = shown.page
    shown.row(1).locator(".shown").click()
    shown.check([1, 0, 1, 1])
    shown.row(2).locator(".opacity").fill("30")
    shown.check([1, 0, 0.3, 1])
    page.get_by_text("White").click()
    shown.check([1, 0, 0.3, 1], [255, 255, 255])
    page.get_by_text("Black").click()
    shown.check([1, 0, 0.3, 1], [0, 0, 0])
    page.locator("#plain").fill("#3b76d0")
    shown.check([1, 0, 0.3, 1], BLUE)
    shown.row(0).locator(".tint").click()
    shown.row(0).get_by_label("blue").click()
    shown.check([1, 0, 0.3, 1], BLUE, {0: BLUE})
    shown.row(0).locator(".tints input").fill("#ff0000")
    shown.check([1, 0, 0.3, 1], BLUE, {0: np.array([255, 0, 0])})
    page.get_by_text("None", exact=True).click()
    page.mouse.click(**shown.where(0))
    page.mouse.click(**shown.where(2))
    page.get_by_text("Show only the selection").click()
    shown.check([1, 0, 0.3, 0], None, {0: np.array([255, 0, 0])})
    page.get_by_text("Undo changes").click()
    shown.check([1, 0, 1, 0])
    page.keyboard.press("Escape")
    shown.check([1, 1, 1, 1])


def test_a_saved_layer_is_its_arrays(open_page: Open, result: SoftSegmentation) -> None:
    shown = open_page(result, name="my photo")
    assert shown.page.locator("#save").is_disabled()
    shown.page.mouse.click(**shown.where(2))
    pixels, name = shown.save(lambda: shown.page.locator("#save").click())
    assert name == "my photo layer 3.png"
    # Also the colors of pixels that are next to transparent.
    np.testing.assert_allclose(pixels, 255 * result.rgba[2], rtol=0, atol=1)
    assert (result.alphas[:, :, 2] < 0.01).any()


def test_a_saved_selection_is_what_is_shown(open_page: Open, result: SoftSegmentation) -> None:
    shown = open_page(result)
    for k in (0, 1, 3):
        shown.page.mouse.click(**shown.where(k))
    shown.row(0).locator(".shown").click()
    shown.row(3).locator(".opacity").fill("50")
    shown.page.get_by_text("White").click()  # not in the file
    # Rounding a tint adds half a step, and one of its channels may change faster than the luminosity.
    for tints, steps in ({}, 1), ({1: BLUE}, 2):
        if tints:
            shown.row(1).locator(".tint").click()
            shown.row(1).get_by_label("blue").click()
        pixels, name = shown.save(lambda: shown.page.locator("#save").click())
        assert name == "photo layers 2 4.png"
        matte, alpha = mixed(result, [0, 1, 0, 0.5], tints)
        np.testing.assert_allclose(pixels[..., 3:], 255 * alpha, rtol=0, atol=1)
        np.testing.assert_allclose(pixels[..., :3] * alpha, matte, rtol=0, atol=steps)
        clear = alpha[..., 0] > 0.05  # below, 12 bits of alpha blur the proportions
        np.testing.assert_allclose(pixels[clear, :3], (matte / alpha)[clear], rtol=0, atol=steps + 0.5)


def test_by_keyboard_alone(open_page: Open, result: SoftSegmentation) -> None:
    shown = open_page(result)
    press = shown.page.keyboard.press

    def press_times(count: int, key: str) -> None:
        for _ in range(count):
            press(key)

    front_to_back = result.order[::-1]
    press("Tab")
    for k in front_to_back[:3]:
        shown.page.wait_for_selector(f"#pointed:has-text('Layer {k + 1} ')")
        described = shown.page.locator("#frame").get_attribute("aria-activedescendant")
        assert shown.page.locator(f"#{described}").inner_text().startswith(f"Layer {k + 1},")
        press("ArrowDown")
    press("Space")
    press("Home")
    press("Enter")
    assert shown.selected() == sorted([front_to_back[0], front_to_back[3]])
    press("Escape")
    assert shown.selected() == []
    press("Control+a")
    assert shown.selected() == [0, 1, 2, 3]
    press("Escape")

    opacities, first = np.ones(4), front_to_back[0]
    press("Tab")  # the first layer's button, which has nothing to undo before it
    press("Space")
    assert shown.selected() == [first]
    press("Tab")
    press_times(25, "ArrowLeft")
    opacities[first] = 0.75
    shown.check(opacities)
    press("Tab")
    press("Enter")  # the tints unfold after the eye
    press("Tab")
    press("Space")
    opacities[first] = 0
    shown.check(opacities)
    press("Space")
    opacities[first] = 0.75
    press_times(7, "Tab")
    focused = shown.page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == "blue"
    press("Enter")
    shown.check(opacities, None, {first: BLUE})

    while not shown.page.evaluate("document.activeElement.name === 'background'"):
        press("Tab")
    press("ArrowRight")
    shown.check(opacities, [255, 255, 255], {first: BLUE})
    while not shown.page.evaluate("document.activeElement.id === 'alone'"):
        press("Tab")
    press("Space")
    shown.check(opacities * (np.arange(4) == first), [255, 255, 255], {first: BLUE})
    press("Tab")
    pixels, _ = shown.save(lambda: press("Enter"))
    _, alpha = mixed(result, opacities * (np.arange(4) == first))
    np.testing.assert_allclose(pixels[..., 3:], 255 * alpha, rtol=0, atol=1)


def test_every_control_has_a_name_and_shows_its_focus(open_page: Open, result: SoftSegmentation) -> None:
    page = open_page(result).page
    seen = set()
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement !== document.body") and len(seen) < 60:
        seen.add(
            page.evaluate("""() => {
                const at = document.activeElement, near = [at, at.nextElementSibling].filter(Boolean);
                const ringed = [...near.map((e) => getComputedStyle(e)), getComputedStyle(at, "::after")];
                const name = at.ariaLabel || at.textContent.trim() || at.labels?.[0]?.textContent.trim();
                return name + (ringed.some((style) => style.outlineStyle === "solid") ? "" : " unseen");
            }""")
        )
        page.keyboard.press("Tab")
    assert not [name for name in seen if "unseen" in name or not name.strip()]
    expected = {"Select", "Opacity of", "Tint", "Show"}
    assert {f"{what} Layer {k}" for what in expected - {"Select"} for k in range(1, 5)} <= seen


def test_on_a_phone(open_page: Open, make_segmentation: Make) -> None:
    _, x = np.mgrid[:20, :40]
    alphas = soft([-np.abs(x - 4 * k - 2.0) for k in range(10)])
    result = with_alphas(make_segmentation(20, 40, 10), alphas)
    shown = open_page(result, 390, name="a_very_long_name_" * 8, has_touch=True, is_mobile=True)
    page = shown.page
    page.touchscreen.tap(**shown.where(4))
    assert shown.selected() == [4]
    page.wait_for_selector("#pointed", state="hidden")
    shown.row(4).locator(".tint").tap()
    shown.row(4).get_by_label("blue").tap()
    shown.check(np.ones(10), None, {4: BLUE})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    too_wide = (
        "[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > 390.5)"
    )
    assert page.evaluate(f"{too_wide}.map((e) => e.outerHTML)") == []


def test_says_that_it_is_shrunk(
    open_page: Open, make_segmentation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "MOST_PIXELS", 300)
    # The page's script knows the page's size only.
    page = open_page(make_segmentation(40, 60, 3)).page
    about = page.locator("#about").inner_text()
    assert about == "3 soft layers · shrunk for this page to 21 × 14 pixels; the photo has 60 × 40"


def test_may_connect_to_nothing(browser: Any, tmp_path: Path, result: SoftSegmentation) -> None:
    viewer.save_html(tmp_path / "photo.html", result)
    context = browser.new_context()
    page = context.new_page()
    page.goto((tmp_path / "photo.html").as_uri())
    blocked = page.evaluate("""async () => {
        const blocked = [];
        const note = (event) => blocked.push(event.effectiveDirective);
        document.addEventListener("securitypolicyviolation", note);
        await fetch("http://127.0.0.1:9/").catch(() => {});
        for (const name of ["img", "script", "iframe"]) {
            document.body.append(Object.assign(document.createElement(name), {src: "http://127.0.0.1:9/"}));
        }
        await new Promise((done) => setTimeout(done, 100));
        return blocked.sort();
    }""")
    context.close()
    assert blocked == ["connect-src", "frame-src", "img-src", "script-src-elem"]
