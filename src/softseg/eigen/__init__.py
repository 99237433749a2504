"""Eigensolvers: the smallest eigenpairs of a Laplacian, fast or exactly."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["Eigenpairs", "Eigensolver"],
        "lobpcg": ["LOBPCG"],
        "local_inverse": ["LocalInverse"],
        "multigrid": ["Multigrid"],
        "preconditioner": ["Preconditioner"],
        "shifted_inverse": ["ShiftedInverse"],
        "shift_invert": ["ShiftInvert"],
    },
)
