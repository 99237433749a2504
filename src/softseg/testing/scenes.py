"""A scene made by a formula: small, of any size, and with all that the affinities look at."""

from __future__ import annotations

import numpy as np

from softseg.scene import Scene


def scene_with_a_disk(height: int, width: int, block: int = 4, seed: int = 7) -> Scene:
    """Return a disk before shaded ground, both with grain, whose features tell them apart.

    Its superpixels are blocks with wavy borders; those at the disk's rim repel each other.

    Parameters
    ----------
    height, width : int
        In pixels, at least 3 each.
    block : int
        Side of a superpixel, in pixels.
    seed : int
        Of the grain.

    Returns
    -------
    Scene
        Its image, features and superpixels are given, so that no network or SLIC runs.

    Examples
    --------
    >>> from softseg.testing import scene_with_a_disk
    >>> scene_with_a_disk(13, 18)
    <Scene: 18x13 pixels>
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    disk = (y - 0.45 * height) ** 2 + (x - 0.4 * width) ** 2 < (0.3 * min(height, width)) ** 2
    shade = np.stack([x / width, y / height, 0.5 + 0.5 * np.sin(x / 9)], axis=2)
    image = np.where(disk[:, :, None], (0.8, 0.5, 0.2), 0.3 * shade + 0.1)
    image = np.clip(image + rng.normal(0, 0.02, image.shape), 0, 1)
    features = np.clip(np.stack([disk, ~disk, 0.5 * disk], axis=2) + rng.normal(0, 0.02, image.shape), 0, 1)
    row, column = (
        (y + np.round(np.sin(x)).astype(int)) // block,
        (x + np.round(np.sin(y)).astype(int)) // block,
    )
    return Scene(image, features, superpixels=100 * row + column)
