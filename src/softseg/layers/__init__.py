"""What to do with a stack of soft layers: write it to files, or look at it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"export": ["save"], "sheet": ["contact_sheet"]},
)
