"""Soft selection: a click, scribbles or a rough outline, and the object they mean.

A mask is a combination of the Laplacian's smoothest eigenvectors. The user says of some superpixels that they
are inside or outside; most others are judged by how like them they are; the mask is the combination that
agrees with all of them best and is smooth.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy import linalg

from softseg.upsampling import upsample

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition

# Eigenvectors enter the likeness with the weight 1 / (eigenvalue + LOCALITY / number of pixels): the smaller,
# the farther likeness reaches. A pattern's eigenvalue falls as the inverse of the number of pixels, too.
# Measured, as CLEAR and CONTRAST are: docs/notes/selection.md.
LOCALITY = 3
# Superpixels whose likeness is less than this from the threshold have no say. Likeness is a cosine less a
# distance of features, so 1 is the same.
CLEAR = 0.1
# The fit stays short of 0 and 1; stretched by this factor about 1/2 it reaches them.
CONTRAST = 1.5
# The weight in the energy of the eigenvector of the largest eigenvalue, where agreement on all pixels weighs
# 1 a pixel. Chosen by the project's own tests.
SMOOTHNESS = 0.5
# How much what was given by hand weighs, as a part of what all pixels weigh. Chosen by the project's own
# tests.
GIVEN = 0.2
# Added to the diagonal of the fit's equations, so that they have one solution where the evidence leaves an
# eigenvector free: far below SMOOTHNESS. Chosen by the project's own tests.
REGULARIZATION = 1e-6
# With how many superpixels of a scribble the others are compared, so that a large one takes no longer. Chosen
# by the project's own tests.
MOST_SEEDS = 64


def select(
    result: Decomposition,
    point: Any = None,
    foreground: Any = None,
    background: Any = None,
    lasso: Any = None,
) -> Float32[np.ndarray, "H W"]:
    """Select an object softly: by a click, by scribbles, or by a rough outline.

    Superpixels are compared by the angle between their rows of eigenvectors, each eigenvector over the square
    root of its eigenvalue (a diffusion distance on the sphere), less the distance of their semantic features.
    The mask ``E y`` minimizes ``sum_p c_p ((E y)_p - t_p)^2 + y' Lambda y`` with that evidence t and its
    weight c: one solve of as many unknowns as there are eigenvectors.

    The first call on a result prepares it, which takes under a second at 640x480, and keeps the eigenvectors
    in single precision (120 MB there) for as long as the result lives.

    Parameters
    ----------
    result : SoftSegmentation
        The decomposed photo.
    point : (x, y) of int, optional
        A pixel of the object, x to the right and y down from the top left corner, from 0.
    foreground, background : array_like, shape (n, 2) or (H, W), optional
        Pixels of the object and of the rest: (x, y) of each, or a mask. A background may be given
        with a point or with a foreground.
    lasso : array_like, shape (n, 2), optional
        Corners (x, y) of an outline about the object. What is outside is not selected; what is inside is,
        unless the initial layers that it belongs to lie mostly outside.

    Returns
    -------
    ndarray, shape (H, W)
        The mask, float32 in [0, 1].

    Raises
    ------
    TypeError, ValueError
        In one line that names the argument, if none or too many are given, or one does not fit the photo.

    References
    ----------
    Ng, Jordan, Weiss, "On Spectral Clustering", 2001 (rows of eigenvectors on the sphere); Levin, Rav-Acha,
    Lischinski, "Spectral Matting", PAMI 2008 (mattes in the span of the eigenvectors).

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import segment
    >>> from softseg.layers import select
    >>> image = np.zeros((20, 30, 3)); image[:, 12:] = (1, 0.8, 0)
    >>> mask = select(segment(image, n_layers=2), point=(20, 10))
    >>> float(mask[:, :11].max()) < 0.05, float(mask[:, 13:].min()) > 0.95
    (True, True)
    """
    if sum(argument is not None for argument in (point, foreground, lasso)) != 1:
        raise ValueError("select: expected exactly one of point, foreground and lasso")
    if lasso is not None and background is not None:
        raise ValueError("background: goes with a point or a foreground; a lasso has its outside")
    shape = result.image.shape[:2]
    if lasso is not None:
        outline = _check_outline(lasso, shape)
        prepared = _get_prepared(result)
        evidence = _judge_by_outline(prepared, _measure_inside(prepared, outline, shape))
    else:
        name = "point" if foreground is None else "foreground"
        inside = _check_pixels(name, [point] if foreground is None else foreground, shape)
        outside = None if background is None else _check_pixels("background", background, shape)
        prepared = _get_prepared(result)
        evidence = _judge_by_seeds(
            prepared,
            prepared.seeds(inside, shape),
            None if outside is None else prepared.seeds(outside, shape),
        )
    mask = _fit(prepared, *evidence)
    if mask.shape != shape:
        mask = upsample(mask[..., None], result.scene.image, result.image)[..., 0]
    return np.clip(CONTRAST * (mask - 0.5) + 0.5, 0, 1)


@final
@dataclass(frozen=True, eq=False)
class _Prepared:
    """What selections of one result share, for N pixels, k eigenvectors and S superpixels."""

    vectors: Float32[np.ndarray, "N k"]
    smoothness: Float[np.ndarray, " k"]  # each eigenvector's weight in the energy
    labels: Int[np.ndarray, "h w"]  # which superpixel each pixel belongs to
    areas: Float[np.ndarray, " S"]  # in pixels
    means: Float[np.ndarray, "S k"]  # of the eigenvectors
    directions: Float[np.ndarray, "S k"]  # of the means, each eigenvector over its eigenvalue's square root
    features: Float[np.ndarray, "S 3"]  # means
    layers: Float[np.ndarray, "S K0"]  # the initial layers' shares of each superpixel

    def seeds(self, pixels: Int[np.ndarray, "n 2"], shape: tuple[int, ...]) -> Int[np.ndarray, " m"]:
        """Return the superpixels of some of the photo's pixels (x, y)."""
        (h, w), (height, width) = self.labels.shape, shape
        return np.unique(self.labels[pixels[:, 1] * h // height, pixels[:, 0] * w // width])

    def likeness(self, seeds: Int[np.ndarray, " m"]) -> Float[np.ndarray, " S"]:
        """Return how like its most similar seed each superpixel is: 1 is the same, about 0 is in doubt."""
        some = seeds[np.linspace(0, len(seeds) - 1, min(len(seeds), MOST_SEEDS)).astype(int)]
        angles = self.directions @ self.directions[some].T
        distances = np.linalg.norm(self.features[:, None] - self.features[some], axis=2)
        return (angles - distances).max(axis=1)


# Kept for as long as the result lives.
_PREPARED: weakref.WeakKeyDictionary[Decomposition, _Prepared] = weakref.WeakKeyDictionary()


def _get_prepared(result: Decomposition) -> _Prepared:
    if result not in _PREPARED:
        _PREPARED[result] = _prepare(result)
    return _PREPARED[result]


def _prepare(result: Decomposition) -> _Prepared:
    pairs, scene = result.eigenpairs, result.scene
    means = scene.superpixel_means(pairs.vectors.reshape(*scene.shape, -1))
    values = np.maximum(pairs.values, 0)  # below zero are the semantic cuts: as smooth as can be
    rows = means / np.sqrt(values + LOCALITY / len(pairs.vectors))
    shares = np.clip(scene.superpixel_means(result.initial_alphas), 0, 1)
    return _Prepared(
        pairs.vectors.astype(np.float32),
        SMOOTHNESS * values / max(float(values.max()), np.finfo(float).tiny),
        scene.superpixels,
        np.bincount(scene.superpixels.ravel()).astype(float),
        means,
        rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(float).tiny),
        scene.superpixel_means(scene.features),
        shares / np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(float).tiny),
    )


