"""COCO annotations: read as JSON, masks decoded by hand and by COCO's own API."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from tests.results import Make

from softseg.layers import save
from softseg.result import SoftSegmentation
from softseg.testing import FormatCase, with_alphas


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


class TestCOCO(FormatCase):
    suffix = ".json"

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
