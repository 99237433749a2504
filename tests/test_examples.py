"""The example scripts run, small, and each leaves the picture that it promises."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data

EXAMPLES = Path(__file__).parents[1] / "examples"
WIDTH = 120
NAMES = ("first_use", "own_affinity", "own_features", "recolor", "replace_background")

Picture = Callable[[str], np.ndarray]


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    """Return what runs an example once and reads its picture."""
    folder = tmp_path_factory.mktemp("examples")

    def run(name: str) -> np.ndarray:
        path = folder / f"{name}.png"
        if not path.exists():
            runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](path, width=WIDTH)
        with Image.open(path) as image:
            assert image.mode == "RGB"
            return np.asarray(image).astype(int)

    return run


def shrunk(photo: np.ndarray) -> np.ndarray:
    image = Image.fromarray(photo)
    image.thumbnail((WIDTH, WIDTH))
    return np.asarray(image).astype(int)


def around(image: np.ndarray, x: float, y: float) -> np.ndarray:
    """Return the mean color of a few pixels about a place given from 0 to 1."""
    row, column = int(y * image.shape[0]), int(x * image.shape[1])
    return image[row - 1 : row + 2, column - 1 : column + 2].mean(axis=(0, 1))


def test_there_are_five() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestEveryExample:
    def test_is_short_and_begins_by_saying_what_it_does(self, name: str) -> None:
        text = (EXAMPLES / f"{name}.py").read_text()
        assert text.startswith('"""')
        assert sum(bool(line) for line in text.splitlines()) < 40

    def test_leaves_a_picture(self, name: str, picture: Picture) -> None:
        image = picture(name)
        assert image.shape[1] >= WIDTH
        assert image.std() > 20

    def test_the_docs_show_it(self, name: str) -> None:
        path = EXAMPLES.parent / "docs" / "images" / "examples" / f"{name}.png"
        assert path.stat().st_size < 300_000
        assert (
            f"(../images/examples/{name}.png)"
            in (EXAMPLES.parent / "docs" / "guides" / "examples.md").read_text()
        )
        with Image.open(path) as image:
            assert np.asarray(image.convert("L")).std() > 20


def test_first_use_prints_the_result(
    picture: Picture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runpy.run_path(str(EXAMPLES / "first_use.py"))["main"](tmp_path / "sheet.png", width=60)
    assert capsys.readouterr().out.startswith("<SoftSegmentation: 5 layers of 60x40 pixels")


def test_recolor_changes_the_saucer_only(picture: Picture) -> None:
    before, after = np.hsplit(picture("recolor"), 2)
    assert np.abs(before - shrunk(data.coffee())).max() <= 1
    red, _, blue = around(before, 0.2, 0.5)
    assert red > blue + 50
    np.testing.assert_allclose(around(after, 0.2, 0.5)[[2, 0]], (red, blue), atol=25)
    for x, y in ((0.05, 0.9), (0.9, 0.3), (0.5, 0.3)):  # wood, wood, coffee
        np.testing.assert_allclose(around(after, x, y), around(before, x, y), atol=12)


def test_replace_background_keeps_the_person_and_shows_the_sky(picture: Picture) -> None:
    before, after = np.hsplit(picture("replace_background"), 2)
    assert np.abs(before - shrunk(data.astronaut())).max() <= 1
    sky = ImageOps.fit(Image.fromarray(data.hubble_deep_field()), (WIDTH, WIDTH))
    for place in ((0.45, 0.22), (0.35, 0.7), (0.8, 0.85)):  # face, suit, helmet
        np.testing.assert_allclose(around(after, *place), around(before, *place), atol=12)
    for place in ((0.6, 0.1), (0.65, 0.2)):  # the backdrop
        np.testing.assert_allclose(
            around(after, *place), around(np.asarray(sky).astype(int), *place), atol=12
        )


def test_own_affinity_changes_what_a_click_selects(picture: Picture) -> None:
    photo, without, with_depth = np.hsplit(picture("own_affinity"), 3)
    assert np.abs(photo - shrunk(data.stereo_motorcycle()[0])).max() <= 1
    for cut_out in (without, with_depth):
        np.testing.assert_allclose(around(cut_out, 0.55, 0.44), around(photo, 0.55, 0.44), atol=12)
        assert (cut_out == 255).all(axis=2).mean() > 0.2
    assert (without != with_depth).any()


def test_own_features_cut_the_cat_out(picture: Picture) -> None:
    photo, features, cut_out = np.hsplit(picture("own_features"), 3)
    assert np.abs(photo - shrunk(data.chelsea())).max() <= 1
    assert np.ptp(features) > 200
    for place in ((0.37, 0.4), (0.55, 0.6)):  # an eye, the nose
        np.testing.assert_allclose(around(cut_out, *place), around(photo, *place), atol=12)
    np.testing.assert_allclose(around(cut_out, 0.95, 0.6), (25, 76, 76), atol=12)


def test_a_script_runs_by_itself(tmp_path: Path) -> None:
    """As one would start it, but on a smaller photo."""
    script = (
        f"import runpy, sys; sys.argv = ['first_use.py', 'out.png']\n"
        f"from skimage import data; rocket = data.rocket; data.rocket = lambda: rocket()[::8, ::8].copy()\n"
        f"runpy.run_path({str(EXAMPLES / 'first_use.py')!r}, run_name='__main__')"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "out.png").exists()
