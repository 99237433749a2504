"""The area under the ROC curve against its definition, and the pairs that count."""

from __future__ import annotations

import numpy as np
import pytest

from softseg.training.validation import photo_auc, roc_auc


def test_is_the_probability_of_ranking_a_pair_right(rng):
    scores = np.round(rng.normal(size=60), 1)  # with ties
    positive = rng.random(60) < 0.4
    won = np.mean([(p > n) + 0.5 * (p == n) for p in scores[positive] for n in scores[~positive]])
    assert roc_auc(scores, positive) == pytest.approx(won, abs=1e-12)


def test_perfect_and_useless_features(rng):
    regions = np.ones((1, 20, 30), int)
    regions[0, :, 12:] = 2
    assert photo_auc(regions[0][..., None], regions, np.random.default_rng(0)) == 1
    assert photo_auc(np.zeros((20, 30, 1)), regions, np.random.default_rng(0)) == 0.5
    noise = photo_auc(rng.random((20, 30, 4)), regions, np.random.default_rng(0))
    assert abs(noise - 0.5) < 0.05


def test_pairs_that_annotators_disagree_on_are_left_out():
    # Three of five put both halves together, which is neither 20 % nor 80 %: only the last column counts.
    halves = np.ones((20, 30), int)
    halves[:, 15:] = 2
    whole = np.ones((20, 30), int)
    regions = np.stack([whole, whole, whole, halves, halves])
    assert photo_auc(halves[..., None], regions, np.random.default_rng(0)) is None
    regions[:, :, 29] = 9
    assert (
        photo_auc(
            (np.arange(30) == 29)[None, :, None] * np.ones((20, 1, 1)), regions, np.random.default_rng(0)
        )
        == 1
    )
