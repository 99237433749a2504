"""A result as COCO annotations: one mask per layer, for annotation tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from softseg._files import whole_files
from softseg.formats.label_map import labels_of

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# COCO numbers images; the file holds one.
IMAGE_ID = 1


def save_coco(path: Path, result: Decomposition, file_name: str | None = None) -> None:
    """Write one image, one category per layer, and one annotation per layer, as COCO's JSON.

    The masks are those of the label map, as run lengths (RLE): they are disjoint and together cover the
    photo. A layer that nowhere has the largest alpha has a category and no annotation, because tools take
    empty masks badly. Numbers start at 1, as is usual in COCO's files: layer 1 has category 1.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there.
    result : SoftSegmentation
        What to write.
    file_name : str, optional
        What the photo's file is called where the annotations will be used. Default: like this file, but
        ``.jpg``.

    Examples
    --------
    >>> from softseg import segment
    >>> segment("photo.png").save("photo.json", file_name="photo.png")  # doctest: +SKIP
    """
    labels = labels_of(result.alphas)
    height, width = labels.shape
    layers = range(result.alphas.shape[2])
    name = path.with_suffix(".jpg").name if file_name is None else file_name
    content = {
        "info": {"description": "softseg: the most opaque layer of each pixel"},
        "images": [{"id": IMAGE_ID, "file_name": name, "width": width, "height": height}],
        "categories": [{"id": k + 1, "name": f"layer {k + 1}", "supercategory": "layer"} for k in layers],
        "annotations": [_annotate(k + 1, labels == k) for k in layers if (labels == k).any()],
    }
    with whole_files(path.parent) as scratch:
        (scratch / path.name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _annotate(number: int, mask: Bool[np.ndarray, "H W"]) -> dict[str, Any]:
    from pycocotools import mask as coco

    run_lengths = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {
        "id": number,
        "image_id": IMAGE_ID,
        "category_id": number,
        "segmentation": {"size": run_lengths["size"], "counts": run_lengths["counts"].decode("ascii")},
        "area": int(coco.area(run_lengths)),
        "bbox": coco.toBbox(run_lengths).tolist(),  # x, y, width, height
        "iscrowd": 0,
    }
