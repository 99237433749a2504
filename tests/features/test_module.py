"""Features of any torch module."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.transform import resize
from torch import nn

from softseg.features import _inference, guided_filter
from softseg.features.module import ModuleFeatures, at_full_size, size_in_cells
from softseg.testing import ExtractorCase

HALF = (0.5, 0.5, 0.5)


class Cells(nn.Module):
    """Mean colours of the cells, and their squares."""

    def __init__(self, stride):
        super().__init__()
        self.pool = nn.AvgPool2d(stride)
        self.eval()

    def forward(self, x):
        assert x.ndim == 4
        assert x.shape[:2] == (1, 3)
        cells = self.pool(x)
        return torch.cat([cells, cells**2], dim=1)


class TestModuleFeatures(ExtractorCase):
    @pytest.fixture
    def extractor(self):
        return ModuleFeatures(Cells(4), HALF, (0.25, 0.25, 0.25), stride=4)


def test_a_map_of_the_photos_size_is_only_normalised_and_smoothed(rng):
    image, mean, std = rng.random((20, 30, 3)), (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    features = ModuleFeatures(nn.Identity().eval(), mean, std, stride=1).extract(image)
    # A window of one pixel and models of one pixel each: nothing is smoothed at all.
    np.testing.assert_allclose(features, (image - mean) / std, atol=1e-5)


@pytest.mark.parametrize("shape", [(24, 40), (23, 38)])
def test_map_is_resized_and_filtered_along_the_photo(rng, shape):
    image = rng.random((*shape, 3))
    enlarged = resize(image, (24, 40), order=1, mode="edge")
    cells = enlarged.reshape(6, 4, 10, 4, 3).mean((1, 3))
    expected = guided_filter(
        resize(cells.astype(np.float32), shape, order=1, mode="edge"), image, size=4, epsilon=1e-4
    )
    extractor = ModuleFeatures(Cells(4), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), stride=4)
    np.testing.assert_allclose(extractor.extract(image)[..., :3], expected, atol=1e-4)


def test_features_follow_an_edge_inside_a_cell(rng):
    # The edge at 22 lies within the cell from 16 to 24: bilinearly the step spreads over cells.
    image = np.full((48, 48, 3), 0.2) + rng.normal(0, 0.005, (48, 48, 3))
    image[:, 22:] += (0.6, 0.3, 0.1)
    labels = (np.arange(48) >= 22).astype(np.float32) * np.ones((48, 1), np.float32)
    cells = labels.reshape(6, 8, 6, 8).mean((1, 3))[..., None]
    sharp = at_full_size(cells, image)[24, :, 0]
    bilinear = resize(cells, (48, 48), order=1, mode="edge")[24, :, 0]
    assert sharp[22] - sharp[21] > 3 * (bilinear[22] - bilinear[21])


@pytest.mark.parametrize("shape", [(3, 3), (5, 70), (8, 8)])
def test_photos_smaller_than_the_stride(rng, shape):
    extractor = ModuleFeatures(nn.Conv2d(3, 5, 16, stride=16).eval(), HALF, HALF, stride=16)
    assert extractor.extract(rng.random((*shape, 3))).shape == (*shape, 5)


def test_out_of_memory_falls_back_to_tiles(rng, monkeypatch):
    monkeypatch.setattr(_inference, "TILES", (32,))
    monkeypatch.setattr(_inference, "OVERLAP", 8)

    class Limited(Cells):
        def forward(self, x):
            if x.shape[3] > 32:
                raise RuntimeError("CUDA out of memory. Tried to allocate 1.00 GiB")
            return super().forward(x)

    image = rng.random((20, 56, 3))
    with pytest.warns(UserWarning, match="tiles of 32 pixels"):
        tiled = ModuleFeatures(Limited(4), HALF, HALF, stride=4).extract(image)
    whole = ModuleFeatures(Cells(4), HALF, HALF, stride=4).extract(image)
    np.testing.assert_allclose(tiled[:, :20], whole[:, :20], atol=1e-5)  # beyond the edges and their blending
    np.testing.assert_allclose(tiled[:, -20:], whole[:, -20:], atol=1e-5)
    assert np.abs(tiled - whole).mean() < 0.05 * whole.std()


def test_training_mode_is_refused(rng):
    extractor = ModuleFeatures(nn.Sequential(nn.Dropout(0.5)), HALF, HALF, stride=1)
    with pytest.raises(ValueError, match=r"^module: expected one in evaluation mode"):
        extractor.extract(rng.random((5, 6, 3)))


class Wrong(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer
        self.eval()

    def forward(self, x):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (torch.zeros(1, 5, 3, 4), r"\(1, 5, 3, 4\)"),
        (torch.zeros(5, 4, 6), r"\(5, 4, 6\)"),
        ({"out": torch.zeros(1, 5, 4, 6)}, "dict"),
    ],
)
def test_other_maps_are_refused(rng, answer, got):
    extractor = ModuleFeatures(Wrong(answer), HALF, HALF, stride=4)
    with pytest.raises(ValueError, match=rf"^module: expected a map of shape \(1, C, 4, 6\), got {got}$"):
        extractor.extract(rng.random((16, 24, 3)))


def test_nan_is_refused(rng):
    extractor = ModuleFeatures(Wrong(torch.full((1, 5, 4, 6), torch.nan)), HALF, HALF, stride=4)
    with pytest.raises(ValueError, match=r"^features: expected finite values, got NaN"):
        extractor.extract(rng.random((16, 24, 3)))


@pytest.mark.usefixtures("unhooked")
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"mean": (0.5, 0.5)}, ValueError, r"^mean: expected three numbers, got \(0.5, 0.5\)$"),
        ({"mean": 0.5}, ValueError, "^mean: expected three numbers, got 0.5$"),
        ({"std": "abc"}, ValueError, "^std: expected three numbers, got 'abc'$"),
        ({"mean": (0.0, math.nan, 0.0)}, ValueError, "^mean: expected three numbers"),
        ({"std": (0.5, 0.0, 0.5)}, ValueError, "^std: expected a finite number above 0"),
        ({"stride": 0}, ValueError, "^stride: expected an integer of at least 1"),
        ({"stride": 2.0}, TypeError, "^stride: expected an integer"),
    ],
)
def test_bad_parameters(changes, error, message):
    with pytest.raises(error, match=message):
        ModuleFeatures(**{"module": nn.Identity().eval(), "mean": HALF, "std": HALF, "stride": 4} | changes)


def test_compared_by_the_module_and_named_by_its_weights():
    first, second = nn.Conv2d(3, 5, 4, stride=4).eval(), nn.Conv2d(3, 5, 4, stride=4).eval()
    extractor = ModuleFeatures(first, HALF, HALF, 4)
    assert extractor == ModuleFeatures(first, HALF, HALF, 4) != ModuleFeatures(second, HALF, HALF, 4)
    assert repr(extractor) == repr(ModuleFeatures(second, HALF, HALF, 4))
    named = extractor.fingerprint()
    assert named != ModuleFeatures(second, HALF, HALF, 4).fingerprint()
    second.load_state_dict(first.state_dict())
    assert named == ModuleFeatures(second, HALF, HALF, 4).fingerprint()


@pytest.mark.parametrize("shape", [(240, 320), (320, 240), (3, 900), (2000, 1500)])
def test_size_in_cells_keeps_aspect_and_area(shape):
    height, width = size_in_cells(shape, stride=14, side=518)
    assert height % 14 == width % 14 == 0
    # Rounding moves either side by at most 7 pixels.
    scale = 518 / math.sqrt(shape[0] * shape[1])
    assert abs(height - scale * shape[0]) <= 14
    assert abs(width - scale * shape[1]) <= 7
