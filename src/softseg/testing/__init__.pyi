from .affinity import AffinityCase, means, representatives, touching
from .annotations import unchecked_annotations
from .eigensolver import EigensolverCase
from .extractor import ExtractorCase
from .format import FormatCase, full_disk
from .preconditioner import PreconditionerCase
from .results import random_result, with_alphas
from .scenes import scene_with_a_disk

__all__ = [
    "AffinityCase",
    "EigensolverCase",
    "ExtractorCase",
    "FormatCase",
    "PreconditionerCase",
    "full_disk",
    "means",
    "random_result",
    "representatives",
    "scene_with_a_disk",
    "touching",
    "unchecked_annotations",
    "with_alphas",
]
