"""Shared fixtures. Every public function's jaxtyping shapes are checked while the tests run."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import install_import_hook

import softseg


def _checked_modules() -> list[str]:
    """Name softseg's modules but the numba kernels, which compile plain functions only, and the command line.

    No packages: the hook takes a package's name for all that is in it.
    """
    modules = pkgutil.walk_packages(softseg.__path__, "softseg.")
    unchecked = {"_kernels", "_numba", "cli", "__main__"}
    return [m.name for m in modules if not m.ispkg and m.name.rpartition(".")[2] not in unchecked]


_HOOK = install_import_hook(_checked_modules(), "beartype.beartype")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20180812)
