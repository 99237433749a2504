from . import affinity, batch, eigen, features, formats, layers, photos, sparsify, testing, training
from .affinity import Affinity, ColorAffinity, MattingAffinity, SemanticAffinity
from .eigen import Eigenpairs, Eigensolver
from .grid import Laplacian
from .layers import LayerStack
from .matting import matte
from .photos import Photo, read_photo
from .refinement import refine
from .result import SoftSegmentation
from .scene import Scene
from .segmentation import segment, spectral_matting
from .settings import PUBLISHED, Settings
from .warming import warm_up

__version__: str

__all__ = [
    "PUBLISHED",
    "Affinity",
    "ColorAffinity",
    "Eigenpairs",
    "Eigensolver",
    "Laplacian",
    "LayerStack",
    "MattingAffinity",
    "Photo",
    "Scene",
    "SemanticAffinity",
    "Settings",
    "SoftSegmentation",
    "__version__",
    "affinity",
    "batch",
    "eigen",
    "features",
    "formats",
    "layers",
    "matte",
    "photos",
    "read_photo",
    "refine",
    "segment",
    "sparsify",
    "spectral_matting",
    "testing",
    "training",
    "warm_up",
]
