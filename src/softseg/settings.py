"""How the stages of `softseg.segment` are computed: what trades exactness for time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from softseg._checks import check_count, check_instance
from softseg.eigen import LOBPCG, Eigensolver, ShiftInvert
from softseg.images import LEAST_PIXELS
from softseg.sparsify import LayerPreconditioner, PixelBlocks, Unpreconditioned
from softseg.sparsify.constrained_stage import SAMPLE

# Photos of more pixels are shrunk to this many. Layers of composites with known alphas are as good as with
# four times as many pixels: docs/notes/working-size.md.
WORKING_PIXELS = 320 * 240

# Defaults, which all settings may share because they never change.
_LOBPCG = LOBPCG()
_PIXEL_BLOCKS = PixelBlocks()


@final
@dataclass(frozen=True, init=False)
class Settings:
    """How the stages are computed: what trades exactness for time. The method's own numbers are not here.

    `softseg.PUBLISHED` has the settings of the paper. They are slower by far, and agree with the authors'
    code stage by stage (docs/measurements/agreement.md). Every parameter is an attribute of the same name.

    Parameters
    ----------
    eigensolver : Eigensolver or str
        Finds the Laplacian's smallest eigenpairs (Aksoy et al. 2018, Section 3.4). Default:
        `softseg.eigen.LOBPCG`, which stops at a stated error; published: `softseg.eigen.ShiftInvert`. A text
        is read by `Eigensolver.parse`.
    sample : int or None
        How many pixels the energy of the constrained stage is summed over (Section 3.4, Eq. 7), at least 1.
        Default: 8192. None: all, as published. See `softseg.sparsify.constrained`.
    preconditioner : LayerPreconditioner
        Preconditions the conjugate gradients of the relaxed stage (Section 3.5, Eq. 10). Default:
        `softseg.sparsify.PixelBlocks`; published: `softseg.sparsify.Unpreconditioned`. Both lead to the same
        layers, up to the tolerance of the iteration.
    working_pixels : int or None
        Photos of more pixels are shrunk to about this many, at least 9, and the layers carried up
        (`softseg.upsampling.carried_up`). Default: 320 * 240. None: never, as published.

    Raises
    ------
    TypeError, ValueError
        In one line that names the setting, if one is of another kind or out of range.

    See Also
    --------
    softseg.segment : Takes settings, and has the method's own numbers as parameters.

    Examples
    --------
    >>> from softseg import Settings
    >>> Settings(working_pixels=None).sample
    8192
    >>> Settings(eigensolver="ShiftInvert()").eigensolver
    ShiftInvert()
    """

    eigensolver: Eigensolver
    sample: int | None
    preconditioner: LayerPreconditioner
    working_pixels: int | None

    def __init__(
        self,
        eigensolver: Eigensolver | str = _LOBPCG,
        sample: int | None = SAMPLE,
        preconditioner: LayerPreconditioner = _PIXEL_BLOCKS,
        working_pixels: int | None = WORKING_PIXELS,
    ) -> None:
        # Written out, because an eigensolver may be given as a text. Whoever takes one hands it on to here.
        if isinstance(eigensolver, str):
            eigensolver = Eigensolver.parse(eigensolver)
        self._set("eigensolver", check_instance("eigensolver", eigensolver, Eigensolver))
        self._set("preconditioner", check_instance("preconditioner", preconditioner, LayerPreconditioner))
        if sample is not None:
            check_count("sample", sample)
        self._set("sample", sample)
        if working_pixels is not None:
            check_count("working_pixels", working_pixels, least=LEAST_PIXELS)
        self._set("working_pixels", working_pixels)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


#: What `segment` uses unless told otherwise.
DEFAULT = Settings()

#: The exact path of the paper, for ``softseg.segment(photo, settings=softseg.PUBLISHED)``.
#: `softseg.eigen.ShiftInvert` finds the eigenvectors, the constrained stage's energy is summed over all
#: pixels, the relaxed stage has no preconditioner (`softseg.sparsify.Unpreconditioned`), and photos are not
#: shrunk. It is slow, and needs much memory, above about a quarter of a megapixel.
PUBLISHED = Settings(ShiftInvert(), sample=None, preconditioner=Unpreconditioned(), working_pixels=None)
