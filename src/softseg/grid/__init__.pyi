from .laplacian import Laplacian, laplacian_of
from .solver import solve_on_grid
from .stencil import Stencil

__all__ = [
    "Laplacian",
    "Stencil",
    "laplacian_of",
    "solve_on_grid",
]
