"""Results without a decomposition: random layers of a random photo, and all that goes with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from softseg.affinity import MattingAffinity
from softseg.eigen import Eigenpairs
from softseg.result import SoftSegmentation
from softseg.scene import Scene


def random_result(rng: np.random.Generator, height: int, width: int, count: int) -> SoftSegmentation:
    """Return random layers of a random photo; what was found at the working size is half as large.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the numbers come from.
    height, width : int
        Of the photo in pixels, at least 3 each.
    count : int
        How many layers.

    Returns
    -------
    SoftSegmentation
        It has everything that a result of `softseg.segment` has, and no meaning.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.testing import random_result
    >>> random_result(np.random.default_rng(0), 7, 11, 3).alphas.shape
    (7, 11, 3)
    """
    h, w = max((height + 1) // 2, 3), max((width + 1) // 2, 3)
    alphas = rng.random((height, width, count), dtype=np.float32)
    alphas /= alphas.sum(axis=2, keepdims=True)
    colors = rng.random((height, width, count, 3), dtype=np.float32)
    vectors, _ = np.linalg.qr(rng.normal(size=(h * w, min(20, h * w - 1))))
    k: int = vectors.shape[1]
    return SoftSegmentation(
        image=np.clip(np.einsum("hwk, hwkc -> hwc", alphas, colors, dtype=float), 0, 1),
        alphas=alphas,
        scene=Scene(
            rng.random((h, w, 3), dtype=np.float32),
            rng.random((h, w, 3), dtype=np.float32),
            rng.integers(0, 9, (h, w)),
        ),
        affinity=MattingAffinity(),
        eigenpairs=Eigenpairs(np.sort(rng.normal(0, 1e-3, k)), vectors, rng.random(k), True),
        # Near [0, 1], as combinations of the eigenvectors and a constant.
        initial_alphas=(vectors @ rng.normal(size=(k, 11)) + 0.1).reshape(h, w, 11),
        timings={"features": 0.25, "eigenpairs": 1.5},
        given_colors=colors,
    )


def with_alphas(result: SoftSegmentation, alphas: np.ndarray) -> SoftSegmentation:
    """Return a result with other alphas, and the image that they and its colors add up to.

    Parameters
    ----------
    result : SoftSegmentation
        Its layers' colors are kept, in order.
    alphas : ndarray, shape (H, W, K)
        At most as many layers as the result has.

    Returns
    -------
    SoftSegmentation
        A copy; what is not said above is as it was.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.testing import random_result, with_alphas
    >>> result = random_result(np.random.default_rng(0), 7, 11, 3)
    >>> with_alphas(result, np.ones((7, 11, 1))).alphas.shape
    (7, 11, 1)
    """
    colors = result.colors[:, :, : alphas.shape[2]]
    return replace(result, alphas=alphas.astype(np.float32)).recolored(colors)
