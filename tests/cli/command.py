"""A stand-in for `softseg.segment`, and what the command line must print when something is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import softseg
from softseg.cli.manifest import RECORDS
from softseg.testing import random_result

# What `softseg.PUBLISHED` is replaced by, so that the tests see whether it arrives.
PUBLISHED = object()


class FakeSegment:
    """Stands for `softseg.segment`: remembers what it was asked and returns two layers."""

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []
        self.options: dict[str, Any] = {}
        self.action: Callable[[], object] = lambda: None
        self.timings: dict[str, float] | None = None  # in place of the usual ones

    def __call__(self, image: np.ndarray, **options: Any) -> softseg.SoftSegmentation:
        self.images.append(image)
        self.options = options
        for done in range(3):
            if options["progress"] is not None:
                options["progress"](f"stage {done}", done, 3)
        self.action()
        result = random_result(np.random.default_rng(5), *image.shape[:2], 2)
        return result if self.timings is None else replace(result, timings=self.timings)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the only line on standard error; standard output must be empty."""
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("softseg: ")
    return printed.err


def listed(folder: str = ".") -> list[str]:
    """Return the names of all in a folder but the records of what outputs were made from, sorted."""
    return sorted(name for name in os.listdir(folder) if name != RECORDS)
