"""The label map: layer indices in the contact sheet's colors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import io
from tests.results import Make

from softseg.layers import save
from softseg.layers.arrangement import PALETTE
from softseg.result import SoftSegmentation
from softseg.testing import FormatCase
from softseg.testing.format import names


class TestLabelMap(FormatCase):
    suffix = ".png"

    def check(self, path: Path, result: SoftSegmentation) -> None:
        owner = np.argmax(result.alphas, axis=2)
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.mode == "P"
            np.testing.assert_array_equal(np.asarray(image), owner)
        # Readers that know of no palette show the colors.
        np.testing.assert_array_equal(io.imread(path)[..., :3], PALETTE[owner % len(PALETTE)])


def test_of_equal_alphas_the_first(tmp_path: Path, make_segmentation: Make) -> None:
    result = replace(make_segmentation(5, 8, 4), alphas=np.full((5, 8, 4), 0.25, dtype=np.float32))
    save(tmp_path / "out.png", result)
    with Image.open(tmp_path / "out.png") as image:
        assert not np.asarray(image).any()


@pytest.mark.parametrize("count", [11, 17, 256])
def test_more_layers_than_colors(tmp_path: Path, make_segmentation: Make, count: int) -> None:
    result = replace(
        make_segmentation(16, 17, 2),
        alphas=np.eye(count, dtype=np.float32)[np.arange(16 * 17) % count].reshape(16, 17, count),
    )
    save(tmp_path / "out.png", result)
    with Image.open(tmp_path / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(image).ravel(), np.arange(16 * 17) % count)


def test_more_layers_than_a_palette_holds(tmp_path: Path, make_segmentation: Make) -> None:
    result = replace(make_segmentation(4, 5, 2), alphas=np.full((4, 5, 257), 1 / 257, dtype=np.float32))
    with pytest.raises(ValueError, match=r"\Apath: a label map holds at most 256 layers, got 257\Z"):
        save(tmp_path / "out.png", result)
    assert names(tmp_path) == []
