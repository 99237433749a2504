"""Semantic features: extractors by name, and the preprocessing that reduces their channels to three."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
