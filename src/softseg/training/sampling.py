"""Which pixels of a crop are compared, and how far the annotators agree that two belong together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Integer

from softseg.training.data import BACKGROUND, UNLABELLED


def random_points(
    regions: Integer[np.ndarray, "A H W"], n: int, rng: np.random.Generator
) -> Integer[np.ndarray, "n 2"]:
    """Draw pixels, (row, column), evenly from all that some annotator labelled."""
    labelled = np.flatnonzero((regions != UNLABELLED).any(0))
    if not len(labelled):
        labelled = np.arange(regions[0].size)
    return np.stack(np.unravel_index(rng.choice(labelled, n), regions.shape[1:]), 1)


def instance_points(
    regions: Integer[np.ndarray, "A H W"], n_instances: int, n: int, rng: np.random.Generator
) -> Integer[np.ndarray, "m 2"]:
    """Draw a few regions of one annotator's map and ``n`` pixels of each, with repetition.

    A map of fewer regions gives as many pixels in all. As published: three regions, 500 pixels of each
    (Aksoy et al. 2018, section 4.2).
    """
    labels = regions[rng.integers(len(regions))]
    numbers = np.unique(labels[labels != UNLABELLED])
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
    """Return, for all pairs of pixels, the fraction of annotators that put both in one region.

    Counted are annotators that labelled both. The second array is how much each pair counts: 0 where there is
    no such annotator, ``background`` where all of them left both pixels to the catch-all background, else 1.
    """
    known = labels != UNLABELLED
    both = _pairs(known)
    same = (labels[:, :, None] == labels[:, None, :]) & both
    counts = both.sum(0)
    outlined = (both & ~_pairs(labels == BACKGROUND)).any(0)
    weights = np.where(counts > 0, np.where(outlined, 1, background), 0)
    return (same.sum(0) / np.maximum(counts, 1)).astype(np.float32), weights.astype(np.float32)


def _pairs(of_pixels: Bool[np.ndarray, "A n"]) -> Bool[np.ndarray, "A n n"]:
    return of_pixels[:, :, None] & of_pixels[:, None, :]
