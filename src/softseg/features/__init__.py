"""Semantic features: extractors by name, and the preprocessing that makes three channels of any number."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["FeatureExtractor"],
        "cached": ["CachedFeatures"],
        "convert": ["convert_checkpoint"],
        "deeplabv3": ["DeepLabV3Features"],
        "dinov2": ["DINOv2Features"],
        "lite": ["LiteFeatures"],
        "low_level": ["LowLevelFeatures"],
        "module": ["ModuleFeatures"],
        "preprocessing": ["affine_coefficients", "guided_filter", "preprocess"],
        "registry": ["extract", "get", "names", "register"],
        "sss": ["SSSFeatures"],
    },
)
