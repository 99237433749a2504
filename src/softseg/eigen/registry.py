"""Eigensolvers and LOBPCG's preconditioners by name. A new one is a file of its own and one line here.

Scripts use `register`, installed packages entry points of the groups ``softseg.eigensolvers`` and
``softseg.preconditioners``. The name is that of the class, so that what a solver prints can be read back
(`Eigensolver.parse`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from softseg._registry import Registry, subclass_of

if TYPE_CHECKING:
    from softseg.eigen.base import Eigensolver
    from softseg.eigen.preconditioner import Preconditioner

#: Classes of eigensolvers by name: ``EIGENSOLVERS["LOBPCG"]`` is `softseg.eigen.LOBPCG`, and iterating
#: gives the names. Each class is imported when it is first asked for. Scripts add to it by `register`, and
#: installed packages by entry points of the group ``softseg.eigensolvers``.
EIGENSOLVERS: Registry[type[Eigensolver]] = Registry(
    "eigensolvers",
    "eigensolver",
    {"LOBPCG": "softseg.eigen.lobpcg:LOBPCG", "ShiftInvert": "softseg.eigen.shift_invert:ShiftInvert"},
    check=subclass_of("softseg.eigen.base:Eigensolver"),
    sums=False,
)

#: Classes of preconditioners of `softseg.eigen.LOBPCG` by name, likewise. Scripts add to it by
#: `register_preconditioner`, and installed packages by entry points of the group ``softseg.preconditioners``.
PRECONDITIONERS: Registry[type[Preconditioner]] = Registry(
    "preconditioners",
    "preconditioner",
    {
        "LocalInverse": "softseg.eigen.local_inverse:LocalInverse",
        "Multigrid": "softseg.eigen.multigrid:Multigrid",
        "ShiftedInverse": "softseg.eigen.shifted_inverse:ShiftedInverse",
    },
    check=subclass_of("softseg.eigen.preconditioner:Preconditioner"),
    sums=False,
)

register = EIGENSOLVERS.register
register_preconditioner = PRECONDITIONERS.register
