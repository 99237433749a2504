"""Ways to get layers from a composite, each (H, W, K), summing to one: the rows of benchmarks/quality.py."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass

import numpy as np
from bench_matte import trimap
from objects import both, true_features
from pymatting import estimate_alpha_cf
from quality_composites import CLUSTERS, Composite
from scipy import ndimage
from skimage.color import rgb2lab
from skimage.graph import cut_normalized, rag_mean_color
from skimage.segmentation import felzenszwalb, find_boundaries, random_walker, slic

import softseg
from softseg import ColorAffinity, MattingAffinity, SemanticAffinity
from softseg.sparsify import kmeans, project_to_simplex

NARROW, WIDE = 4, 10  # pixels on each side of a cluster's edge that a trimap leaves unknown
MARGIN = 4  # pixels around the true soft edge that the true trimap leaves unknown
INTERIOR = 3  # pixels from a cluster's edge to the random walker's seeds
SUPERPIXELS = 400  # as in scikit-image's example of a normalized cut, and so is the next
COMPACTNESS = 30
LEAST_REGION = 50  # pixels, as in scikit-image's example of felzenszwalb

Layers = Callable[[Composite], np.ndarray]


@dataclass(frozen=True)
class Method:
    """A row: its name in the table, how to get its layers, and whether it is told the truth."""

    name: str
    layers: Layers
    told: bool = False
    slow: bool = False


def segmented(**options: object) -> Layers:
    """Return what calls `softseg.segment` with these options."""
    return lambda composite: softseg.segment(composite.image, **options).alphas


def hard(labels: np.ndarray) -> np.ndarray:
    """Return a layer of zeros and ones for each label."""
    numbered = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    return np.eye(numbered.max() + 1, dtype=np.float32)[numbered]


def depth(labels: np.ndarray) -> np.ndarray:
    """Return how far each pixel is from the nearest pixel at an edge between labels."""
    return ndimage.distance_transform_edt(~find_boundaries(labels, mode="thick"))


def closed_form(composite: Composite, width: int) -> np.ndarray:
    """Return PyMatting's matte of each cluster; unknown is what lies near the edge of any cluster.

    All mattes have the same unknown pixels, so that they sum to one but for the solver's tolerance.
    """
    known = depth(composite.clusters) > width
    if not known.any():
        return hard(composite.clusters)
    mattes = [
        pymatting(composite.image, np.where(known, composite.clusters == k, 0.5)) for k in range(CLUSTERS)
    ]
    return project_to_simplex(np.stack(mattes, axis=2))


def true_trimap(composite: Composite) -> np.ndarray:
    """Return PyMatting's matte of each object, from a trimap around its true soft edge, and the rest."""
    mattes = [
        pymatting(composite.image, trimap(composite.truths[:, :, t], MARGIN))
        for t in range(composite.truths.shape[2])
    ]
    return project_to_simplex(np.stack([*mattes, 1 - np.sum(mattes, axis=0)], axis=2))


def pymatting(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the matte of a trimap. If that has no foreground the matte is empty, without background full."""
    if not (known == 1).any():
        return np.zeros(known.shape)
    if not (known == 0).any():
        return np.ones(known.shape)
    with redirect_stdout(sys.stderr):  # of a preconditioner that is tried again
        return estimate_alpha_cf(image, known)


def walked(image: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Return scikit-image's random walker's probabilities, from the interiors of clusters as seeds."""
    inside = depth(clusters) > INTERIOR
    kept = np.unique(clusters[inside])
    if len(kept) < 2:
        return hard(clusters)
    seeds = np.where(inside, 1 + np.searchsorted(kept, clusters), 0)
    return project_to_simplex(
        np.moveaxis(random_walker(image, seeds, mode="cg_mg", return_full_prob=True, channel_axis=-1), 0, 2)
    )


def color_clusters(image: np.ndarray) -> np.ndarray:
    """Return SLIC's superpixels in five clusters of their mean CIELAB colors."""
    superpixels = slic(image, SUPERPIXELS, start_label=0)
    lab = rgb2lab(image).reshape(-1, 3)
    sums = np.stack([np.bincount(superpixels.ravel(), channel) for channel in lab.T], axis=1)
    means = sums / np.bincount(superpixels.ravel())[:, None]
    return kmeans(means, CLUSTERS)[superpixels]


def normalized_cut(image: np.ndarray) -> np.ndarray:
    """Return regions of superpixels by the normalized cut of their graph (scikit-image's example)."""
    superpixels = slic(image, SUPERPIXELS, COMPACTNESS, start_label=1)
    graph = rag_mean_color(image * 255, superpixels, mode="similarity")
    return hard(cut_normalized(superpixels, graph, rng=0))


def felzenszwalb_regions(composite: Composite, scale: float) -> np.ndarray:
    """Return the regions of scikit-image's felzenszwalb."""
    return hard(felzenszwalb(composite.image, scale, sigma=0.5, min_size=LEAST_REGION))


def nothing(composite: Composite) -> np.ndarray:
    """Return an empty layer and a full one."""
    return np.broadcast_to([0.0, 1.0], (*composite.masks.shape, 2))


METHODS = (
    Method("softseg, default", lambda composite: composite.result.alphas),
    Method('softseg, `n_layers="auto"`', lambda composite: both(composite.result)["auto"]),
    Method("softseg, exact path (`PUBLISHED`)", segmented(settings=softseg.PUBLISHED), slow=True),
    Method("softseg, no semantic term", segmented(affinity=MattingAffinity() + 0.01 * ColorAffinity())),
    Method("softseg, no color term", segmented(affinity=MattingAffinity() + 0.01 * SemanticAffinity())),
    Method("softseg, low-level features", segmented(features="low-level")),
    Method("spectral matting", lambda composite: softseg.spectral_matting(composite.image).alphas),
    Method("k-means of the network's features (floor)", lambda composite: hard(composite.clusters)),
    Method(f"PyMatting, k-means trimap, {NARROW} pixels", lambda composite: closed_form(composite, NARROW)),
    Method(f"PyMatting, k-means trimap, {WIDE} pixels", lambda composite: closed_form(composite, WIDE)),
    Method("random walker, k-means seeds", lambda composite: walked(composite.image, composite.clusters)),
    Method(
        "random walker, color seeds",
        lambda composite: walked(composite.image, color_clusters(composite.image)),
    ),
    Method("felzenszwalb, scale 100", lambda composite: felzenszwalb_regions(composite, 100)),
    Method("felzenszwalb, scale 1000", lambda composite: felzenszwalb_regions(composite, 1000)),
    Method("SLIC and normalized cut", lambda composite: normalized_cut(composite.image)),
    Method("nothing", nothing),
    Method(
        "softseg, true masks as features (ceiling)",
        lambda composite: softseg.segment(composite.image, true_features(composite.masks)).alphas,
        told=True,
    ),
    Method("PyMatting, true trimap", true_trimap, told=True),
)


def layers(method: Method, composite: Composite) -> np.ndarray:
    """Return the layers of a method, (H, W, K) of float32, without the warnings that are expected."""
    with warnings.catch_warnings():
        # Fewer layers than asked for; probabilities 1e-3 beyond [0, 1].
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", "LOBPCG did not converge|ShiftInvert did not converge")
        return np.asarray(method.layers(composite), np.float32)
