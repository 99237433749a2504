"""Which pixels are drawn, and the agreement of annotators against a count by hand."""

from __future__ import annotations

import numpy as np

from softseg.training.sampling import agreement, instance_points, random_points


def test_random_points_are_labelled_by_somebody(rng):
    regions = np.zeros((2, 20, 30), np.uint8)
    regions[0, :5] = 1
    regions[1, :, :4] = 2
    points = random_points(regions, 500, rng)
    assert points.shape == (500, 2)
    assert ((points[:, 0] < 5) | (points[:, 1] < 4)).all()
    assert len(np.unique(points, axis=0)) > 150  # of 210


def test_random_points_of_a_crop_without_labels(rng):
    assert random_points(np.zeros((1, 20, 30), np.uint8), 9, rng).max() < 30


def test_three_instances_of_500_pixels(rng):
    regions = np.zeros((1, 40, 60), np.uint8)
    regions[0] = 1 + np.arange(60) // 12  # five regions
    regions[0, :3] = 0
    points = instance_points(regions, 3, 500, rng)
    numbers, counts = np.unique(regions[0][tuple(points.T)], return_counts=True)
    assert len(numbers) == 3
    assert 0 not in numbers
    assert (counts == 500).all()


def test_fewer_regions_than_wanted(rng):
    assert instance_points(np.ones((1, 4, 5), np.uint8), 3, 500, rng).shape == (1500, 2)
    assert instance_points(np.zeros((1, 4, 5), np.uint8), 3, 500, rng).shape == (1500, 2)


def test_pairs_within_the_background_count_less():
    # One annotator outlined the third pixel, the other only the fourth; the fifth is unlabelled.
    labels = np.array([[-1, -1, 1, -1, 0], [-1, -1, -1, 1, 0]])
    shares, weights = agreement(labels, background=0.25)
    assert weights[0, 1] == 0.25
    assert shares[0, 1] == 1
    assert (weights[[0, 0, 2], [2, 3, 3]] == 1).all()
    assert (weights[4] == 0).all()
    assert (agreement(labels)[1][:4, :4] == 1).all()


def test_agreement_by_hand():
    labels = np.array([[1, 1, 2, 0], [1, 3, 3, 0], [5, 5, 0, 0]])
    shares, known = agreement(labels)
    # Pixels 0 and 1: together for annotators 0 and 2 of three. 1 and 2: for annotator 1 of the two that know.
    np.testing.assert_allclose(shares[0, 1], 2 / 3, rtol=1e-6)
    assert shares[1, 2] == 0.5
    assert shares[0, 2] == 0
    assert np.array_equal(shares, shares.T)
    assert known[:3, :3].all()
    assert not known[3].any()
    assert not known[:, 3].any()
