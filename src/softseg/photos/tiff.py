"""TIFF, with all of its bits, channels and pages, through tifffile."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, final
from xml.etree import ElementTree

import numpy as np

from softseg.photos.decoded import SIZES, Decoded, Space, UnsuitableError, upright
from softseg.photos.limits import check_frame, check_size

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

# How files begin: little-endian, big-endian, and both as BigTIFF.
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Tags: TIFF 6.0; DNG 1.6 for the last.
MAX_SAMPLE, ORIENTATION, EXTRA_SAMPLES, FLOAT_MAX_SAMPLE, DNG_VERSION = 281, 274, 338, 341, 50706
# Photometric interpretations (TIFF 6.0, and DNG for the last two).
WHITE_IS_ZERO, PALETTE, YCBCR, CIE_LAB, ICC_LAB, CFA, LINEAR_RAW = 0, 3, 6, 8, 9, 32803, 34892
SPACES: dict[int, Space] = {2: "rgb", 5: "cmyk", YCBCR: "rgb", CIE_LAB: "lab", ICC_LAB: "lab"}  # else gray
# Compressions that tifffile decodes to RGB where the file has YCbCr: the JPEGs.
JPEGS = (7, 34892, 33007)
# Extra samples that are opacities: premultiplied, and straight.
ASSOCIATED, STRAIGHT = 1, 2


class BetterElsewhereError(Exception):
    """Pillow reads this kind of file better."""


@final
@dataclass(frozen=True)
class _View:
    """One picture of a series: its place along the axes that are neither rows, columns nor channels."""

    series: TiffPageSeries
    place: dict[str, int]


def decode_tiff(file: Any, frame: int | None, limit: float, name: str) -> Decoded:
    """Read one picture of a TIFF file.

    Parameters
    ----------
    file : file
        Opened for reading bytes.
    frame : int or None
        Which picture; None is the first. Those of a stack are counted in the order in which it is stored;
        channels are no pictures, and neither are thumbnails and masks.
    limit : float
        The most pixels that a picture may have.
    name : str
        The photo's name in errors.

    Returns
    -------
    Decoded
        Its levels and what they mean.

    Raises
    ------
    BetterElsewhereError
        If Pillow reads this kind of file better.
    UnsuitableError
        If there is no such picture, or it is too large, or a camera's raw data.
    Exception
        Whatever tifffile raises for a damaged file.
    """
    from tifffile import TiffFile

    _keep_off_standard_error()
    with TiffFile(file) as tiff:
        series = _find_series(tiff)
        views = list(_find_views(series))
        check_frame(frame, len(views), name)
        view = views[frame or 0]
        page = view.series.keyframe
        check_size(page.imagewidth, page.imagelength, limit)
        if page.photometric in (CFA, LINEAR_RAW) or DNG_VERSION in page.tags:
            raise UnsuitableError(
                f"{name}: expected a finished photo, got a camera's raw data: develop it first"
            )
        if not any(page.databytecounts):
            raise ValueError("it has no pixels")
        if page.photometric == YCBCR and page.compression not in JPEGS:
            raise BetterElsewhereError
        levels, channels = _read(view)
        decoded = _interpret(levels, page, channels, _find_names(tiff, view, channels))
    return Decoded(
        **{
            **vars(decoded),
            "levels": upright(decoded.levels, _tag(page, ORIENTATION)),
            "stored": None if decoded.stored is None else upright(decoded.stored, _tag(page, ORIENTATION)),
            "frames": len(views),
            "chosen": frame is not None,
        }
    )


@cache
def _keep_off_standard_error() -> None:
    """Give tifffile's log, which tells developers of each oddity, a handler, so that Python prints it not."""
    logging.getLogger("tifffile").addHandler(logging.NullHandler())


def _find_series(tiff: TiffFile) -> list[TiffPageSeries]:
    """Return the file's series without thumbnails and masks, unless there is nothing else."""
    series = [one for one in tiff.series if one.keyframe is not None and {"Y", "X"} <= set(one.axes)]
    if not series:
        raise ValueError("it has no picture")
    return [one for one in series if not (one.keyframe.is_reduced or one.keyframe.is_mask)] or series


def _find_views(series: list[TiffPageSeries]) -> Iterator[_View]:
    for one in series:
        axes = [(axis, size) for axis, size in zip(one.axes, one.shape, strict=True) if axis not in "YXSC"]
        for place in np.ndindex(*(size for _, size in axes)):
            yield _View(one, {axis: index for (axis, _), index in zip(axes, place, strict=True)})


def _read(view: _View) -> tuple[np.ndarray, int]:
    """Return levels (H, W, channels * samples), and how many channels there are beside a pixel's samples."""
    series, page = view.series, view.series.keyframe
    leading = len(series.axes) - len(page.axes)
    axes, shape = series.axes[:leading], series.shape[:leading]
    channels = series.shape[axes.index("C")] if "C" in axes else 1
    if series.axes[leading:] != page.axes or math.prod(shape) != len(series.pages):
        # Kept in one piece, as by ImageJ above 4 GB.
        channels = series.shape[series.axes.index("C")] if "C" in series.axes else 1
        return _arrange(series.asarray(), series.axes, view), channels
    planes = []
    for channel in range(channels):
        place = [channel if axis == "C" else view.place[axis] for axis in axes]
        one = series.pages[int(np.ravel_multi_index(place, shape)) if place else 0]
        if one is None:
            raise ValueError("a part of it is in another file, which is missing")
        planes.append(_arrange(one.asarray(), page.axes, view))
    return (planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)), channels


