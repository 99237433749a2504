"""Loading and checking images, features and label maps before any work starts.

The message of every error has one line, which names the argument and says what was expected. The returned
arrays are new ones, so that later changes to the caller's arrays change no result. How photos are read is in
`softseg.photos`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int64, UInt8
from PIL import Image
from skimage.transform import resize

from softseg._checks import check_count
from softseg.photos.arrays import as_array
from softseg.photos.photo import MATTING_WINDOW
from softseg.photos.reading import as_photo

# Pixels of the smallest photo.
LEAST_PIXELS = MATTING_WINDOW**2


def as_image(image: Any, name: str = "image") -> Float64[np.ndarray, "H W 3"]:
    """Load and check a photo.

    Parameters
    ----------
    image : path, file, PIL image, array_like or Photo
        What `softseg.read_photo` takes: a file, whose colors are converted to sRGB, and which is turned
        upright; an opened PIL image; or an array of shape (H, W, 3), or (H, W) or (H, W, 1) for grays, or
        with an opacity (H, W, 4) or (H, W, 2), of uint8, uint16 or of floats in [0, 1]. It has at least 3x3
        pixels. What is transparent is put over white, with a warning.
    name : str
        The name of the argument in error messages and warnings.

    Returns
    -------
    array of float64, shape (H, W, 3)
        RGB in [0, 1], which cannot be written to. Grays become three equal channels.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If the argument or its dtype is of another kind.
    ValueError
        If the file is not an image, or the shape or the values are not as above.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.images import as_image
    >>> as_image(np.full((3, 4), 51, dtype=np.uint8))[0, 0]
    array([0.2, 0.2, 0.2])
    """
    return as_photo(image, name).pixels


def as_features(
    features: Any, shape: tuple[int, int], working: tuple[int, int] | None = None
) -> Float[np.ndarray, "h w C"]:
    """Check per-pixel features and bring them to the image's size.

    Parameters
    ----------
    features : array_like, shape (h, w, C) or (h, w)
        Finite floats, or integers; uint8 is divided by 255. Features of another size than the image are
        resized bilinearly, with anti-aliasing where they shrink, if they have the image's aspect ratio. They
        have it if h or w is less than one pixel away from the exact ratio, as with any rounding of a scaled
        size.
    shape : (int, int)
        Height and width of the image, in pixels.
    working : (int, int), optional
        The size at which the features are wanted, if that is another than the image's: it may have another
        aspect ratio, by rounding.

    Returns
    -------
    array of float32 or float64, shape (h, w, C)
        At the working size. float32 if the features are float16 or float32, and float64 otherwise.

    Raises
    ------
    TypeError, ValueError
        If the features are not as above. The message has one line, which names ``features``.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.images import as_features
    >>> as_features(np.ones((15, 20, 128), dtype=np.float32), (480, 640)).shape
    (480, 640, 128)
    """
    values = as_array(features, "features")
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.size == 0:
        raise ValueError(f"features: expected shape (H, W, C) or (H, W), got {values.shape}")
    if values.dtype == np.uint8:
        values = values / 255.0
    elif np.issubdtype(values.dtype, np.integer):
        values = values.astype(np.float64)
    elif np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float32 if values.dtype.itemsize <= 4 else np.float64)
    else:
        raise TypeError(f"features: expected floats or integers, got {values.dtype}")
    if not np.isfinite(values).all():
        raise ValueError("features: expected finite values, got NaN or infinity")
    _check_aspect_ratio(values, shape)
    return _resize(values, shape if working is None else working)


def as_labels(labels: Any, shape: tuple[int, int]) -> Int64[np.ndarray, "H W"]:
    """Check a label map, and number its labels 0 .. S-1 in the order of their values.

    Parameters
    ----------
    labels : array_like of int, shape (H, W)
        Any integers, one for each pixel of the image.
    shape : (int, int)
        Height H and width W of the image, in pixels.

    Returns
    -------
    array of int64, shape (H, W)
        Labels 0 .. S-1, each of which occurs.

    Raises
    ------
    TypeError, ValueError
        If the labels are not integers or have another size. The message has one line, which names
        ``superpixels``.

    Examples
    --------
    >>> from softseg.images import as_labels
    >>> as_labels([[-7, 30], [30, 5]], (2, 2))
    array([[0, 2],
           [2, 1]])
    """
    values = as_array(labels, "superpixels")
    if not np.issubdtype(values.dtype, np.integer):
        raise TypeError(f"superpixels: expected integer labels, got {values.dtype}")
    if values.shape != shape:
        raise ValueError(f"superpixels: expected shape {shape}, that of the image, got {values.shape}")
    _, numbered = np.unique(values, return_inverse=True)
    return numbered.reshape(shape).astype(np.int64)


def shrink(image: Float64[np.ndarray, "H W 3"], max_pixels: int) -> Float64[np.ndarray, "h w 3"]:
    """Shrink a photo to at most ``max_pixels`` pixels, keeping its aspect ratio.

    Each new pixel is the mean of the area that it covers. Unlike a Lanczos filter, the mean makes no new
    extremes (halos) at edges, which would be colors that no layer has. The mean also fits alphas: if colors
    and alphas are both averaged, they still belong to each other.

    Parameters
    ----------
    image : array of float64, shape (H, W, 3)
        RGB in [0, 1].
    max_pixels : int
        The most pixels of the result, at least 9. A photo that would become narrower than 3 pixels keeps 3,
        and so may have more pixels.

    Returns
    -------
    array of float64, shape (h, w, 3)
        RGB in [0, 1]. A photo that is small enough is returned as the same object.

    Raises
    ------
    TypeError, ValueError
        If ``max_pixels`` is not an integer of at least 9.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.images import shrink
    >>> shrink(np.zeros((600, 800, 3)), 120_000).shape
    (300, 400, 3)
    """
    check_count("max_pixels", max_pixels, least=LEAST_PIXELS)
    height, width = image.shape[:2]
    if height * width <= max_pixels:
        return image
    scale = max(math.sqrt(max_pixels / (height * width)), MATTING_WINDOW / min(height, width))
    size = max(int(width * scale), MATTING_WINDOW), max(int(height * scale), MATTING_WINDOW)
    channels = [
        np.asarray(Image.fromarray(channel.astype(np.float32)).resize(size, Image.Resampling.BOX))
        for channel in np.moveaxis(image, 2, 0)
    ]
    # Only the rounding of float32 can have left [0, 1].
    return np.clip(np.stack(channels, axis=2).astype(np.float64), 0.0, 1.0)


def eight_bits(values: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Return values in [0, 1] as the nearest of 256 steps; values outside are clipped.

    Parameters
    ----------
    values : array of float, any shape
        The values.

    Returns
    -------
    array of uint8, same shape
        The steps, 0 to 255.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.images import eight_bits
    >>> eight_bits(np.array([-0.1, 0.2, 1.0]))
    array([  0,  51, 255], dtype=uint8)
    """
    return np.round(np.clip(values, 0.0, 1.0) * 255).astype(np.uint8)


