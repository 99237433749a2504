"""From a mask to a matte: its edge is found in a small copy of the photo, then solved for in a band."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64
from PIL import Image
from scipy import ndimage, sparse

from softseg.affinity import MattingAffinity
from softseg.images import as_image, shrink
from softseg.matting import solve_unknown
from softseg.refinement.edges import Edge, find_edge, has_filled_gaps, signed_distance
from softseg.refinement.masks import as_masks
from softseg.refinement.samples import guess_alphas
from softseg.scene import Scene
from softseg.sparsify.simplex import project_to_simplex
from softseg.upsampling import upsample

# The edge is looked for in a copy of the photo of at most this many pixels, so far from the mask's edge, in
# pixels of the copy. Chosen by the project: docs/notes/refining.md.
SEARCH_PIXELS = 320 * 240
SEARCH_REACH = 14.0

# Larger photos are refined in a copy of this many pixels, and the matte is carried up by local affine models
# of the photo's colors, as layers are. Chosen by the project: docs/notes/refining.md.
SOLVED_PIXELS = 640 * 480

# How far from the edge alphas are unknown where it has no spread, in pixels. Chosen by the project:
# docs/notes/refining.md.
BAND = 3.0

# How far inside of a mask that has filled the gaps between hairs nothing is sure, in pixels of the copy.
# Chosen by the project: docs/notes/refining.md.
GAPS_DEPTH = 8.0

# How strongly the matte is pulled to what the colors nearby say, where those are sure of it, against the
# energy of the matting Laplacian. Chosen by the project: docs/notes/refining.md.
PULL = 0.05

# A mask's values between these are unknown wherever they are: somebody was not sure.
UNSURE = (0.1, 0.9)

# A part of a mask that has no pixel farther inside than the band still has sure pixels if it is at least this
# share of the mask: those deeper than the second share of its depth. Smaller ones are taken for hairs.
# Chosen by the project.
LEAST_PART = 0.05
DEEP = 0.6

# How strongly alphas are pulled to the mask where nothing else is known of them, so that the system has one
# solution. Chosen by the project.
FAINT = 1e-9


def refine(image: Any, mask: Any) -> Float32[np.ndarray, "H W *K"]:
    """Turn a hard or rough mask of an object into a soft matte.

    The mask says which object is meant, and the photo where its edge is and how soft. First the matting
    Laplacian is solved in a wide band about the mask's edge, in a small copy of the photo: where the rough
    matte rises says by how much the whole mask is too small or too large, and how far the edge is spread
    near each place. Then alphas are solved for in a band about the corrected edge that is as wide as that,
    narrow at a table, wide in hair, and wider inside where the mask has filled the gaps between hairs. Both
    solves are pulled to the alphas that the colors of sure pixels nearby suggest, as far as those explain a
    pixel's color. Photos of more than 640 x 480 pixels are solved at that size, and the matte is carried up
    by local affine models of their colors.

    Parameters
    ----------
    image : path, PIL image, array_like of shape (H, W, 3), or Photo
        The photo; what `softseg.read_photo` takes.
    mask : path, PIL image, array_like of shape (H, W), dict, or list of them
        A mask: booleans; floats in [0, 1], of which those between 0.1 and 0.9 count as unsure;
        integers 0 and 1, 0 and 255, or grays of 8 bits; a COCO mask in run lengths, or an annotation that has
        one; a picture's file, of which the opacity counts where there is any. Masks of the photo's aspect
        ratio and another size are resized. Several masks at once, as a label map (H, W) of the numbers
        0 to n, in which 255 and -1 are void, as a list, or as a stack (N, H, W), are refined together.
        docs/guides/refining.md has all forms.

    Returns
    -------
    ndarray, shape (H, W) or (H, W, K)
        Float32 in [0, 1]. Of a label map, one layer for each label from 0 to its largest, and of a list
        or stack of n masks, n + 1 layers, the first of which is what is in no mask; layers sum to 1.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        If an argument is not as above, or a mask is all object or all background. The message has one line,
        which names the argument.

    References
    ----------
    Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting", PAMI 2008; Wang and Cohen,
    "Optimized Color Sampling for Robust Matting", CVPR 2007. How the band is chosen is the project's own
    (docs/notes/refining.md).

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import refine
    >>> ramp = np.clip((np.arange(40) - 17) / 6, 0, 1)
    >>> image = np.tile(ramp[:, None], (30, 1, 3))              # black to white
    >>> mask = np.tile(np.arange(40) > 22, (30, 1))             # three pixels too small
    >>> bool(abs(refine(image, mask) - ramp).max() < 0.02)
    True
    """
    photo = as_image(image)
    masks, together = as_masks(mask, photo.shape[:2])
    if not together:
        return _refine_one(photo, masks[0]).astype(np.float32)
    return _refine_together(photo, masks)


def refine_layers(
    image: Float64[np.ndarray, "H W 3"], alphas: Float[np.ndarray, "H W K"]
) -> Float32[np.ndarray, "H W K"]:
    """Refine the layers of a photo: each is the rough mask of an object.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        The photo, in [0, 1].
    alphas : ndarray, shape (H, W, K)
        The layers, which sum to 1. Those that nowhere are above one half are left as they are, before all
        are made to sum to 1 again.

    Returns
    -------
    ndarray, shape (H, W, K)
        Float32 in [0, 1]; they sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.refinement import refine_layers
    >>> image = np.zeros((30, 60, 3))
    >>> image[:, 30:] = 1
    >>> right = np.where(image[..., 0] > 0, 0.95, 0.08)          # a little of each is in the other
    >>> clean = refine_layers(image, np.stack([right, 1 - right], axis=2))
    >>> bool(np.allclose(clean[..., 0], image[..., 0], atol=1e-3))
    True
    """
    return _refine_together(image, [alphas[..., k].astype(np.float32) for k in range(alphas.shape[2])])


def _refine_together(
    photo: Float64[np.ndarray, "H W 3"], masks: list[Float32[np.ndarray, "H W"]]
) -> Float32[np.ndarray, "H W K"]:
    """Refine masks that together cover the photo to layers that sum to one. Empty ones stay so."""
    present = [k for k, mask in enumerate(masks) if mask.any()]
    alphas = np.empty((*photo.shape[:2], len(present)), np.float32)
    for i, k in enumerate(present):
        refinable = 0 < np.mean(masks[k] > 0.5) < 1
        alphas[..., i] = _refine_one(photo, masks[k]) if refinable else masks[k]
    alphas = project_to_simplex(alphas).astype(np.float32)
    if len(present) == len(masks):
        return alphas
    # One layer after another in memory, of which only those that are written to take any.
    layers = np.moveaxis(np.zeros((len(masks), *photo.shape[:2]), np.float32), 0, 2)
    layers[..., present] = alphas
    return layers


def _refine_one(
    photo: Float64[np.ndarray, "H W 3"], mask: Float32[np.ndarray, "H W"]
) -> Float64[np.ndarray, "H W"]:
    """Refine one mask, which has pixels inside and outside; that of a large photo in a copy."""
    inside, unsure = mask > 0.5, (mask > UNSURE[0]) & (mask < UNSURE[1])
    if mask.size <= SOLVED_PIXELS:
        return _refine_small(photo, inside, unsure)
    small = shrink(photo, SOLVED_PIXELS)
    small_inside, small_unsure = (_shrink_mask(part, small.shape[:2]) for part in (inside, unsure))
    if small_inside.all() or not small_inside.any():  # so thin, or such a narrow gap, that it got lost
        return mask.astype(np.float64)
    alpha = _refine_small(small, small_inside, small_unsure)
    return np.clip(upsample(alpha[..., None], small, photo)[..., 0], 0, 1).astype(np.float64)


def _refine_small(
    photo: Float64[np.ndarray, "H W 3"], inside: Bool[np.ndarray, "H W"], unsure: Bool[np.ndarray, "H W"]
) -> Float64[np.ndarray, "H W"]:
    """Find the edge, and solve for the band about it and for what is unsure."""
    edge, distance = _search(photo, inside), signed_distance(inside)
    front, back = _split(distance - edge.shift, BAND + edge.spread)
    beyond_gaps = front & (distance > edge.gaps)
    if edge.gaps > 0 and beyond_gaps.any():
        front = beyond_gaps
    return _solve_band(photo, front & ~unsure, back & ~unsure, inside)


def _search(photo: Float64[np.ndarray, "H W 3"], inside: Bool[np.ndarray, "H W"]) -> Edge:
    """Look for the object's edge in a small copy of the photo."""
    small = shrink(photo, SEARCH_PIXELS)
    small_inside = _shrink_mask(inside, small.shape[:2])
    if small_inside.all() or not small_inside.any():  # so thin, or such a narrow gap, that it got lost
        return Edge(0.0, np.zeros(inside.shape))
    distance = signed_distance(small_inside)
    rough = _solve_band(small, *_split(distance, SEARCH_REACH), small_inside)
    factor = math.sqrt(inside.size / small_inside.size)
    edge = find_edge(rough, distance, SEARCH_REACH)
    front, _ = _split(distance - edge.shift, BAND / factor + edge.spread)
    if has_filled_gaps(rough, distance, front, SEARCH_REACH):
        edge = replace(edge, gaps=GAPS_DEPTH)
    return edge.enlarged(factor, inside.shape)


