"""Figures and previews show the arrays, and say clearly what they miss."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image

from softseg.layers.arrangement import PALETTE
from softseg.layers.display import DARK, LIGHT, checkerboard
from softseg.layers.sheet import contact_sheet
from softseg.result import SoftSegmentation

Make = Callable[[int, int, int], SoftSegmentation]


class TestShow:
    @pytest.fixture(autouse=True)
    def pyplot(self) -> Iterator[None]:
        matplotlib = pytest.importorskip("matplotlib")
        matplotlib.use("Agg")
        from matplotlib import pyplot

        yield
        pyplot.close("all")

    def test_draws_the_photo_the_layers_and_each_from_back_to_front(self, make_segmentation: Make) -> None:
        result = make_segmentation(20, 30, 5)
        figure = result.show()
        shown = [axis for axis in figure.axes if axis.images]
        pictures = [axis.images[0].get_array() for axis in shown]
        np.testing.assert_array_equal(pictures[0], result.image)
        np.testing.assert_allclose(pictures[1], result.alphas @ (PALETTE[:5] / 255), atol=1e-6)
        assert len(pictures) == 7
        for picture, axis, k in zip(pictures[2:], shown[2:], result.order, strict=True):
            alpha = result.alphas[..., k, None]
            expected = alpha * result.colors[:, :, k] + (1 - alpha) * checkerboard(20, 30)
            np.testing.assert_allclose(picture, expected, atol=1e-6)
            assert axis.get_title("left") == f"[{k}]  {result.alphas[..., k].mean():.0%}"
            (square,) = axis.findobj(lambda artist: getattr(artist, "get_text", str)() == "■")
            np.testing.assert_array_equal(square.get_color(), PALETTE[k] / 255)
        assert not any(axis.axison for axis in figure.axes)

    @pytest.mark.parametrize(("height", "width", "count"), [(8, 60, 1), (60, 8, 3), (20, 20, 13)])
    def test_any_shape_is_drawn(self, make_segmentation: Make, height: int, width: int, count: int) -> None:
        file = io.BytesIO()
        make_segmentation(height, width, count).show().savefig(file, dpi=30)
        with Image.open(file) as image:
            assert np.asarray(image.convert("L")).std() > 5

    def test_pyplot_knows_the_figure(self, make_segmentation: Make) -> None:
        from matplotlib import pyplot

        assert pyplot.figure(make_segmentation(6, 8, 2).show().number) is pyplot.gcf()


def test_without_matplotlib(make_segmentation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'\Ashow\(\) needs matplotlib: pip install "softseg\[plot\]"\Z'):
        make_segmentation(6, 8, 2).show()


class TestPreview:
    def test_is_the_contact_sheet_with_indices(self, make_segmentation: Make) -> None:
        result = make_segmentation(20, 30, 3)
        with Image.open(io.BytesIO(result._repr_png_())) as image:
            assert image.format == "PNG"
            shown = np.asarray(image)
        sheet = np.asarray(contact_sheet(result))
        assert shown.shape == sheet.shape
        different = (shown != sheet).any(axis=2)
        assert 0 < different.mean() < 0.01  # the layers' names

    def test_needs_no_matplotlib(self, make_segmentation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        assert make_segmentation(6, 8, 2)._repr_png_().startswith(b"\x89PNG")


class TestCheckerboard:
    @pytest.mark.parametrize("size", [(48, 96), (96, 48), (3, 5)])
    def test_two_grays_in_equal_parts(self, size: tuple[int, int]) -> None:
        board = checkerboard(*size)
        assert board.shape == (*size, 3)
        assert set(np.unique(board)) == {DARK, LIGHT}
        assert abs((board == DARK).mean() - 0.5) < 0.05

    def test_neighboring_squares_differ(self) -> None:
        board = checkerboard(48, 96)[..., 0]  # squares of 4 x 4
        assert (board[:, :-4] != board[:, 4:]).all()
        assert (board[:-4] != board[4:]).all()
        assert (board[:4, :4] == board[0, 0]).all()
