"""Grouping: layers of like features add up."""

from __future__ import annotations

import numpy as np
import pytest

from softseg.sparsify import group, mean_features

FEATURES = np.zeros((4, 6, 2))
FEATURES[:, 2:4] = (1, 0)
FEATURES[:, 4:] = (0, 1)


def stripes(*columns: int) -> np.ndarray:
    """Return hard layers (4, 6, K): layer i is the i-th stripe of so many columns."""
    return np.repeat([np.eye(len(columns))[np.repeat(np.arange(len(columns)), columns)]], 4, axis=0)


def test_adds_up_the_layers_of_each_feature() -> None:
    grouped = group(stripes(1, 1, 1, 1, 1, 1), FEATURES, n_layers=3)
    expected = stripes(2, 2, 2)
    order = [int(np.argmax((grouped * expected[:, :, i : i + 1]).sum(axis=(0, 1)))) for i in range(3)]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_array_equal(grouped[:, :, order], expected)


def test_mean_features_are_weighted_by_alpha(rng: np.random.Generator) -> None:
    alphas = rng.random((4, 6, 3))
    expected = [[np.average(FEATURES[:, :, c], weights=alphas[:, :, k]) for c in range(2)] for k in range(3)]
    np.testing.assert_allclose(mean_features(alphas, FEATURES), expected, rtol=1e-13)


@pytest.mark.parametrize("n_layers", [1, 2, 3, 5, 9])
def test_sums_are_kept_and_no_group_is_empty(rng: np.random.Generator, n_layers: int) -> None:
    alphas = rng.normal(0.2, 0.2, (7, 11, 6))  # initial layers leave [0, 1] a little
    grouped = group(alphas, rng.random((7, 11, 3)), n_layers)
    assert grouped.shape == (7, 11, min(n_layers, 6))
    np.testing.assert_allclose(grouped.sum(axis=2), alphas.sum(axis=2), atol=1e-13)
    assert abs(grouped).max(axis=(0, 1)).min() > 0


def test_layers_of_one_feature_are_one_group() -> None:
    np.testing.assert_array_equal(group(stripes(1, 3, 2), np.full((4, 6, 3), 0.3), 3), np.ones((4, 6, 1)))


def test_same_rng_same_groups(rng: np.random.Generator) -> None:
    alphas, features = rng.random((7, 11, 12)), rng.random((7, 11, 3))
    assert np.array_equal(group(alphas, features, 4), group(alphas, features, 4, rng=0))
    assert np.array_equal(
        group(alphas, features, 4, rng=3), group(alphas, features, 4, np.random.default_rng(3))
    )


@pytest.mark.usefixtures("unhooked")
def test_sizes_must_fit() -> None:
    with pytest.raises(ValueError, match=r"\Afeatures: expected the layers' size \(4, 6\), got \(6, 4\)\Z"):
        group(stripes(2, 4), FEATURES.transpose(1, 0, 2))
    with pytest.raises(ValueError, match=r"\An_layers: expected an integer of at least 1, got 0\Z"):
        group(stripes(2, 4), FEATURES, n_layers=0)


@pytest.mark.parametrize("n_layers", [2, 3])
def test_what_is_left_of_a_faded_layer_makes_no_group(n_layers: int) -> None:
    # The last layer has a little of one pixel, whose features lie far from all others.
    alphas = np.concatenate([stripes(2, 2, 2), np.zeros((4, 6, 1))], axis=2)
    alphas[3, 5, 2:] = 0.98, 0.02
    features = FEATURES.copy()
    features[3, 5] = (0.5, 99)
    grouped = group(alphas, features, n_layers)
    assert grouped.shape[2] == n_layers
    assert grouped.max(axis=(0, 1)).min() > 0.9
    np.testing.assert_allclose(grouped.sum(axis=2), alphas.sum(axis=2), rtol=1e-14)
