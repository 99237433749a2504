"""Errors of mattes, and which layers to hold against which known matte: what benchmarks/quality.py counts.

Rhemann, Rother, Wang, Gelautz, Kohli, Rott, "A Perceptually Motivated Online Benchmark for Image Matting",
CVPR 2009, defines the gradient and the connectivity error. Here all errors are maps of the photo's size, so
that they can be averaged over all pixels or over some. The paper sums them.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

GRADIENT_SIGMA = 1.4  # pixels, of the Gaussian derivatives (Rhemann et al. 2009)
CONNECTED_WITHIN = 0.15  # theta: so much may an alpha exceed the level at which it is connected (the same)
LEVELS = np.linspace(0, 1, 11)  # of alpha, at which connectedness is looked at, as evaluations mostly do
SWEEPS = 20  # over the layers at most, while unions of layers get better


def absolute_error(alpha: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return |alpha - truth|."""
    return abs(alpha - truth)


def gradient_error(alpha: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the squared difference of the lengths of both mattes' gradients, in alpha per pixel."""
    return (steepness(alpha) - steepness(truth)) ** 2


def steepness(alpha: np.ndarray) -> np.ndarray:
    """Return the length of a matte's gradient, by first derivatives of a Gaussian."""
    return np.hypot(*(ndimage.gaussian_filter(alpha, GRADIENT_SIGMA, order) for order in ((0, 1), (1, 0))))


def connectivity_error(alpha: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return by how much the two mattes differ in being connected to what is surely the object (p = 1).

    At every level the source is the largest 4-connected region in which both mattes are at least that high.
    At a pixel both are connected up to the highest level whose source it is in. What a matte has above that
    is cut off, unless it is less than theta. The paper's weight lambda is one, as in most evaluations.
    """
    connected = np.zeros(truth.shape)
    for level in LEVELS:
        connected[largest_region((alpha >= level) & (truth >= level))] = level
    cut_off, truly = (matte - connected for matte in (alpha, truth))
    return abs(cut_off * (cut_off >= CONNECTED_WITHIN) - truly * (truly >= CONNECTED_WITHIN))


def largest_region(mask: np.ndarray) -> np.ndarray:
    """Return the mask of the largest 4-connected region, empty if there is none."""
    regions, count = ndimage.label(mask)
    if not count:
        return mask
    return regions == 1 + np.bincount(regions.ravel())[1:].argmax()


ERRORS = {"absolute": absolute_error, "gradient": gradient_error, "connectivity": connectivity_error}


def assign_one_to_one(layers: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Return each layer's object, -1 for none: at most one layer for each object, least sum of differences.

    Layers are (H, W, K), objects (H, W, T). An object gets no layer where none is nearer to it than an empty
    matte. Many small layers always include one that is all but empty; so those who have few may say so too.
    """
    layers_and_empty = [*each(layers), *np.zeros((truths.shape[2], *truths.shape[:2]))]
    costs = [[abs(layer - truth).sum() for truth in each(truths)] for layer in layers_and_empty]
    groups = np.full(len(layers_and_empty), -1)
    chosen, objects = linear_sum_assignment(np.array(costs))
    groups[chosen] = objects
    return groups[: layers.shape[2]]


def assign_unions(layers: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Return each layer's object, -1 for none, so that the unions are near to the objects.

    Two starts are tried, no layer and the best single ones. As long as the sum of differences falls, layers
    move one at a time to where it falls most. So unions are never worse than single layers.
    """
    starts = np.full(layers.shape[2], -1), assign_one_to_one(layers, truths)
    ends = [moved_while_better(layers, truths, groups) for groups in starts]
    return min(ends, key=lambda groups: abs(unions(layers, groups, truths.shape[2]) - truths).sum())


def moved_while_better(layers: np.ndarray, truths: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the groups after layers have moved, each in turn, to where they help most."""
    groups = groups.copy()
    missing = np.ascontiguousarray(np.moveaxis(truths - unions(layers, groups, truths.shape[2]), 2, 0))
    for _ in range(SWEEPS):
        before = groups.copy()
        for k, layer in enumerate(each(layers)):
            if groups[k] >= 0:
                missing[groups[k]] += layer
            gains = abs(missing).sum(axis=(1, 2)) - abs(missing - layer).sum(axis=(1, 2))
            groups[k] = gains.argmax() if gains.max() > 0 else -1
            if groups[k] >= 0:
                missing[groups[k]] -= layer
        if np.array_equal(groups, before):
            break
    return groups


def unions(layers: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Return the sums of the layers of each object, (H, W, T)."""
    return np.stack([layers[:, :, groups == t].sum(axis=2) for t in range(count)], axis=2)


def each(stack: np.ndarray) -> np.ndarray:
    """Return the last axis first."""
    return np.ascontiguousarray(np.moveaxis(stack, 2, 0))
