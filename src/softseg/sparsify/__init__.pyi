from .clustering import initial_clusters, kmeans
from .constrained_stage import constrained
from .grouping import group, mean_features
from .layer_count import merged_layers
from .relaxed_stage import LayerPreconditioner, PixelBlocks, Unpreconditioned, image_gradient, relaxed
from .simplex import project_to_simplex

__all__ = [
    "LayerPreconditioner",
    "PixelBlocks",
    "Unpreconditioned",
    "constrained",
    "group",
    "image_gradient",
    "initial_clusters",
    "kmeans",
    "mean_features",
    "merged_layers",
    "project_to_simplex",
    "relaxed",
]