def _shrink_mask(mask: Bool[np.ndarray, "H W"], shape: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Return a mask at the size of a shrunken photo: a pixel is in it if most of its area is."""
    if mask.shape == shape:
        return mask
    area = Image.fromarray(mask.astype(np.float32)).resize(shape[::-1], Image.Resampling.BOX)
    return np.asarray(area) > 0.5


def _split(
    distance: Float[np.ndarray, "H W"], reach: float | Float[np.ndarray, "H W"]
) -> tuple[Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"]]:
    """Return what is surely inside and what is surely outside: farther from the edge than a reach."""
    return _core(distance, reach), _core(-distance, reach)


def _core(
    distance: Float[np.ndarray, "H W"], reach: float | Float[np.ndarray, "H W"]
) -> Bool[np.ndarray, "H W"]:
    """Return the pixels deeper than a reach, and the deepest ones of large parts that are thinner."""
    core = distance > reach
    parts, count = ndimage.label(distance > 0)
    if count == 0:
        return core
    areas = np.bincount(parts.ravel(), minlength=count + 1)
    areas[0] = 0  # what is outside
    has_core = np.bincount(parts[core], minlength=count + 1) > 0
    thin = ~has_core & (areas >= LEAST_PART * areas.sum()) & (areas > 0)
    if not (has_core.any() or thin.any()):
        thin[areas.argmax()] = True
    for part in np.flatnonzero(thin):
        within = parts == part
        core |= within & (distance > DEEP * distance[within].max())
    return core


def _solve_band(
    photo: Float64[np.ndarray, "H W 3"],
    front: Bool[np.ndarray, "H W"],
    back: Bool[np.ndarray, "H W"],
    inside: Bool[np.ndarray, "H W"],
) -> Float64[np.ndarray, "H W"]:
    """Minimize ``alpha' L alpha`` plus the squared distances from what the colors suggest, in the band."""
    unknown = ~(front | back)
    if not unknown.any():
        return front.astype(np.float64)
    target, pull = inside[unknown].astype(np.float64), np.full(np.count_nonzero(unknown), FAINT)
    if front.any() and back.any():
        guesses, confidences = guess_alphas(photo, front, back)
        target = (FAINT * target + PULL * confidences * guesses) / (FAINT + PULL * confidences)
        pull += PULL * confidences
    alphas = front.astype(np.float64)
    affinity = MattingAffinity().matrix(Scene(photo))[unknown.ravel()]
    system = sparse.diags_array(affinity.sum(axis=1) + pull) - affinity[:, unknown.ravel()]
    right = affinity @ alphas.ravel() + pull * target
    alphas[unknown] = np.clip(solve_unknown(sparse.csr_array(system), right, unknown), 0, 1)
    return alphas
