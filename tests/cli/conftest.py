"""Fixtures of the commands' tests: nothing is decomposed, and every test has a folder of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.command import PUBLISHED, FakeSegment

import softseg


@pytest.fixture
def segment(monkeypatch: pytest.MonkeyPatch) -> FakeSegment:
    """Put a stand-in for `softseg.segment` in its place."""
    fake = FakeSegment()
    monkeypatch.setitem(softseg.__dict__, "segment", fake)
    monkeypatch.setitem(softseg.__dict__, "PUBLISHED", PUBLISHED)
    return fake


@pytest.fixture
def photo(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a photo of 24 x 32 pixels into an empty folder and go there."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    path = folder / "my photo.png"
    Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(path)
    return path