def _arrange(values: np.ndarray, axes: str, view: _View) -> np.ndarray:
    """Return the view of values of these axes as (H, W, C * S)."""
    values = values[tuple(view.place.get(axis, slice(None)) for axis in axes)]
    axes = "".join(axis for axis in axes if axis not in view.place)
    order = [axes.index(axis) for axis in "YXCS" if axis in axes]
    values = values.transpose(order)
    return values.reshape(*values.shape[:2], -1)


def _interpret(levels: np.ndarray, page: TiffPage, channels: int, names: tuple[str, ...]) -> Decoded:
    """Return levels with what the file says of them."""
    if np.iscomplexobj(levels):
        raise ValueError("its levels are complex numbers: take their magnitude first")
    white = _find_white(levels, page)
    if levels.dtype == bool:
        levels, white = levels.astype(np.uint8), 1.0
    inverted, profile = page.photometric == WHITE_IS_ZERO, page.iccprofile or None
    if channels > 1:
        space: Space = "rgb" if levels.shape[2] == SIZES["rgb"] else "channels"
        return Decoded(levels, space, white, inverted=inverted, profile=profile, names=names)
    if page.photometric == PALETTE and levels.shape[2] == 1:
        return _look_up(levels, page)
    space = SPACES.get(int(page.photometric), "gray")
    size = SIZES[space]
    if levels.shape[2] < size:
        raise ValueError(f"it has {levels.shape[2]} channels where {size} are expected")
    # Where the file does not say what a fourth sample is, it is taken for an opacity, as Pillow does.
    extra = [int(kind) for kind in page.extrasamples] if EXTRA_SAMPLES in page.tags else [STRAIGHT]
    found = [index for index, kind in enumerate(extra) if kind in (ASSOCIATED, STRAIGHT)]
    with_opacity = levels.shape[2] == size + 1 and EXTRA_SAMPLES in page.tags and bool(found)
    if space == "gray" and levels.shape[2] > size and not with_opacity:
        return Decoded(levels, "channels", white, inverted=inverted, names=names)
    opacity = bool(found) and levels.shape[2] > size + found[0]
    keep = [*range(size), *([size + found[0]] if opacity else [])]
    stored = None
    if len(keep) < levels.shape[2]:
        levels, stored = levels[:, :, keep], levels
    if space == "lab":
        levels, white = _as_lab(levels, int(page.photometric)), None
    return Decoded(
        levels,
        space,
        white,
        opacity=opacity,
        premultiplied=opacity and extra[found[0]] == ASSOCIATED,
        inverted=inverted,
        profile=profile,
        stored=stored,
    )


def _find_white(levels: np.ndarray, page: TiffPage) -> float | None:
    """Return the level that the file says is white, if it does and if no level is above it."""
    bits = page.bitspersample
    if np.issubdtype(levels.dtype, np.unsignedinteger) and bits < 8 * levels.dtype.itemsize:
        return float(2**bits - 1)
    if levels.dtype.itemsize == 1 or levels.dtype == bool:
        return None
    said = [_tag(page, tag) for tag in (MAX_SAMPLE, FLOAT_MAX_SAMPLE)]
    values = [float(np.max(value)) for value in said if value is not None]
    # Of floats, one that is below 1 only tells which value is the largest there.
    least = max(float(levels.max()), 1.0)
    return next((value for value in values if value >= least), None)


def _look_up(indices: np.ndarray, page: TiffPage) -> Decoded:
    """Return the colors of a palette: 16 bits each, which mostly repeat 8."""
    assert page.colormap is not None
    palette = page.colormap.T
    if palette.max() <= 255:  # written by programs that did not know better
        palette = palette.astype(np.uint8)
    elif not (palette % 257).any() or not (palette & 255).any():
        palette = (palette >> 8).astype(np.uint8)
    return Decoded(palette[indices[:, :, 0]], profile=page.iccprofile or None)


def _as_lab(levels: np.ndarray, photometric: int) -> np.ndarray:
    """Return CIE L*a*b* as floats, from 8 or 16 bits (TIFF 6.0, section 23; ICC.1:2022, 6.3.4.2)."""
    if np.issubdtype(levels.dtype, np.floating):
        return levels.astype(np.float32)
    bits = 8 * levels.dtype.itemsize
    full = 2**bits - 1
    lab = levels.astype(np.float32)
    lab[:, :, 0] *= np.float32(100 / full)
    chroma = lab[:, :, 1:3]
    if photometric == CIE_LAB:  # signed, though stored as if not
        chroma[chroma > full // 2] -= full + 1
        chroma /= np.float32(2 ** (bits - 8))
    else:
        chroma *= np.float32(255 / full)
        chroma -= 128
    if lab.shape[2] > 3:
        lab[:, :, 3] /= full
    return lab


def _find_names(tiff: TiffFile, view: _View, channels: int) -> tuple[str, ...]:
    """Return what the channels are called; nothing if the file does not say so for all of them."""
    names: list[str] = []
    if channels > 1 and tiff.is_ome and tiff.ome_metadata:
        names = _find_ome_names(tiff.ome_metadata)
    elif channels > 1 and tiff.is_imagej and tiff.imagej_metadata:
        labels = tiff.imagej_metadata.get("Labels") or []
        labels = labels.splitlines() if isinstance(labels, str) else list(labels)
        # Labels are those of all planes, and channels change fastest.
        names = [str(label) for label in labels[:channels]]
    return tuple(names[:channels]) if len(names) >= channels else ()


def _find_ome_names(text: str) -> list[str]:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return []
    for pixels in root.iter():
        if pixels.tag.rpartition("}")[2] == "Pixels":
            found = [one for one in pixels if one.tag.rpartition("}")[2] == "Channel"]
            return [one.get("Name") or one.get("ID") or "" for one in found]
    return []


def _tag(page: TiffPage, tag: int) -> Any:
    return page.tags[tag].value if tag in page.tags else None
