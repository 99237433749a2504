"""Shared fixtures. Every public function's jaxtyping shapes are checked while the tests run."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from jaxtyping import config, install_import_hook

import softseg


def _checked_modules() -> list[str]:
    """Name softseg's modules but the numba kernels, which compile plain functions only, and the command line.

    No packages: the hook takes a package's name for all that is in it.
    """
    modules = pkgutil.walk_packages(softseg.__path__, "softseg.")
    return [
        m.name
        for m in modules
        if not m.ispkg
        and not m.name.endswith(("_kernels", "._numba", ".__main__"))
        and not m.name.startswith("softseg.cli.")
    ]


_HOOK = install_import_hook(_checked_modules(), "beartype.beartype")

# After the hook, which checks what is imported from here on.
from tests import results  # noqa: E402

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20180812)


@pytest.fixture
def unhooked() -> Iterator[None]:
    """Stop checking annotations: what a caller gets for a wrong type is then softseg's own error."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture
def make_scene() -> Callable[..., softseg.Scene]:
    return scene_with_a_disk


@pytest.fixture
def scene() -> softseg.Scene:
    """Return a small scene that is not square."""
    return scene_with_a_disk(13, 18)


def scene_with_a_disk(height: int, width: int, block: int = 4, seed: int = 7) -> softseg.Scene:
    """Return a disk before shaded ground, both with grain, whose features tell them apart.

    Its superpixels are blocks with wavy borders; those at the disk's rim repel each other.
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
    return softseg.Scene(image, features, superpixels=100 * row + column)


@pytest.fixture
def make_result(rng: np.random.Generator) -> Callable[[int, int, int], SimpleNamespace]:
    return lambda height, width, count: results.stand_in(rng, height, width, count)


@pytest.fixture
def make_segmentation(rng: np.random.Generator) -> Callable[[int, int, int], softseg.SoftSegmentation]:
    return lambda height, width, count: results.random_result(rng, height, width, count)
