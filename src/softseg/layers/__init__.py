"""What to do with a stack of soft layers: colors, a look at them, selections and edits."""

from typing import Any

import lazy_loader

_attached, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    # Scripts know these two by this name. They stand above this package, which does not import them itself.
    if name == "save":
        from softseg.formats import save

        return save
    if name == "load":
        from softseg.result import SoftSegmentation

        return SoftSegmentation.load
    return _attached(name)


__all__ = [*__all__, "load", "save"]