def has_aspect_ratio(size: tuple[int, int], shape: tuple[int, int]) -> bool:
    """Say whether heights and widths in pixels have the same ratio, as with any rounding of a scaled size.

    Examples
    --------
    >>> from softseg.images import has_aspect_ratio
    >>> has_aspect_ratio((85, 128), (426, 640)), has_aspect_ratio((83, 128), (426, 640))
    (True, False)
    """
    (h, w), (height, width) = size, shape
    # The ratios agree if h is less than one pixel away from w * H / W, or w less than one from h * W / H.
    return abs(h * width - w * height) < max(height, width)


def _check_aspect_ratio(features: Float[np.ndarray, "h w C"], shape: tuple[int, int]) -> None:
    """Raise a ValueError if features have another aspect ratio than the image."""
    (h, w), (height, width) = features.shape[:2], shape
    if not has_aspect_ratio((h, w), shape):
        raise ValueError(
            f"features: expected the image's size {height}x{width}, or its aspect ratio, got {h}x{w}"
        )


def _resize(features: Float[np.ndarray, "h w C"], shape: tuple[int, int]) -> Float[np.ndarray, "H W C"]:
    """Return features at another size, by bilinear interpolation."""
    if features.shape[:2] == shape:
        return features
    return resize(features, shape, order=1, mode="edge", anti_aliasing=True, clip=True, preserve_range=True)
