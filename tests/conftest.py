"""Shared fixtures. Every public function's jaxtyping shapes are checked while the tests run."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from jaxtyping import install_import_hook

import softseg


def _checked_modules() -> list[str]:
    """Name softseg's modules but the numba kernels, which compile plain functions only, and the command line.

    Nor the test cases, whose assertions pytest rewrites: of two hooks only the first sees a module. No
    packages: the hook takes a package's name for all that is in it.
    """
    modules = pkgutil.walk_packages(softseg.__path__, "softseg.")
    return [
        m.name
        for m in modules
        if not m.ispkg
        and not m.name.endswith(("_kernels", "._numba", ".__main__"))
        and not m.name.startswith(("softseg.cli.", "softseg.testing."))
    ]


_HOOK = install_import_hook(_checked_modules(), "beartype.beartype")

# After the hook, which checks what is imported from here on. Importing the package asks pytest to rewrite the
# assertions of the test cases.
from tests import results  # noqa: E402

from softseg.testing import random_result, scene_with_a_disk, unchecked_annotations  # noqa: E402

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20180812)


@pytest.fixture
def unhooked() -> Iterator[None]:
    """Stop checking annotations: what a caller gets for a wrong type is then softseg's own error."""
    with unchecked_annotations():
        yield


@pytest.fixture
def make_scene() -> Callable[..., softseg.Scene]:
    return scene_with_a_disk


@pytest.fixture
def scene() -> softseg.Scene:
    """Return a small scene that is not square."""
    return scene_with_a_disk(13, 18)


@pytest.fixture
def make_result(rng: np.random.Generator) -> Callable[[int, int, int], SimpleNamespace]:
    return lambda height, width, count: results.stand_in(rng, height, width, count)


@pytest.fixture
def make_segmentation(rng: np.random.Generator) -> Callable[[int, int, int], softseg.SoftSegmentation]:
    return lambda height, width, count: random_result(rng, height, width, count)
