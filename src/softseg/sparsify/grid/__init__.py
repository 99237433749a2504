"""Symmetric matrices over a pixel grid, stored without indices, for all layers at once."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"stencil": ["Stencil"]})
