"""Feature extractors by name. A new one is a file of its own and one line at the end of this one."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float32

from softseg.features.base import FeatureExtractor
from softseg.images import as_image

_FACTORIES: dict[str, str | Callable[[], FeatureExtractor]] = {}


def register(name: str, factory: str | Callable[[], FeatureExtractor]) -> None:
    """Make an extractor available by name.

    Parameters
    ----------
    name : str
        A name not yet taken.
    factory : str or callable
        What is called, without arguments, for the extractor; or where to find it, as
        ``"package.module:name"``, which is imported only when the extractor is asked for.

    Raises
    ------
    ValueError
        If the name is taken, or a string is not of the form ``"package.module:name"``.

    Examples
    --------
    >>> from softseg.features import LowLevelFeatures, get, register
    >>> register("colour and texture", LowLevelFeatures)
    >>> get("colour and texture")
    LowLevelFeatures()
    """
    if name in _FACTORIES:
        raise ValueError(f"name: expected one that is not taken, got {name!r}")
    if isinstance(factory, str) and factory.count(":") != 1:
        raise ValueError(f"factory: expected 'package.module:name', got {factory!r}")
    _FACTORIES[name] = factory


def get(name: str) -> FeatureExtractor:
    """Return the extractor registered under a name.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Raises
    ------
    ValueError
        If there is none of that name; the message lists the known ones.

    Examples
    --------
    >>> from softseg.features import get
    >>> get("low-level")
    LowLevelFeatures()
    """
    if name == "compact":
        raise ValueError(
            "features: the network 'compact' is no longer part of softseg; 'default' is its successor"
        )
    if name not in _FACTORIES:
        raise ValueError(f"features: expected one of {', '.join(names())}, got {name!r}")
    factory = _FACTORIES[name]
    if isinstance(factory, str):
        module, _, attribute = factory.partition(":")
        factory = getattr(importlib.import_module(module), attribute)
    return factory()


def names() -> tuple[str, ...]:
    """Return the names of all registered extractors, sorted.

    Examples
    --------
    >>> from softseg.features import names
    >>> "low-level" in names()
    True
    """
    return tuple(sorted(_FACTORIES))


def extract(image: Any, name: str = "default") -> Float32[np.ndarray, "H W C"]:
    """Return the raw features of a photo, by the extractor registered under a name.

    Parameters
    ----------
    image : str, path, PIL image or array_like
        The photo, as :func:`softseg.images.as_image` takes it: an array is (H, W, 3), of uint8 or of floats
        in [0, 1].
    name : str
        One of :func:`names`.

    Returns
    -------
    array of float32, shape (H, W, C)
        Raw features; :func:`softseg.features.preprocess` makes of them what the affinities compare.

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
    return get(name).extract(as_image(image))


_LITE = "softseg.features.lite:LiteFeatures"

register("default", _LITE)
register("lite", _LITE)
register("low-level", "softseg.features.low_level:LowLevelFeatures")
register("sss", "softseg.features.sss:SSSFeatures")
register("dinov2", "softseg.features.dinov2:DINOv2Features")
register("deeplabv3", "softseg.features.deeplabv3:DeepLabV3Features")
