"""From eigenvectors to layers: constrained sparsification, grouping, relaxed sparsification."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "clustering": ["initial_clusters", "kmeans"],
        "constrained_stage": ["constrained"],
        "grouping": ["group"],
        "layer_count": ["merged_layers"],
        "layer_means": ["mean_features"],
        "relaxed_stage": ["PixelBlocks", "Preconditioner", "Unpreconditioned", "image_gradient", "relaxed"],
        "simplex": ["project_to_simplex"],
    },
)
