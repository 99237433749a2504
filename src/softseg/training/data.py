"""Photos with label maps: finding them in folders, holding them in memory, and cutting augmented crops."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Integer, UInt8
from PIL import Image

from softseg._paths import show_path
from softseg.training.config import Folder

# The number that stands for no label in an example's maps.
UNLABELED = 0

# The number that stands, in an example's maps, for everything that nobody outlined.
BACKGROUND = -1

# The project chose the next three constants.

# A crop is stretched along one axis by a random factor, and shrunk along the other by the same factor. This
# is the largest magnitude of its natural logarithm.
_MOST_STRETCH = 0.1

# The probability that a photo loses its colors.
_GRAY_PROBABILITY = 0.05

# The least and the most of a crop, as a share of its pixels, that a pasted region may cover: it should not be
# a speck, and should not hide most of what is below.
_LEAST_PASTED, _MOST_PASTED = 0.02, 0.4


@dataclass(frozen=True, eq=False)
class Example:
    """A photo, RGB in 0..255, and the label maps of its A annotators.

    In a map, pixels of one region have the same number from 1 up. 0 means that a pixel has no label, and -1
    that it belongs to nothing that was outlined.
    """

    photo: UInt8[np.ndarray, "H W 3"]
    regions: Integer[np.ndarray, "A H W"]


@dataclass(frozen=True, eq=False)
class Photos:
    """All photos of a run, decoded, with the probability of each training photo to be drawn.

    A few hundred photos need a few hundred megabytes.
    """

    training: list[Example]
    weights: Float64[np.ndarray, " n"]
    validation: list[Example]

    def draw(self, rng: np.random.Generator) -> Example:
        """Return a random training photo; its weight is the probability."""
        return self.training[rng.choice(len(self.training), p=self.weights)]


def load(folders: tuple[Folder, ...], root: Path) -> Photos:
    """Decode the photos and label maps of all folders.

    Parameters
    ----------
    folders : tuple of Folder
        The folders.
    root : Path
        The folder that their paths are relative to.

    Raises
    ------
    FileNotFoundError
        If a folder has no photos with label maps.
    ValueError
        If a layout is unknown, or a label map has another size than its photo.
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
    """Return the photos of a folder that are used, each with its label maps; errors are those of `load`."""
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
    """Decode one photo and its label maps; raise a ValueError if they differ in size."""
    with Image.open(photo) as file:
        colors = np.asarray(file.convert("RGB"))
    regions = np.stack([_read_labels(path, folder) for path in maps])
    if regions.shape[1:] != colors.shape[:2]:
        raise ValueError(
            f"{maps[0]}: expected the size of its photo, {colors.shape[:2]}, got {regions.shape[1:]}"
        )
    return Example(colors, regions)


def _read_labels(path: Path, folder: Folder) -> Integer[np.ndarray, "H W"]:
    """Read a label map, and number its labels as `Example` has them."""
    with Image.open(path) as file:
        numbers = np.asarray(file)
    if numbers.ndim != 2:
        raise ValueError(
            f"{show_path(path)}: expected a map of numbers, got an image of shape {numbers.shape}"
        )
    none, first = _NUMBERS[folder.layout]
    labels = numbers.astype(np.int32) - first + 1
    labels[np.isin(numbers, folder.background)] = BACKGROUND
    labels[np.isin(numbers, (none, *folder.unlabelled))] = UNLABELED
    # Nearly always eight bits suffice, which saves memory and time. One number is left for a region that is
    # pasted.
    return labels.astype(np.min_scalar_type(-labels.max() - 1))


def _find_regions(folder: Path) -> list[tuple[Path, list[Path]]]:
    """Return the photos of a folder of layout "regions" that have label maps, each with its maps."""
    pairs = (
        (photo, sorted(folder.glob(f"{photo.stem}.regions*.png"))) for photo in sorted(folder.glob("*.jpg"))
    )
    return [(photo, maps) for photo, maps in pairs if maps]


def _find_coco_stuff(folder: Path) -> list[tuple[Path, list[Path]]]:
    """Return the photos of a folder of layout "coco-stuff" that have a label map, each with its map."""
    pairs = (
        (photo, folder / "annotations" / f"{photo.stem}.png") for photo in sorted(folder.glob("images/*.jpg"))
    )
    return [(photo, [path]) for photo, path in pairs if path.exists()]


# The function that finds the photos of each layout.
_LAYOUTS = {"regions": _find_regions, "coco-stuff": _find_coco_stuff}

# For each layout, the number that stands for no label in the files, and the smallest number of a label. Those
# of "coco-stuff" are the ones that COCO-Stuff is published with.
_NUMBERS = {"regions": (0, 1), "coco-stuff": (255, 0)}


