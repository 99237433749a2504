"""Matrices over the pixels of a grid: the Laplacian, its stencil, its factorization, linear systems."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
