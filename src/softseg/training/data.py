"""Photos with label maps: found in a folder, held in memory, cut into augmented crops."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Integer, UInt8
from PIL import Image

from softseg.training.config import Folder

UNLABELLED = 0
BACKGROUND = -1  # a catch-all: all that nobody outlined

# Crops are stretched by up to this much (logarithm) along one axis and shrunk as much along the other.
_ASPECT = 0.1

# Share of photos that lose their colors.
_GRAY = 0.05

# Regions that are pasted cover this share of a crop: not specks, and not so much that little is left below.
_LEAST_PASTED, _MOST_PASTED = 0.02, 0.4


@dataclass(frozen=True, eq=False)
class Example:
    """A photo and the maps of its annotators.

    Equal numbers mean one region, 0 means unlabelled, and -1 what nobody outlined.
    """

    photo: UInt8[np.ndarray, "H W 3"]
    regions: Integer[np.ndarray, "A H W"]


@dataclass(frozen=True, eq=False)
class Photos:
    """All photos of a run, decoded: a few hundred of them need a few hundred megabytes."""

    training: list[Example]
    weights: Float64[np.ndarray, " n"]
    validation: list[Example]

    def draw(self, rng: np.random.Generator) -> Example:
        """Return a random training photo, by weight."""
        return self.training[rng.choice(len(self.training), p=self.weights)]


def load(folders: tuple[Folder, ...], root: Path) -> Photos:
    """Decode the photos and label maps of all folders.

    Raises
    ------
    FileNotFoundError
        If a folder has no photos with label maps.
    ValueError
        If a layout is unknown, or a label map is not of its photo's size.
    """
    training: list[Example] = []
    validation: list[Example] = []
    weights: list[float] = []
    for folder in folders:
        for k, (photo, maps) in enumerate(find(folder, root)):
            example = read(photo, maps, folder)
            if folder.validate_every and k % folder.validate_every == 0:
                validation.append(example)
            else:
                training.append(example)
                weights.append(folder.weight)
    return Photos(training, np.array(weights) / np.sum(weights), validation)


def find(folder: Folder, root: Path) -> list[tuple[Path, list[Path]]]:
    """Return the photos of a folder that are used, each with its label maps."""
    if folder.layout not in _LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(_LAYOUTS)}, got {folder.layout!r}")
    pairs = _LAYOUTS[folder.layout](root / folder.path)
    pairs = pairs[: math.floor(folder.portion * len(pairs))]
    if not pairs:
        raise FileNotFoundError(
            f"{root / folder.path}: no photos with label maps in the layout {folder.layout!r}"
        )
    return pairs


def read(photo: Path, maps: list[Path], folder: Folder) -> Example:
    """Decode one photo and its label maps."""
    with Image.open(photo) as file:
        colors = np.asarray(file.convert("RGB"))
    regions = np.stack([_labels(path, folder) for path in maps])
    if regions.shape[1:] != colors.shape[:2]:
        raise ValueError(
            f"{maps[0]}: expected the size of its photo, {colors.shape[:2]}, got {regions.shape[1:]}"
        )
    return Example(colors, regions)


def _labels(path: Path, folder: Folder) -> Integer[np.ndarray, "H W"]:
    with Image.open(path) as file:
        numbers = np.asarray(file)
    if numbers.ndim != 2:
        raise ValueError(f"{path}: expected a map of numbers, got an image of shape {numbers.shape}")
    none, first = _NUMBERS[folder.layout]
    labels = numbers.astype(np.int32) - first + 1
    labels[np.isin(numbers, folder.background)] = BACKGROUND
    labels[np.isin(numbers, (none, *folder.unlabelled))] = UNLABELLED
    # Eight bits nearly always, which saves memory and time. One number more is for a region that is pasted.
    return labels.astype(np.min_scalar_type(-labels.max() - 1))


def _regions_layout(folder: Path) -> list[tuple[Path, list[Path]]]:
    pairs = (
        (photo, sorted(folder.glob(f"{photo.stem}.regions*.png"))) for photo in sorted(folder.glob("*.jpg"))
    )
    return [(photo, maps) for photo, maps in pairs if maps]


def _coco_stuff_layout(folder: Path) -> list[tuple[Path, list[Path]]]:
    pairs = (
        (photo, folder / "annotations" / f"{photo.stem}.png") for photo in sorted(folder.glob("images/*.jpg"))
    )
    return [(photo, [path]) for photo, path in pairs if path.exists()]


_LAYOUTS = {"regions": _regions_layout, "coco-stuff": _coco_stuff_layout}

# Of each layout: the number that stands for no label, and the first that is one.
_NUMBERS = {"regions": (0, 1), "coco-stuff": (255, 0)}


def random_crop(
    example: Example, size: tuple[int, int], zoom: tuple[float, float], rng: np.random.Generator
) -> Example:
    """Cut out a random rectangle, bring it to a size, and mirror it half of the time.

    The rectangle lies inside the photo along each axis on which it fits, and is centered on the others. What
    is outside the photo repeats its edge and is unlabelled.

    Parameters
    ----------
    example : Example
        What to cut from.
    size : tuple of int
        Height and width wanted.
    zoom : tuple of float
        Range of the pixels wanted per pixel of the photo; drawn evenly in its logarithm.
    rng : Generator
        Draws zoom, aspect ratio, place and mirroring.
    """
    factor = np.exp(rng.uniform(*np.log(zoom)))
    aspect = np.exp(rng.uniform(-_ASPECT, _ASPECT))
    extent = np.array(size) / (factor * aspect, factor / aspect)
    free = np.array(example.photo.shape[:2]) - extent
    corner = np.where(free > 0, rng.random(2) * free, free / 2)
    step = slice(None, None, -1 if rng.random() < 0.5 else 1)
    photo = _resampled(example.photo, corner, extent, size)
    return Example(photo[:, step], _nearest(example.regions, corner, extent, size)[:, :, step])


def _resampled(
    photo: UInt8[np.ndarray, "H W 3"], corner: np.ndarray, extent: np.ndarray, size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """Bring a rectangle of a photo to a size: area averages where it shrinks, else bilinear."""
    outside = max(0, *-corner, *(corner + extent - photo.shape[:2]))
    margin = math.ceil(outside)
    padded = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    (top, left), (bottom, right) = corner + margin, corner + margin + extent
    box = (max(left, 0), max(top, 0), min(right, padded.shape[1]), min(bottom, padded.shape[0]))  # rounding
    cut = Image.fromarray(padded).resize(size[::-1], Image.Resampling.BILINEAR, box=box)
    return np.asarray(cut)


def _nearest(
    regions: Integer[np.ndarray, "A H W"], corner: np.ndarray, extent: np.ndarray, size: tuple[int, int]
) -> Integer[np.ndarray, "A h w"]:
    """Bring the same rectangle of label maps to a size; unlabelled outside."""
    lines = [c + (np.arange(n) + 0.5) * e / n for c, e, n in zip(corner, extent, size, strict=True)]
    rows, columns = (np.floor(line).astype(int) for line in lines)
    height, width = regions.shape[1:]
    cut = regions[(slice(None), *np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1)))]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    return np.where(inside, cut, UNLABELLED).astype(regions.dtype)


def paste(onto: Example, source: Example, rng: np.random.Generator) -> Example:
    """Paste a random region of one crop over another: a new region, the same for every annotator.

    Source: Ghiasi et al., Simple Copy-Paste is a Strong Data Augmentation Method, CVPR 2021.
    """
    labels = source.regions[rng.integers(len(source.regions))]
    numbers, counts = np.unique(labels[labels > UNLABELLED], return_counts=True)
    share = counts / labels.size
    numbers = numbers[(share > _LEAST_PASTED) & (share < _MOST_PASTED)]
    if not len(numbers):
        return onto
    mask = labels == rng.choice(numbers)
    new = onto.regions.max() + 1
    photo = np.where(mask[..., None], source.photo, onto.photo)
    return Example(photo, np.where(mask, new, onto.regions.astype(np.int32)))


def jitter(
    photo: UInt8[np.ndarray, "H W 3"], strength: float, exchange: float, rng: np.random.Generator
) -> Float32[np.ndarray, "H W 3"]:
    """Change brightness, contrast, tint and saturation at random, and the channels' order now and then.

    Parameters
    ----------
    photo : array of uint8, shape (H, W, 3)
        What to change.
    strength : float
        Largest relative change of contrast; the others are in proportion. One photo in twenty becomes gray.
    exchange : float
        Probability that red, green and blue are shuffled.
    rng : Generator
        Draws the changes.

    Returns
    -------
    array of float32, shape (H, W, 3)
        In [0, 1].
    """
    colors = photo.astype(np.float32) / 255
    if rng.random() < exchange:
        colors = colors[..., rng.permutation(3)]
    gray = colors.mean(2, keepdims=True)
    saturation = 0.0 if rng.random() < _GRAY else 1 + strength * rng.uniform(-1.5, 1.5)
    colors = gray + np.float32(saturation) * (colors - gray)
    contrast = (1 + strength * rng.uniform(-1, 1)) * (1 + strength / 3 * rng.uniform(-1, 1, 3))
    middle = gray.mean()
    shifted = middle + strength / 2 * rng.uniform(-1, 1)
    colors = (colors - middle) * contrast.astype(np.float32) + np.float32(shifted)
    return np.clip(colors, 0, 1)
