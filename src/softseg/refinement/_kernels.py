"""The numba kernel of the color samples."""

from __future__ import annotations

import numpy as np

from softseg._numba import parallel_kernel

# How many of the best pairs are averaged.
BEST = 3

# What is added to the squared distance of front from back, so that shares are finite where they are alike.
LEAST = 1e-4


@parallel_kernel(lambda colors, *_: len(colors))
def mix_best_pairs(start, stop, colors, fronts, backs, noise, alpha, confidence):
    """Explain each color as a mixture of one of its front colors and one of its back colors.

    ``colors`` is (U, 3), ``fronts`` and ``backs`` are (U, S, 3). The cost of a pair is the squared distance
    of the color from the nearest mixture over the square of ``noise``. ``alpha`` (U,), the mean share of the
    front in the three pairs of the least cost, and ``confidence`` (U,), which falls from 1 with the least
    cost, with how much the three differ, and where front and back look alike, are overwritten.
    """
    best = np.empty(BEST)
    shares = np.empty(BEST)
    lengths = np.empty(BEST)  # squared distances of front from back
    for p in range(start, stop):
        for k in range(BEST):
            best[k] = np.inf
            shares[k] = 0.0
            lengths[k] = 0.0
        for i in range(fronts.shape[1]):
            for j in range(backs.shape[1]):
                length, along = LEAST, 0.0
                for c in range(3):
                    difference = fronts[p, i, c] - backs[p, j, c]
                    length += difference * difference
                    along += (colors[p, c] - backs[p, j, c]) * difference
                share = min(max(along / length, 0.0), 1.0)
                cost = 0.0
                for c in range(3):
                    rest = colors[p, c] - share * fronts[p, i, c] - (1.0 - share) * backs[p, j, c]
                    cost += rest * rest
                k = BEST
                while k > 0 and cost < best[k - 1]:
                    if k < BEST:
                        best[k] = best[k - 1]
                        shares[k] = shares[k - 1]
                        lengths[k] = lengths[k - 1]
                    k -= 1
                if k < BEST:
                    best[k] = cost
                    shares[k] = share
                    lengths[k] = length - LEAST
        mean, length, apart, count = 0.0, 0.0, 0.0, 0
        for k in range(BEST):
            if best[k] < np.inf:
                mean += shares[k]
                length += lengths[k]
                count += 1
        mean /= count
        length /= count
        for k in range(count):
            apart += (shares[k] - mean) ** 2
        alpha[p] = mean
        confidence[p] = np.exp(-best[0] / noise**2 - 4.0 * apart) * length / (length + noise**2)
