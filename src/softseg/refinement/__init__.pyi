from .edges import Edge, find_edge, signed_distance
from .masks import as_masks
from .refining import refine, refine_layers

__all__ = [
    "Edge",
    "as_masks",
    "find_edge",
    "refine",
    "refine_layers",
    "signed_distance",
]