def _judge_by_seeds(
    prepared: _Prepared, inside: Int[np.ndarray, " m"], outside: Int[np.ndarray, " b"] | None
) -> tuple[Bool[np.ndarray, " S"], Float[np.ndarray, " S"]]:
    """Return which superpixels are inside, by likeness to what was given, and the weight of each.

    Where no background was given, a superpixel that is unlike the object is outside.
    """
    likeness = prepared.likeness(inside)
    if outside is not None:
        likeness -= np.maximum(prepared.likeness(outside), 0)
    target = likeness > 0
    weights = np.where(np.abs(likeness) > CLEAR, prepared.areas, 0.0)
    for seeds, value in ((outside, False), (inside, True)):  # where they overlap, the later one counts
        if seeds is not None:
            target[seeds] = value
            weights[seeds] += GIVEN * prepared.areas.sum() / len(seeds)
    return target, weights


def _judge_by_outline(
    prepared: _Prepared, inside: Float[np.ndarray, " S"]
) -> tuple[Float[np.ndarray, " S"], Float[np.ndarray, " S"]]:
    """Return each superpixel's evidence and weight from how much of it lies within an outline."""
    shares = prepared.areas @ prepared.layers
    within = (prepared.areas * inside) @ prepared.layers / np.maximum(shares, np.finfo(float).tiny)
    consistent = prepared.layers @ np.clip(2 * within - 0.5, 0, 1)  # 0 up to a quarter inside, 1 from three
    return inside * consistent, prepared.areas


