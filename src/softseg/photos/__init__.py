"""Photos are read truthfully: files, PIL images and arrays become sRGB in [0, 1], and what else they hold."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
