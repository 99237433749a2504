"""What is read as a mask, as what, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from softseg.refinement import as_masks

SHAPE = (12, 16)


@pytest.fixture
def square() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[3:9, 4:11] = True
    return mask


def single(mask: Any) -> np.ndarray:
    masks, together = as_masks(mask, SHAPE)
    assert not together
    assert masks[0].dtype == np.float32
    return masks[0]


class TestArrays:
    @pytest.mark.parametrize(
        ("dtype", "white"),
        [(bool, 1), (np.uint8, 1), (np.uint8, 255), (np.int64, 1), (np.int32, 255), (np.uint16, 65535),
         (np.float16, 1), (np.float32, 1), (np.float64, 1)],
    )  # fmt: skip
    def test_of_any_type(self, square: np.ndarray, dtype: type, white: int) -> None:
        assert np.array_equal(single(square.astype(dtype) * dtype(white)), square)

    def test_grays_are_kept(self, square: np.ndarray) -> None:
        assert single(square.astype(np.uint8) * 204).max() == pytest.approx(0.8)

    def test_of_another_shape_for_one_channel(self, square: np.ndarray) -> None:
        for same in (square[..., None], square[None], np.repeat(square[..., None], 3, axis=2)):
            assert np.array_equal(single(same), square)

    def test_of_a_smaller_size(self) -> None:
        small = np.zeros((6, 8), bool)
        small[2:4, 2:6] = True
        assert single(small).shape == SHAPE
        assert single(small)[5, 8] > 0.9

    def test_a_mask_that_is_a_little_beyond_one(self, square: np.ndarray) -> None:
        assert single(square * (1 + 1e-7)).max() == 1

    @pytest.mark.parametrize(
        ("mask", "says"),
        [
            (np.zeros(SHAPE, bool), "mask: expected some object"),
            (np.ones(SHAPE, bool), "mask: expected some background"),
            (np.full(SHAPE, np.nan), "mask: cannot tell"),
            (np.full(SHAPE, 3.5), "mask: cannot tell"),
            (-np.ones(SHAPE, int), "mask: cannot tell"),
            (np.zeros((4, 4), bool), "mask: expected shape"),
            (np.zeros((4, 4, 7)), "mask: expected shape"),
            (np.zeros(SHAPE, complex), "mask"),
            (np.full(SHAPE, "a"), "mask"),
            ("nowhere.png", "mask: no such file"),
            ({"counts": [1]}, "mask: expected COCO's run lengths"),
        ],
    )
    def test_is_refused_in_one_line(self, mask: Any, says: str) -> None:
        with pytest.raises((ValueError, TypeError, FileNotFoundError)) as caught:
            as_masks(mask, SHAPE)
        assert str(caught.value).startswith(says)
        assert "\n" not in str(caught.value)


class TestSeveral:
    def test_labels(self, square: np.ndarray) -> None:
        labels = square.astype(np.uint8)
        labels[5] *= 3
        masks, together = as_masks(labels, SHAPE)
        assert together
        assert len(masks) == 4
        assert np.array_equal(sum(masks), np.ones(SHAPE))
        assert masks[3].sum() == 7

    def test_lists_of_masks_have_the_smallest_on_top(self, square: np.ndarray) -> None:
        part = np.zeros(SHAPE, bool)
        part[4:6, 5:8] = True
        masks, together = as_masks([part, square], SHAPE)
        assert together
        assert np.array_equal(masks[1], part)
        assert np.array_equal(masks[2], square & ~part)
        assert np.array_equal(masks[0], ~square)

    def test_nested_lists_are_one_mask(self, square: np.ndarray) -> None:
        assert np.array_equal(single(square.tolist()), square)


class TestFiles:
    @pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "LA", "I;16", "P"])
    def test_pictures(self, square: np.ndarray, tmp_path: Path, mode: str) -> None:
        gray = Image.fromarray(square.astype(np.uint8) * 255)
        if mode == "RGBA":  # a cut-out, whose opacity is the mask
            picture = Image.new("RGB", gray.size, "red")
            picture.putalpha(gray)
        elif mode == "I;16":
            picture = Image.fromarray(square.astype(np.uint16) * 65535)
        else:
            picture = gray.convert(mode)
        picture.save(tmp_path / "mask.png")
        assert np.array_equal(single(tmp_path / "mask.png"), square)
        assert np.array_equal(single(Image.open(tmp_path / "mask.png")), square)

    def test_palettes_number_labels(self, square: np.ndarray, tmp_path: Path) -> None:
        labels = square.astype(np.uint8) * 2
        picture = Image.fromarray(labels)
        picture = picture.convert("P")
        picture.putdata(labels.ravel().tolist())
        picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        picture.save(tmp_path / "labels.png")
        masks, together = as_masks(tmp_path / "labels.png", SHAPE)
        assert together
        assert np.array_equal(masks[2], square)

    def test_a_file_that_is_no_picture(self, tmp_path: Path) -> None:
        (tmp_path / "mask.png").write_text("no picture")
        with pytest.raises(ValueError, match=r"^mask: cannot be read as a picture"):
            as_masks(tmp_path / "mask.png", SHAPE)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in COCO's decoder
class TestCoco:
    def test_run_lengths_and_annotations(self, square: np.ndarray) -> None:
        runs = coco.encode(np.asfortranarray(square.astype(np.uint8)))
        text = {"size": list(SHAPE), "counts": runs["counts"].decode()}
        numbers, value, run = [], 0, 0
        for pixel in square.ravel(order="F"):
            if pixel != value:
                numbers.append(run)
                value, run = pixel, 0
            run += 1
        numbers.append(run)
        plain = {"size": list(SHAPE), "counts": numbers}
        for mask in (
            runs,
            text,
            plain,
            {"segmentation": text},
            json.loads(json.dumps({"segmentation": plain})),
        ):
            assert np.array_equal(single(mask), square)

    def test_polygons(self, square: np.ndarray) -> None:
        assert np.array_equal(single({"segmentation": [[4, 3, 11, 3, 11, 9, 4, 9]]}), square)

    def test_arrays_under_the_same_key(self, square: np.ndarray) -> None:
        masks, together = as_masks([{"segmentation": square, "area": 42}], SHAPE)
        assert together
        assert np.array_equal(masks[1], square)
