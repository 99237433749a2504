"""What can be done with a stack of soft layers: find their colors, look at them, select and edit."""

from typing import Any

import lazy_loader

_get_own, _, _own_names = lazy_loader.attach_stub(__name__, __file__)
__all__ = [*_own_names, "load", "save"]


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    # Scripts know these two by this name. The modules that define them import this package, so that it cannot
    # import them when it is imported itself.
    if name == "save":
        from softseg.formats import save

        return save
    if name == "load":
        from softseg.result import SoftSegmentation

        return SoftSegmentation.load
    return _get_own(name)
