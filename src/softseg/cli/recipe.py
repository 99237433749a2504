"""What a result depends on besides its photo, in a form that can be kept beside it and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any


def make_recipe(options: Mapping[str, Any], here: bool = False) -> dict[str, Any]:
    """Return options as JSON can hold them, such that equal ones are equal.

    Arrays are replaced by a hash of their content, affinities and eigensolvers by their repr, and names of
    extractors by what they stand for now: the same network may have got other weights. Options that are None
    are left out: the version of softseg stands for the defaults.

    Parameters
    ----------
    options : mapping
        All on which the result depends, by name.
    here : bool
        Whether this machine does the work, so that what keeps an extractor from being used is raised now.

    Returns
    -------
    dict
        Numbers and texts by name.

    Examples
    --------
    >>> from softseg.cli.recipe import make_recipe
    >>> make_recipe({"rng": 3, "n_layers": None, "features": "low-level"})
    {'rng': 3, 'features': 'LowLevelFeatures()'}
    """
    recipe = {name: _describe(value) for name, value in options.items() if value is not None}
    if "features" in options and (options["features"] is None or isinstance(options["features"], str)):
        recipe["features"] = _identify_extractor(options["features"] or "default", here)
    return recipe


def _describe(value: Any) -> Any:
    if isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "fingerprint"):  # an extractor
        return value.fingerprint()
    if hasattr(value, "__array__"):
        import numpy as np

        array = np.asarray(value)
        content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        return f"{array.dtype} {array.shape} {hashlib.sha256(content.data).hexdigest()}"
    return repr(value)


def _identify_extractor(name: str, here: bool) -> str:
    from softseg.features import get_extractor

    try:
        return get_extractor(name).fingerprint()
    except (ImportError, OSError, TypeError, ValueError):
        if here:
            raise
        return name  # another machine may have what it needs
