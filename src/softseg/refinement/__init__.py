"""A hard or rough mask becomes a soft matte: where its edge is looked for, and what is solved there."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
