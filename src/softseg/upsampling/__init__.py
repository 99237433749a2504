"""Layers of a shrunken photo carried up to the photo itself."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"affine": ["ColorModels", "upsample"], "carrying": ["carried_up"]},
)
