"""Each loss against its formula in a double loop, and that gradients are finite where pixels coincide."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from softseg.training.losses import CosineBCE, NPairL2, ProjectedBCE, build


@pytest.fixture
def pairs(rng):
    features = torch.tensor(rng.normal(size=(2, 12, 5)))
    agreement = torch.tensor(np.round(rng.random((2, 12, 12)) * 4) / 4)
    agreement = (agreement + agreement.mT) / 2
    known = torch.tensor(rng.random((2, 12, 12)) < 0.8)
    return features, agreement, known


def test_n_pair_against_a_double_loop(pairs):
    features, agreement, known = pairs
    total, count = 0.0, 0
    for b in range(2):
        for p in range(12):
            for q in range(12):
                if not known[b, p, q]:
                    continue
                d = math.dist(features[b, p], features[b, q])
                same = math.log((1 + math.exp(d)) / 2)
                different = math.log(1 + math.exp(-d)) / 2
                together = float(agreement[b, p, q])
                total += together * same + (1 - together) * different
                count += 1
    assert NPairL2()(features, agreement, known).item() == pytest.approx(total / count, abs=1e-4)


def test_cosine_against_a_double_loop(pairs):
    features, agreement, known = pairs
    crops = []
    for b in range(2):
        sums = {True: [0.0, 0.0], False: [0.0, 0.0]}
        for p in range(12):
            for q in range(12):
                f, g = features[b, p].numpy(), features[b, q].numpy()
                cosine = f @ g / np.linalg.norm(f) / np.linalg.norm(g)
                probability = 1 / (1 + math.exp(4 - 8 * cosine))
                weight = float(agreement[b, p, q])
                for together, w in ((True, weight), (False, 1 - weight)):
                    if known[b, p, q]:
                        sums[together][0] -= w * math.log(probability if together else 1 - probability)
                        sums[together][1] += w
        crops.append(sum(a / n for a, n in sums.values()) / 2)
    assert CosineBCE()(features, agreement, known).item() == pytest.approx(np.mean(crops), rel=1e-5)


def test_projected_against_principal_components_by_svd(rng):
    # The steps of softseg.features.preprocess but for its guided filter, which needs a photo.
    features = rng.normal(size=(30, 6)) * [3, 2, 1, 0.5, 0.1, 0.1]
    agreement = (rng.random((30, 30)) < 0.5).astype(float)
    centered = features - features.mean(0)
    components = centered @ np.linalg.svd(centered)[2][:3].T
    components /= np.ptp(components, axis=0)
    d = np.linalg.norm(components[:, None] - components[None], axis=2)
    logits = 8 * (0.5 - d)
    together = (agreement * np.log1p(np.exp(-logits))).sum() / agreement.sum()
    apart = ((1 - agreement) * np.log1p(np.exp(logits))).sum() / (1 - agreement).sum()
    found = ProjectedBCE()(
        torch.tensor(features[None]), torch.tensor(agreement[None]), torch.ones(1, 30, 30, dtype=torch.bool)
    )
    assert found.item() == pytest.approx((together + apart) / 2, rel=1e-3)


def test_projected_leaves_out_crops_of_one_region():
    features = torch.randn(1, 10, 5, requires_grad=True)
    one = torch.ones(1, 10, 10)
    loss = ProjectedBCE()(features, one, one.bool())
    loss.backward()
    assert loss.item() == 0
    assert not features.grad.any()


@pytest.mark.parametrize("name", ["n-pair", "cosine", "combined"])
def test_gradients_are_finite_where_all_features_are_equal(name):
    features = torch.full((2, 8, 4), 0.5, requires_grad=True)
    agreement = (torch.arange(8)[:, None] // 4 == torch.arange(8) // 4).float().expand(2, 8, 8)
    build(name)(features, agreement, torch.ones(2, 8, 8, dtype=torch.bool)).backward()
    assert torch.isfinite(features.grad).all()


@pytest.mark.parametrize("name", ["n-pair", "cosine", "combined"])
def test_unknown_pairs_do_not_count(name, pairs):
    features, agreement, known = (t.float() if t.is_floating_point() else t for t in pairs)
    changed = torch.where(known, agreement, 1 - agreement)
    loss = build(name)
    expected = loss(features, agreement, known).item()
    assert loss(features, changed, known).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["n-pair", "cosine", "combined"])
def test_well_separated_features_score_better(name):
    agreement = (torch.arange(8)[:, None] // 4 == torch.arange(8) // 4).float()[None]
    known = torch.ones(1, 8, 8, dtype=torch.bool)
    apart = torch.zeros(1, 8, 4)
    apart[0, :4, 0] = apart[0, 4:, 1] = 1
    mixed = apart[:, [0, 4, 1, 5, 2, 6, 3, 7]]
    loss = build(name)
    assert loss(apart, agreement, known) < loss(mixed, agreement, known)


def test_an_unknown_loss():
    with pytest.raises(ValueError, match="loss: expected one of n-pair, cosine, combined, got 'l2'"):
        build("l2")