def _fit(
    prepared: _Prepared,
    target: Float[np.ndarray, " S"] | Bool[np.ndarray, " S"],
    weights: Float[np.ndarray, " S"],
) -> Float32[np.ndarray, "h w"]:
    """Return the smooth combination of the eigenvectors that agrees with the evidence best."""
    means = prepared.means
    gram = means.T @ (weights[:, None] * means)
    gram[np.diag_indices_from(gram)] += prepared.smoothness + REGULARIZATION
    coefficients = linalg.solve(gram, means.T @ (weights * target), assume_a="pos")
    return (prepared.vectors @ coefficients.astype(np.float32)).reshape(prepared.labels.shape)


def _measure_inside(
    prepared: _Prepared, outline: Float[np.ndarray, "n 2"], shape: tuple[int, ...]
) -> Float[np.ndarray, " S"]:
    """Return the share of each superpixel that lies within an outline."""
    from skimage.draw import polygon2mask

    scale = np.array(prepared.labels.shape) / shape
    mask = polygon2mask(prepared.labels.shape, (outline[:, ::-1] + 0.5) * scale - 0.5)
    if not mask.any():
        raise ValueError("lasso: expected an outline about some pixels, got one about none")
    return np.bincount(prepared.labels.ravel(), mask.ravel().astype(float)) / prepared.areas


def _check_pixels(name: str, pixels: Any, shape: tuple[int, ...]) -> Int[np.ndarray, "n 2"]:
    """Return pixels, or those of a mask, as integer coordinates x, y."""
    values = _convert_numbers(name, pixels)
    if values.shape == shape:
        values = np.argwhere(values != 0)[:, ::-1].astype(float)
    elif values.ndim != 2 or values.shape[1] != 2:
        if name == "point":
            raise ValueError(f"point: expected two numbers (x, y), got {pixels[0]!r}")
        raise ValueError(
            f"{name}: expected pixels (x, y) of shape (n, 2), or a mask of the photo's shape {shape}, "
            f"got shape {values.shape}"
        )
    if len(values) == 0:
        raise ValueError(f"{name}: expected at least one pixel, got none")
    rounded = np.rint(values)
    wrong = ~((rounded >= 0) & (rounded < np.array(shape[::-1]))).all(axis=1)  # NaN is wrong as well
    if wrong.any():
        x, y = values[wrong][0]
        raise ValueError(f"{name}: expected pixels of a photo {shape[1]}x{shape[0]}, got ({x:g}, {y:g})")
    return rounded.astype(np.int64)


def _check_outline(lasso: Any, shape: tuple[int, ...]) -> Float[np.ndarray, "n 2"]:
    corners = _convert_numbers("lasso", lasso)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise ValueError(f"lasso: expected at least three corners (x, y), got shape {corners.shape}")
    if not np.isfinite(corners).all():
        raise ValueError("lasso: expected finite coordinates, got NaN or infinity")
    return corners


def _convert_numbers(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected numbers, got {values!r:.40}") from None
