"""Affinities: matting, non-local colour and semantic, and the algebra that sums them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["Affinity", "Scaled", "Sum"],
        "matting": ["MattingAffinity"],
        "semantic": ["SemanticAffinity"],
        "color": ["ColorAffinity"],
    },
)
