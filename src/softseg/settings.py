"""How the stages of `softseg.segment` are computed: what trades exactness for time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from softseg._checks import check_count, check_instance
from softseg.eigen import LOBPCG, Eigensolver, ShiftInvert
from softseg.images import LEAST_PIXELS
from softseg.sparsify import LayerPreconditioner, PixelBlocks, Unpreconditioned
from softseg.sparsify.constrained_stage import SAMPLE

# Photos of more pixels are shrunk to this many, the size at which the default path was first measured
# (docs/performance.md).
WORKING_PIXELS = 640 * 480


@final
@dataclass(frozen=True)
class Settings:
    """How the stages are computed: what trades exactness for time. The method's own numbers are not here.

    Attributes
    ----------
    eigensolver : Eigensolver
        Finds the Laplacian's smallest eigenpairs.
    sample : int or None
        How many pixels the constrained stage's energy is summed over; None: all.
    preconditioner : LayerPreconditioner
        Of the relaxed stage's conjugate gradients.
    working_pixels : int or None
        Photos of more pixels are shrunk to about this many, and the layers carried up. None: never.

    Raises
    ------
    TypeError, ValueError
        In one line that names the setting, if one is of another kind or out of range.

    Examples
    --------
    >>> from softseg import Settings
    >>> Settings(working_pixels=None).sample
    8192
    """

    eigensolver: Eigensolver = field(default_factory=LOBPCG)
    sample: int | None = SAMPLE
    preconditioner: LayerPreconditioner = field(default_factory=PixelBlocks)
    working_pixels: int | None = WORKING_PIXELS

    def __post_init__(self) -> None:
        check_instance("eigensolver", self.eigensolver, Eigensolver)
        check_instance("preconditioner", self.preconditioner, LayerPreconditioner)
        if self.sample is not None:
            check_count("sample", self.sample)
        if self.working_pixels is not None:
            check_count("working_pixels", self.working_pixels, least=LEAST_PIXELS)


#: What `segment` uses unless told otherwise.
DEFAULT = Settings()

#: The exact path of the paper.
PUBLISHED = Settings(ShiftInvert(), sample=None, preconditioner=Unpreconditioned(), working_pixels=None)
