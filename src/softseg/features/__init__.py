"""Semantic features: extractors by name, and the preprocessing that makes three channels of any number."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
