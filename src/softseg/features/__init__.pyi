from .base import FeatureExtractor
from .cached import CachedFeatures
from .convert import convert_checkpoint
from .deeplabv3 import DeepLabV3Features
from .dinov2 import DINOv2Features
from .filtering import affine_coefficients, guided_filter
from .lite import LiteFeatures
from .low_level import LowLevelFeatures
from .module import ModuleFeatures
from .preprocessing import preprocess
from .registry import extract, extractor_names, get, get_extractor, names, register
from .sss import SSSFeatures

__all__ = [
    "CachedFeatures",
    "DINOv2Features",
    "DeepLabV3Features",
    "FeatureExtractor",
    "LiteFeatures",
    "LowLevelFeatures",
    "ModuleFeatures",
    "SSSFeatures",
    "affine_coefficients",
    "convert_checkpoint",
    "extract",
    "extractor_names",
    "get",
    "get_extractor",
    "guided_filter",
    "names",
    "preprocess",
    "register",
]
