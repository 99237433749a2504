"""One photo for all benchmarks: a public-domain portrait, cropped so that it is not square."""

from __future__ import annotations

import numpy as np
import pytest

from softseg import ColorAffinity, Laplacian, MattingAffinity, Scene, SemanticAffinity
from softseg.eigen import Eigenpairs, ShiftInvert


@pytest.fixture(scope="session")
def image() -> np.ndarray:
    """A photo of 96x128 pixels, float in [0, 1]."""
    from PIL import Image
    from skimage.data import astronaut

    return np.asarray(Image.fromarray(astronaut()[:384]).resize((128, 96), Image.Resampling.BOX)) / 255


@pytest.fixture(scope="session")
def scene(image: np.ndarray) -> Scene:
    """The photo with default features and superpixels, both computed already."""
    scene = Scene(image)
    assert scene.features.shape == (*scene.superpixels.shape, 3)
    return scene


@pytest.fixture(scope="session")
def laplacian(scene: Scene) -> Laplacian:
    """The published Laplacian."""
    return (MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()).laplacian(scene)


@pytest.fixture(scope="session")
def exact_pairs(laplacian: Laplacian) -> Eigenpairs:
    """The hundred smallest eigenpairs, exactly."""
    return ShiftInvert().solve(laplacian, k=100)
