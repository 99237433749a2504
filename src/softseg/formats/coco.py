"""A result as COCO annotations: one mask per layer, for annotation tools."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from softseg._extras import require
from softseg._files import whole_files
from softseg.formats.label_map import labels_of
from softseg.formats.names import given_names, numbered_names
from softseg.formats.outlines import outlines

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# COCO numbers images; the file holds one.
IMAGE_ID = 1
# How run lengths may be written.
COUNTS = ("string", "list")


def save_coco(
    path: Path,
    result: Decomposition,
    file_name: str | None = None,
    counts: str = "string",
    polygons: bool = False,
    names: Iterable[str] | None = None,
) -> None:
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
        What the photo's file is called where the annotations will be used. The command line gives the
        photo's own name. Default: like this file, but ``.jpg``, because a result does not know the file it
        came from.
    counts : {"string", "list"}
        How run lengths are written: ``"string"`` as pycocotools writes and reads them, which it is needed
        for; ``"list"`` as plain numbers, which COCO's own annotations of crowds have.
    polygons : bool
        Whether masks are polygons instead, for tools that read nothing else. They run along the edges of
        pixels, so that pycocotools makes the same masks of them, and a mask with holes is cut open to each
        (`softseg.formats.outlines.outlines`). ``counts`` then says nothing.
    names : iterable of str, optional
        What the categories are called, in the order of ``result.alphas``. Default: the result's own
        names; without any, ``layer 1``, ``layer 2``, ..., which are the same for every photo of a data set.

    Raises
    ------
    ImportError
        If run lengths are to be strings and pycocotools is not installed (``pip install "softseg[coco]"``).
    ValueError
        If ``counts`` is neither of the two, or the names are not one line of text for each layer, all
        different (`softseg.formats.names.checked_names`).

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> import json
    >>> from pathlib import Path
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> with TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/photo.json", file_name="photo.jpg", counts="list")
    ...     coco = json.loads(Path(folder, "photo.json").read_text())
    >>> coco["images"][0]["file_name"], [category["name"] for category in coco["categories"]]
    ('photo.jpg', ['layer 1', 'layer 2', 'layer 3'])
    """
    check_coco(counts, polygons)
    count = result.alphas.shape[2]
    called = given_names(result, names) or numbered_names(count)
    labels = labels_of(result.alphas)
    height, width = labels.shape
    layers = range(count)
    photo = path.with_suffix(".jpg").name if file_name is None else file_name
    content = {
        "info": {"description": "softseg: the most opaque layer of each pixel"},
        "images": [{"id": IMAGE_ID, "file_name": photo, "width": width, "height": height}],
        "categories": [{"id": k + 1, "name": called[k], "supercategory": "layer"} for k in layers],
        "annotations": [
            _annotate(k + 1, labels == k, counts, polygons) for k in layers if (labels == k).any()
        ],
    }
    with whole_files(path.parent) as scratch:
        (scratch / path.name).write_text(_as_json(content), encoding="utf-8")


def check_coco(counts: str = "string", polygons: bool = False, **_: Any) -> None:
    """Raise before any work what `save_coco` would raise of these options, whatever the result."""
    if counts not in COUNTS:
        raise ValueError(f"counts: expected {' or '.join(map(repr, COUNTS))}, got {counts!r}")
    if counts == "string" and not polygons:
        require("pycocotools.mask", 'writing COCO run lengths as strings (counts="string")')


def _as_json(content: dict[str, Any]) -> str:
    """Return JSON; all letters stand as they are unless a file's name has bytes that are no text."""
    text = json.dumps(content, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(content)
    return text


def _annotate(number: int, mask: Bool[np.ndarray, "H W"], counts: str, polygons: bool) -> dict[str, Any]:
    if polygons:
        segmentation: Any = [
            [float(value) for corner in polygon for value in corner] for polygon in outlines(mask)
        ]
    elif counts == "list":
        segmentation = {"size": list(mask.shape), "counts": _count_runs(mask)}
    else:
        segmentation = {"size": list(mask.shape), "counts": _pack_runs(mask)}
    return {
        "id": number,
        "image_id": IMAGE_ID,
        "category_id": number,
        "segmentation": segmentation,
        "area": int(mask.sum()),
        "bbox": _find_box(mask),
        "iscrowd": 0,
    }


def _find_box(mask: Bool[np.ndarray, "H W"]) -> list[float]:
    """Return the smallest box about a mask, which is not empty: x, y, width and height."""
    (top, bottom), (left, right) = (np.flatnonzero(mask.any(axis=axis))[[0, -1]] for axis in (1, 0))
    return [float(left), float(top), float(right + 1 - left), float(bottom + 1 - top)]


def _pack_runs(mask: Bool[np.ndarray, "H W"]) -> str:
    """Return the lengths of the runs as pycocotools packs them into letters."""
    from pycocotools import mask as coco

    return coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode("ascii")


def _count_runs(mask: Bool[np.ndarray, "H W"]) -> list[int]:
    """Return the lengths of the runs down the columns, outside the mask and inside in turn."""
    values = np.concatenate([[False], mask.ravel(order="F")])
    changes = np.flatnonzero(values[1:] != values[:-1])
    return np.diff(np.concatenate([[0], changes, [mask.size]])).tolist()
