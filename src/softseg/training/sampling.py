"""Drawing the pixels of a crop that are compared, and how far annotators agree that two belong together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Integer

from softseg.training.data import BACKGROUND, UNLABELED


def random_points(
    regions: Integer[np.ndarray, "A H W"], n: int, rng: np.random.Generator
) -> Integer[np.ndarray, "n 2"]:
    """Draw ``n`` pixels, (row, column), with equal chances from those that at least one annotator labeled.

    If no pixel has a label, all pixels have equal chances.
    """
    labeled = np.flatnonzero((regions != UNLABELED).any(0))
    if not len(labeled):
        labeled = np.arange(regions[0].size)
    return np.stack(np.unravel_index(rng.choice(labeled, n), regions.shape[1:]), 1)


def instance_points(
    regions: Integer[np.ndarray, "A H W"], n_instances: int, n: int, rng: np.random.Generator
) -> Integer[np.ndarray, "m 2"]:
    """Draw ``n_instances`` regions of one annotator's map, and ``n`` pixels, (row, column), of each.

    A pixel may be drawn more than once. If the map has fewer regions, more pixels of each are drawn, so that
    their number stays the same. The published numbers are three regions and 500 pixels of each (Aksoy et al.
    2018, Section 4.2).
    """
    labels = regions[rng.integers(len(regions))]
    numbers = np.unique(labels[labels != UNLABELED])
    if not len(numbers):
        return random_points(regions, n_instances * n, rng)
    chosen = rng.choice(numbers, min(n_instances, len(numbers)), replace=False)
    shares = np.diff(np.linspace(0, n_instances * n, len(chosen) + 1).astype(int))
    pixels = [
        rng.choice(np.flatnonzero(labels == number), share)
        for number, share in zip(chosen, shares, strict=True)
    ]
    return np.stack(np.unravel_index(np.concatenate(pixels), labels.shape), 1)


def agreement(
    labels: Integer[np.ndarray, "A n"], background: float = 1.0
) -> tuple[Float32[np.ndarray, "n n"], Float32[np.ndarray, "n n"]]:
    """Return, for all pairs of pixels, the share of annotators that put both in one region, and a weight.

    Only annotators that labeled both pixels are counted. A pair's weight is 0 if there is no such annotator,
    ``background`` if all of them left both pixels to the background, and 1 otherwise.

    Parameters
    ----------
    labels : array of int, shape (A, n)
        The labels of n pixels by A annotators, as `softseg.training.data.Example` has them.
    background : float
        The weight of a pair of background pixels, in [0, 1].

    Returns
    -------
    agreement, weights : arrays of float32, shape (n, n)
        Both in [0, 1].
    """
    known = labels != UNLABELED
    both = _combine_pairs(known)
    same = (labels[:, :, None] == labels[:, None, :]) & both
    counts = both.sum(0)
    outlined = (both & ~_combine_pairs(labels == BACKGROUND)).any(0)
    weights = np.where(counts > 0, np.where(outlined, 1, background), 0)
    return (same.sum(0) / np.maximum(counts, 1)).astype(np.float32), weights.astype(np.float32)


def _combine_pairs(of_pixels: Bool[np.ndarray, "A n"]) -> Bool[np.ndarray, "A n n"]:
    """Return for each annotator which pairs of pixels have both pixels true."""
    return of_pixels[:, :, None] & of_pixels[:, None, :]
