"""Feature extractors by name.

A new extractor is a file of its own, and its name comes into the registry by one line in this file, by a call
of `register`, or by an entry point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float32

from softseg._registry import Registry
from softseg.features.base import FeatureExtractor
from softseg.images import as_image

# Where the default extractor is, which has two names.
_LITE = "softseg.features.lite:LiteFeatures"

#: For each name, a class or function that returns the extractor when it is called without arguments. The
#: group of the entry points is ``softseg.extractors``.
EXTRACTORS: Registry[Callable[[], FeatureExtractor]] = Registry(
    "extractors",
    "features",
    {
        "default": _LITE,
        "lite": _LITE,
        "low-level": "softseg.features.low_level:LowLevelFeatures",
        "sss": "softseg.features.sss:SSSFeatures",
        "dinov2": "softseg.features.dinov2:DINOv2Features",
        "deeplabv3": "softseg.features.deeplabv3:DeepLabV3Features",
    },
    check=lambda thing: None if callable(thing) else "a class of FeatureExtractor",
)

register = EXTRACTORS.register


def get_extractor(name: str) -> FeatureExtractor:
    """Return the extractor registered under a name.

    Parameters
    ----------
    name : str
        One of :func:`extractor_names`.

    Returns
    -------
    FeatureExtractor
        The extractor, with its defaults.

    Raises
    ------
    ValueError
        If there is no extractor of that name. The message lists the known names.

    Examples
    --------
    >>> from softseg.features import get_extractor
    >>> get_extractor("low-level")
    LowLevelFeatures()
    """
    if name == "compact":
        raise ValueError(
            "features: the network 'compact' is no longer part of softseg; 'default' is its successor"
        )
    return EXTRACTORS[name]()


def extractor_names() -> tuple[str, ...]:
    """Return the names of all registered extractors, sorted.

    Returns
    -------
    tuple of str
        What :func:`get_extractor`, :func:`extract` and ``segment(features=...)`` take.

    Examples
    --------
    >>> from softseg.features import extractor_names
    >>> "low-level" in extractor_names()
    True
    """
    return EXTRACTORS.names()


def extract(image: Any, name: str = "default") -> Float32[np.ndarray, "H W C"]:
    """Return the raw features of a photo, by the extractor registered under a name.

    Parameters
    ----------
    image : path, file, PIL image, Photo or array_like, shape (H, W, 3)
        The photo; uint8, uint16, or float in [0, 1].
    name : str
        One of :func:`extractor_names`.

    Returns
    -------
    array of float32, shape (H, W, C)
        The raw features. :func:`softseg.features.preprocess` turns them into what the affinities compare.

    Raises
    ------
    TypeError, ValueError
        If there is no extractor of that name, or the photo is not as above.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.features import extract
    >>> extract(np.zeros((20, 30, 3), dtype=np.uint8), "low-level").shape
    (20, 30, 6)
    """
    return get_extractor(name).extract(as_image(image))


get = get_extractor  #: The former name of `get_extractor`, which scripts still use.
names = extractor_names  #: The former name of `extractor_names`, which scripts still use.
