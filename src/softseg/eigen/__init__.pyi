from .base import Eigenpairs, Eigensolver
from .lobpcg import LOBPCG
from .local_inverse import LocalInverse
from .multigrid import Multigrid
from .preconditioner import Preconditioner
from .registry import EIGENSOLVERS, PRECONDITIONERS, register, register_preconditioner
from .shift_invert import ShiftInvert
from .shifted_inverse import ShiftedInverse

__all__ = [
    "EIGENSOLVERS",
    "LOBPCG",
    "PRECONDITIONERS",
    "Eigenpairs",
    "Eigensolver",
    "LocalInverse",
    "Multigrid",
    "Preconditioner",
    "ShiftInvert",
    "ShiftedInverse",
    "register",
    "register_preconditioner",
]