def random_crop(
    example: Example, size: tuple[int, int], zoom: tuple[float, float], rng: np.random.Generator
) -> Example:
    """Cut out a random rectangle, resize it, and mirror it with a probability of one half.

    Along an axis on which the rectangle fits into the photo, it lies inside. Along another, it is centered.
    Pixels outside the photo repeat its edge and have no label.

    Parameters
    ----------
    example : Example
        The photo and label maps to cut from.
    size : tuple of int
        Height and width of the crop in pixels.
    zoom : tuple of float
        The least and the most pixels of the crop per pixel of the photo, along an axis. The logarithm of the
        zoom is drawn evenly.
    rng : Generator
        The random numbers of zoom, aspect ratio, place and mirroring.
    """
    factor = np.exp(rng.uniform(*np.log(zoom)))
    aspect = np.exp(rng.uniform(-_MOST_STRETCH, _MOST_STRETCH))
    extent = np.array(size) / (factor * aspect, factor / aspect)
    free = np.array(example.photo.shape[:2]) - extent
    corner = np.where(free > 0, rng.random(2) * free, free / 2)
    step = slice(None, None, -1 if rng.random() < 0.5 else 1)
    photo = _resample(example.photo, corner, extent, size)
    return Example(photo[:, step], _resample_labels(example.regions, corner, extent, size)[:, :, step])


def _resample(
    photo: UInt8[np.ndarray, "H W 3"], corner: np.ndarray, extent: np.ndarray, size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """Resize a rectangle of a photo: bilinearly where it grows, and by weighted averages where it shrinks."""
    outside = max(0, *-corner, *(corner + extent - photo.shape[:2]))
    margin = math.ceil(outside)
    padded = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    (top, left), (bottom, right) = corner + margin, corner + margin + extent
    # Rounding may have moved the rectangle slightly beyond the padded photo.
    box = (max(left, 0), max(top, 0), min(right, padded.shape[1]), min(bottom, padded.shape[0]))
    cut = Image.fromarray(padded).resize(size[::-1], Image.Resampling.BILINEAR, box=box)
    return np.asarray(cut)


def _resample_labels(
    regions: Integer[np.ndarray, "A H W"], corner: np.ndarray, extent: np.ndarray, size: tuple[int, int]
) -> Integer[np.ndarray, "A h w"]:
    """Resize a rectangle of label maps to the nearest labels; pixels outside the photo get no label."""
    lines = [c + (np.arange(n) + 0.5) * e / n for c, e, n in zip(corner, extent, size, strict=True)]
    rows, columns = (np.floor(line).astype(int) for line in lines)
    height, width = regions.shape[1:]
    cut = regions[(slice(None), *np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1)))]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    return np.where(inside, cut, UNLABELED).astype(regions.dtype)


def paste(onto: Example, source: Example, rng: np.random.Generator) -> Example:
    """Paste a random region of one crop over another, where it is a new region in the maps of all annotators.

    If no region of ``source`` has a suitable size, ``onto`` itself is returned.

    Source: Ghiasi et al., Simple Copy-Paste is a Strong Data Augmentation Method, CVPR 2021.
    """
    labels = source.regions[rng.integers(len(source.regions))]
    numbers, counts = np.unique(labels[labels > UNLABELED], return_counts=True)
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
    """Change brightness, contrast, tint and saturation at random, and sometimes the order of the channels.

    Parameters
    ----------
    photo : array of uint8, shape (H, W, 3)
        The photo.
    strength : float
        The largest relative change of contrast. The other changes are in proportion to it. One photo in
        twenty becomes gray.
    exchange : float
        The probability that red, green and blue are shuffled.
    rng : Generator
        The random numbers of the changes.

    Returns
    -------
    array of float32, shape (H, W, 3)
        In [0, 1].
    """
    colors = photo.astype(np.float32) / 255
    if rng.random() < exchange:
        colors = colors[..., rng.permutation(3)]
    gray = colors.mean(2, keepdims=True)
    saturation = 0.0 if rng.random() < _GRAY_PROBABILITY else 1 + strength * rng.uniform(-1.5, 1.5)
    colors = gray + np.float32(saturation) * (colors - gray)
    contrast = (1 + strength * rng.uniform(-1, 1)) * (1 + strength / 3 * rng.uniform(-1, 1, 3))
    middle = gray.mean()
    shifted = middle + strength / 2 * rng.uniform(-1, 1)
    colors = (colors - middle) * contrast.astype(np.float32) + np.float32(shifted)
    return np.clip(colors, 0, 1)
