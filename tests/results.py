"""Results without a decomposition whose attributes can be changed, and what makes results."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from softseg.result import SoftSegmentation
from softseg.testing import random_result

# Takes a height, a width and a number of layers.
Make = Callable[[int, int, int], SoftSegmentation]


def stand_in(rng: np.random.Generator, height: int, width: int, count: int) -> SimpleNamespace:
    """Return a random result's attributes, so that they can be changed."""
    result = random_result(rng, height, width, count)
    names = (
        "image alphas colors rgba order scene features superpixels affinity eigenpairs initial_alphas timings"
    )
    return SimpleNamespace(**{name: getattr(result, name) for name in names.split()})
