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

    def test_in_the_opacity_of_a_cut_out(self, square: np.ndarray) -> None:
        opacity = square.astype(np.uint8) * 255
        rgba = np.dstack([opacity // 3, opacity // 2, opacity * 0, opacity])
        assert np.array_equal(single(rgba), square)
        assert np.array_equal(single(rgba / 255), square)
        assert np.array_equal(single(np.dstack([opacity, opacity])), square)
        opaque = np.dstack([opacity, opacity, opacity, np.full(SHAPE, 255, np.uint8)])
        assert np.array_equal(single(opaque), square)
        with pytest.raises(ValueError, match=r"^mask: expected some object"):  # nothing was found
            as_masks(np.dstack([opacity, opacity, opacity, np.zeros(SHAPE, np.uint8)]), SHAPE)

    @pytest.mark.parametrize("color", [(255, 0, 0), (0, 128, 0), (224, 224, 192)])
    def test_in_one_color_on_black(self, square: np.ndarray, color: tuple[int, int, int]) -> None:
        painted = square[..., None] * np.array(color, np.uint8)
        assert np.array_equal(single(painted), square)
        assert np.array_equal(single(painted / 255), square)
        soft = np.rint(painted * np.where(np.arange(16) < 7, 1, 0.5)[:, None]).astype(np.uint8)
        assert single(soft)[5, 8] == pytest.approx(0.5, abs=0.005)  # rounded to a 255th

    def test_void_is_unsure(self, square: np.ndarray) -> None:
        void = np.zeros(SHAPE, bool)
        void[3] = True
        expected = np.where(void, 0.5, square)
        for dtype, number in ((np.uint8, 255), (np.int64, 255), (np.int64, -1), (np.float32, 255)):
            assert np.array_equal(single(np.where(void, number, square).astype(dtype)), expected)

    def test_tensors_without_numbers_of_axes(self, square: np.ndarray) -> None:
        torch = pytest.importorskip("torch")
        tensor = torch.tensor(square.astype(np.float32), requires_grad=True)
        for same in (tensor, tensor[None], tensor[None, None], tensor.bfloat16(), tensor > 0.5):
            assert np.array_equal(single(same), square)
        assert np.array_equal(single({"segmentation": tensor > 0.5}), square)
        assert np.array_equal(single({"label": "cat", "mask": Image.fromarray(square)}), square)

    def test_a_mask_that_is_a_little_beyond_one(self, square: np.ndarray) -> None:
        assert single(square * (1 + 1e-7)).max() == 1

    @pytest.mark.parametrize(
        ("mask", "says"),
        [
            (np.zeros(SHAPE, bool), "mask: expected some object"),
            (np.ones(SHAPE, bool), "mask: expected some background"),
            (np.full(SHAPE, np.nan), "mask: expected finite numbers"),
            (np.full(SHAPE, np.inf), "mask: expected finite numbers"),
            (np.where(np.eye(*SHAPE), 8.5, -7.0), "mask: cannot tell"),  # logits
            (np.full(SHAPE, 5), "mask: cannot tell"),
            (np.where(np.eye(*SHAPE), 10**12, 0), "mask: cannot tell"),
            (np.random.default_rng(0).random((*SHAPE, 3)), "mask: expected one channel, or shades of one"),
            ([], "mask: expected at least one mask"),
            ([np.ones(SHAPE, bool)], "mask: expected masks of parts"),
            ([np.zeros(SHAPE, bool)] * 2, "mask: expected masks of parts"),
            ([np.eye(*SHAPE), np.arange(192).reshape(SHAPE) // 64], "mask[1]: expected one object"),
            (np.full(SHAPE, 3.5), "mask: cannot tell"),
            (-np.ones(SHAPE, int), "mask: cannot tell"),
            (np.zeros((4, 4), bool), "mask: expected shape"),
            (np.zeros((4, 4, 7)), "mask: expected shape"),
            (np.zeros(SHAPE, complex), "mask"),
            (np.full(SHAPE, "a"), "mask"),
            ("nowhere.png", "mask: no such file"),
            ({"counts": [1]}, "mask: expected COCO's run lengths"),
            ({"size": list(SHAPE), "counts": [50, 30]}, "mask: expected COCO's run lengths"),
            ({"size": list(SHAPE), "counts": "1Z"}, "mask: expected COCO's run lengths"),
            ({"size": list(SHAPE), "counts": ""}, "mask: expected COCO's run lengths"),
            ({"segmentation": []}, "mask: expected COCO's run lengths"),
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

    def test_stacks_are_lists(self, square: np.ndarray) -> None:
        part = np.zeros(SHAPE, bool)
        part[4:6, 5:8] = True
        expected, _ = as_masks([part, square, ~square], SHAPE)
        stack = np.stack([part, square, ~square])
        parts = [[part[None], square[..., None], ~square], stack, stack[:, None], stack[None]]
        for same in (*parts, stack.astype(np.float32), np.moveaxis(stack, 0, 2)):
            masks, together = as_masks(same, SHAPE)
            assert together
            assert np.array_equal(masks, expected)

    def test_soft_masks_of_a_list_stay_soft(self, square: np.ndarray) -> None:
        masks, _ = as_masks([square * 0.75, np.where(np.arange(16) < 4, 1.0, 0) * np.ones(SHAPE)], SHAPE)
        assert masks[1][5, 8] == 0.75
        assert masks[0][5, 8] == 0.25
        assert np.allclose(sum(masks), 1, atol=1e-6)  # single precision

    @pytest.mark.parametrize("numbers", [(1, 2), (3, 60), (7, 200)])
    @pytest.mark.parametrize("dtype", [np.int64, np.int16, np.uint16, np.float64])
    def test_labels_of_any_type_may_have_gaps(
        self, square: np.ndarray, numbers: tuple[int, int], dtype: type
    ) -> None:
        low, high = numbers
        labels = np.where(square, high, 0)
        labels[0] = low
        masks, together = as_masks(labels.astype(dtype), SHAPE)
        assert together
        assert len(masks) == high + 1
        assert np.array_equal(masks[high], square)
        assert masks[low].sum() == 16
        assert np.array_equal(sum(masks), np.ones(SHAPE))

    def test_grays_in_wide_integers_are_no_labels(self) -> None:
        ramp = np.arange(192).reshape(SHAPE) + 50
        assert single(ramp).max() == pytest.approx(241 / 255)

    def test_void_between_labels(self, square: np.ndarray) -> None:
        labels = np.where(square, 2, 1)
        labels[3] = 255
        for same in (labels.astype(np.uint8), np.where(labels == 255, -1, labels)):
            masks, together = as_masks(same, SHAPE)
            assert together
            assert len(masks) == 3
            assert not masks[0].any()  # no pixel is known to have it
            assert (masks[1][3] == 0.5).all()
            assert masks[2][5, 8] == 1

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

    def test_palettes_with_void(self, square: np.ndarray, tmp_path: Path) -> None:
        labels = square.astype(np.uint8) * 15
        labels[3], labels[11] = 255, 1
        picture = Image.frombytes("P", SHAPE[::-1], labels.tobytes())
        picture.putpalette([0, 0, 0, 128, 0, 0] + [224, 224, 192] * 254)
        picture.save(tmp_path / "labels.png")
        masks, together = as_masks(tmp_path / "labels.png", SHAPE)
        assert together
        assert len(masks) == 16
        assert (masks[15][3] == 0.5).all()
        assert np.array_equal(masks[15][4:], square[4:])

    def test_are_turned_upright(self, square: np.ndarray, tmp_path: Path) -> None:
        orientation = Image.Exif()
        orientation[0x0112] = 6  # the camera was turned by 90 degrees
        Image.fromarray(np.rot90(square.astype(np.uint8) * 255)).save(tmp_path / "mask.png", exif=orientation)
        assert np.array_equal(single(tmp_path / "mask.png"), square)

    def test_a_file_that_is_no_picture(self, tmp_path: Path) -> None:
        (tmp_path / "mask.png").write_text("no picture")
        with pytest.raises(
            ValueError, match=r"^mask: cannot be read as a picture: .* \(of no known format\)"
        ):
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
