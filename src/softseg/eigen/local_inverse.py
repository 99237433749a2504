"""The preconditioner for Laplacians with far links everywhere: the exact inverse of their local part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from scipy import sparse

from softseg.eigen.factorized import FactorizedInverse, choose_unit, factorize_shifted
from softseg.eigen.preconditioner import Preconditioner, Prepared, Start
from softseg.grid.links import FAR_SHARE

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

# The shift, as a multiple of the mean diagonal entry over the number of pixels. Most of the wanted
# eigenvalues are larger. With a shift above them, the inverse would multiply all wanted eigenvectors by
# nearly the same number and so could not tell them apart. With a shift of 1 the iteration diverges in single
# precision unless it computes its Gram matrices anew every time, as it does now. Measured:
# docs/notes/performance.md, "Eigenvectors".
LOCAL_SHIFT = 5.0
# The factor by which the shift grows if repelling links leave the shifted local part indefinite. Chosen by
# the project's own tests.
LOCAL_SHIFT_GROWTH = 10.0
# The most of the far links' diagonal that is inverted with the near links, as a multiple of the mean diagonal
# entry of the local part. It is less than one for the published affinities. Far links that outweigh the near
# ones would make the inverse, and with it the estimate of errors, far too small for vectors that are smooth
# across them: LOBPCG would stop too early. Chosen by the project's own tests.
MOST_ATTRACTION = 10.0
# The number of times that a block of noise is multiplied by the inverse, which leaves smooth vectors to start
# from. Chosen by the project's own tests.
INVERSE_ITERATIONS = 2


@final
@dataclass(frozen=True)
class LocalInverse(Preconditioner):
    """Invert the part of the Laplacian that links near pixels, factorized by nested dissection.

    That part holds the matting term, whose weights span so many orders of magnitude that a multigrid cycle
    leaves 0.93 to 0.97 of an error (docs/notes/performance.md). The exact inverse leaves only the
    far links to the iteration. Most of their effect is on the diagonal of the Laplacian, and a share of that
    is inverted as well.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import MattingAffinity, Scene
    >>> from softseg.eigen import LOBPCG, LocalInverse
    >>> scene = Scene(np.random.default_rng(0).random((40, 50, 3)))
    >>> LOBPCG(preconditioner=LocalInverse()).solve(MattingAffinity().laplacian(scene), k=10)
    <Eigenpairs: 10 of 2000 pixels, converged>
    """

    def prepare(self, laplacian: Laplacian, rng: np.random.Generator) -> Prepared:
        """Factorize the local part, shifted to be positive definite.

        Parameters
        ----------
        laplacian : Laplacian
            Symmetric, possibly indefinite.
        rng : numpy.random.Generator
            The source of random numbers.

        Returns
        -------
        Prepared
            See `Preconditioner.prepare`.
        """
        most = MOST_ATTRACTION * choose_unit(laplacian) * laplacian.matrix.shape[0]
        matrix = laplacian.local + sparse.diags_array(np.minimum(FAR_SHARE * laplacian.attraction, most))
        return _StartFromNoise(
            *factorize_shifted(sparse.csr_array(matrix), laplacian, LOCAL_SHIFT, LOCAL_SHIFT_GROWTH)
        )


@final
@dataclass(frozen=True, eq=False)
class _StartFromNoise(FactorizedInverse):
    """Start from noise that inverse iteration has made smooth."""

    def start(self, wanted: int, count: int, goal: float, rng: np.random.Generator) -> Start:
        block = rng.standard_normal((self.factors.size, count), dtype=np.float32)
        for _ in range(INVERSE_ITERATIONS):
            block = self.factors.solve(block)
            block /= max(block.max(), -block.min())  # keeps entries far from overflow
        return Start(block)
