"""A result as a label map: which layer each pixel belongs to most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from softseg._files import whole_files
from softseg.layers.arrangement import distinct_colors

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# How many colors the palette of an indexed PNG holds (PNG specification, section 11.2.2, PLTE), and so how
# many layers a label map can tell apart.
MOST_LAYERS = 256


def labels_of(alphas: Float[np.ndarray, "H W K"]) -> Int[np.ndarray, "H W"]:
    """Return the index of each pixel's largest alpha; of equal ones the first.

    Parameters
    ----------
    alphas : ndarray, shape (H, W, K)
        The layers' opacities, in [0, 1].

    Returns
    -------
    ndarray of int, shape (H, W)
        The indices, from 0 to K - 1.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.formats.label_map import labels_of
    >>> labels_of(np.array([[[0.2, 0.8], [0.5, 0.5]]]))
    array([[1, 0]])
    """
    return alphas.argmax(axis=2)


def save_label_map(path: Path, result: Decomposition) -> None:
    """Write the label map as an indexed PNG: 0 is layer 1, in the colors of the contact sheet.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced if it is there.
    result : SoftSegmentation
        What to write.

    Raises
    ------
    ValueError
        If there are more than 256 layers, which is what a PNG's palette holds.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from PIL import Image
    >>> from softseg.testing import random_result
    >>> result = random_result(np.random.default_rng(0), 20, 30, 3)     # stands for segment("photo.jpg")
    >>> with TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/labels.png")
    ...     with Image.open(f"{folder}/labels.png") as image:
    ...         labels = np.asarray(image)
    >>> bool((labels == result.alphas.argmax(axis=2)).all())
    True
    """
    count = result.alphas.shape[2]
    if count > MOST_LAYERS:
        raise ValueError(f"path: a label map holds at most {MOST_LAYERS} layers, got {count}")
    image = Image.fromarray(labels_of(result.alphas).astype(np.uint8))
    image.putpalette(distinct_colors(count).astype(np.uint8).tobytes())
    with whole_files(path.parent) as scratch:
        image.save(scratch / path.name, format="PNG")
