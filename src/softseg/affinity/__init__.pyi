from .attraction import without_repulsion
from .base import Affinity, Scaled, Sum
from .color import ColorAffinity
from .matting import MattingAffinity
from .registry import AFFINITIES, register
from .semantic import SemanticAffinity

__all__ = [
    "AFFINITIES",
    "Affinity",
    "ColorAffinity",
    "MattingAffinity",
    "Scaled",
    "SemanticAffinity",
    "Sum",
    "register",
    "without_repulsion",
]
