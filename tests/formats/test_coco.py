"""COCO annotations: read as JSON, masks decoded by hand and by COCO's own API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from scipy import ndimage
from tests.formats.named import NamedCase
from tests.results import Make

from softseg.formats.outlines import outlines
from softseg.layers import save
from softseg.result import SoftSegmentation
from softseg.testing import with_alphas


def decoded(counts: str, height: int, width: int) -> np.ndarray:
    """Decode COCO's compressed run lengths.

    Numbers are written 5 bits at a time, lowest first, from the character "0" on; bit 5 says that more
    follow, bit 4 of the last is the sign. From the fourth on they are differences to the one before the
    last. Runs go down the columns and start with zeros.
    """
    runs: list[int] = []
    number = shift = 0
    for character in counts:
        bits = ord(character) - 48
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = shift = 0
    values = np.repeat(np.arange(len(runs)) % 2, runs)
    return values.reshape(width, height).T.astype(bool)


class TestCOCO(NamedCase):
    suffix = ".json"
    others: ClassVar[dict[str, object]] = {
        "file_name": "beach.jpg",
        "counts": "list",
        "names": ["sky", "sea", "sand", "sun"],
    }

    def check(self, path: Path, result: SoftSegmentation) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        height, width, count = result.alphas.shape
        (image,) = content["images"]
        assert (image["width"], image["height"]) == (width, height)
        assert image["file_name"] == path.with_suffix(".jpg").name
        assert [category["name"] for category in content["categories"]] == [
            f"layer {k + 1}" for k in range(count)
        ]
        owner = np.argmax(result.alphas, axis=2)
        assert [note["category_id"] for note in content["annotations"]] == [k + 1 for k in np.unique(owner)]
        for note in content["annotations"]:
            mask = owner + 1 == note["category_id"]
            rows, columns = np.nonzero(mask)
            left, top = columns.min(), rows.min()
            assert note["image_id"] == image["id"]
            assert note["segmentation"]["size"] == [height, width]
            np.testing.assert_array_equal(decoded(note["segmentation"]["counts"], height, width), mask)
            assert note["area"] == mask.sum()
            assert note["bbox"] == [left, top, columns.max() + 1 - left, rows.max() + 1 - top]
            assert note["iscrowd"] == 0


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in COCO's decoder
def test_cocos_own_api_reads_it(tmp_path: Path, make_segmentation: Make) -> None:
    result = with_alphas(make_segmentation(30, 41, 3), np.eye(3)[np.indices((30, 41)).sum(axis=0) // 9 % 3])
    save(tmp_path / "out.json", result, file_name="my photo.png")
    coco = COCO(tmp_path / "out.json")
    assert coco.loadImgs(coco.getImgIds())[0]["file_name"] == "my photo.png"
    masks = [coco.annToMask(note) for note in coco.loadAnns(coco.getAnnIds())]
    np.testing.assert_array_equal(np.stack(masks, axis=2), result.alphas)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in COCO's decoder
@pytest.mark.parametrize("options", [{}, {"counts": "list"}, {"polygons": True}], ids=str)
def test_cocos_own_api_makes_the_same_masks_of_every_kind(
    tmp_path: Path, make_segmentation: Make, rng: np.random.Generator, options: dict[str, object]
) -> None:
    """Layers with holes, specks and parts that touch at corners; IoU is 1 for all of them."""
    owner = np.where(rng.random((23, 37)) < 0.2, 2, np.indices((23, 37)).sum(axis=0) // 8 % 2)
    result = with_alphas(make_segmentation(23, 37, 3), np.eye(3)[owner])
    save(tmp_path / "out.json", result, **options)
    coco = COCO(tmp_path / "out.json")
    notes = coco.loadAnns(coco.getAnnIds())
    np.testing.assert_array_equal(np.stack([coco.annToMask(note) for note in notes], axis=2), result.alphas)
    assert [note["area"] for note in notes] == result.alphas.sum(axis=(0, 1)).tolist()


def test_lists_are_plain_numbers(tmp_path: Path, make_segmentation: Make) -> None:
    owner = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 1]])
    result = with_alphas(make_segmentation(3, 3, 2), np.eye(2)[owner])
    save(tmp_path / "out.json", result, counts="list")
    content = json.loads((tmp_path / "out.json").read_text())
    runs = [note["segmentation"]["counts"] for note in content["annotations"]]
    assert runs == [[0, 2, 1, 1, 5], [2, 1, 1, 5]]


def test_other_counts_are_refused(tmp_path: Path, make_segmentation: Make) -> None:
    with pytest.raises(ValueError, match=r"\Acounts: expected 'string' or 'list', got 'text'\Z"):
        save(tmp_path / "out.json", make_segmentation(5, 8, 2), counts="text")


def test_a_photos_name_that_is_no_text(tmp_path: Path, make_segmentation: Make) -> None:
    save(tmp_path / "out.json", make_segmentation(5, 8, 2), file_name="caf\udce9.jpg")
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert content["images"][0]["file_name"] == "caf\udce9.jpg"


class TestOutlines:
    def test_a_ring_is_cut_open_to_its_hole(self) -> None:
        ring = np.ones((3, 3), bool)
        ring[1, 1] = False
        (polygon,) = outlines(ring)
        assert polygon.count((1, 0)) == polygon.count((1, 1)) == 2
        assert {(0, 0), (3, 0), (3, 3), (0, 3), (2, 1), (2, 2), (1, 2)} <= set(polygon)

    def test_nothing(self) -> None:
        assert outlines(np.zeros((3, 4), bool)) == []

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in COCO's decoder
    def test_random_masks_come_back(self, rng: np.random.Generator) -> None:
        for _ in range(60):
            height, width = (int(n) for n in rng.integers(1, 25, 2))
            mask = rng.random((height, width)) < rng.random()
            polygons = [[float(value) for place in polygon for value in place] for polygon in outlines(mask)]
            assert len(polygons) == ndimage.label(mask)[1]  # parts that share an edge
            again = np.zeros((height, width), bool)
            if polygons:
                runs = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
                again = coco_mask.decode(runs).astype(bool)
            np.testing.assert_array_equal(again, mask)


def test_categories_have_the_layers_names(tmp_path: Path, make_segmentation: Make) -> None:
    save(tmp_path / "out.json", make_segmentation(7, 11, 2), names=["фото 写真", "é 🐈"])
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [(category["id"], category["name"]) for category in content["categories"]] == [
        (1, "фото 写真"),
        (2, "é 🐈"),
    ]
