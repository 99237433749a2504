"""The default preconditioner: the shifted Laplacian's exact inverse, and a Krylov space to start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from softseg._threads import workers
from softseg.eigen.blocks import TallBlocks
from softseg.eigen.factorized import FactorizedInverse, factorize_shifted
from softseg.eigen.krylov import find_smallest_pairs
from softseg.eigen.local_inverse import LocalInverse
from softseg.eigen.preconditioner import Preconditioner, Prepared, Start
from softseg.eigen.problem import Problem

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

# The shift, as a multiple of the mean diagonal entry over the number of pixels: a sixth to a half of the
# hundredth eigenvalue. A smaller shift needs a slightly smaller Krylov space. But the nearer it is to zero,
# the more likely an eigenvalue is close to minus the shift, and that costs single precision its digits.
# Measured: docs/notes/performance.md, "Eigenvectors".
SHIFT = 20.0
# The largest number of pixels with far links. All of them are left for one dense matrix, which takes about a
# second to factorize at this size. Chosen by the project's own tests.
MOST_KEPT = 5000
# The largest number of eigenvalues below minus the shift. The Krylov space finds such eigenvalues as well,
# but if they are many, they are the wanted ones, and a larger shift tells them apart better. Chosen by the
# project's own tests.
MOST_BELOW = 15
# The factor by which the shift grows in that case, and if repelling links leave the pixels without far links
# indefinite. Chosen by the project's own tests.
SHIFT_GROWTH = 4.0


@final
@dataclass(frozen=True)
class ShiftedInverse(Preconditioner):
    """Invert the whole Laplacian, far links included, shifted a little.

    Only a few pixels have far links, one for each superpixel. They are eliminated last. All others are linked
    to near pixels only, and are eliminated by nested dissection. Repulsion may give the Laplacian a few
    eigenvalues below minus the shift, and for these the inverse is negative. Laplacians in which more than
    some thousand pixels have far links are left to `LocalInverse`.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import MattingAffinity, Scene
    >>> from softseg.eigen import LOBPCG, ShiftedInverse
    >>> scene = Scene(np.random.default_rng(0).random((40, 50, 3)))
    >>> LOBPCG(preconditioner=ShiftedInverse()).solve(MattingAffinity().laplacian(scene), k=10)
    <Eigenpairs: 10 of 2000 pixels, converged>
    """

    def prepare(self, laplacian: Laplacian, rng: np.random.Generator) -> Prepared:
        """Factorize the shifted Laplacian.

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
        kept = laplacian.far_linked
        if np.count_nonzero(kept) > MOST_KEPT:
            return LocalInverse().prepare(laplacian, rng)
        factors, shift = factorize_shifted(laplacian.matrix, laplacian, SHIFT, SHIFT_GROWTH, kept, MOST_BELOW)
        return _StartFromKrylovSpace(factors, shift, Problem(laplacian.matrix))


@final
@dataclass(frozen=True, eq=False)
class _StartFromKrylovSpace(FactorizedInverse):
    """Start from the Ritz vectors of a Krylov space of the inverse, which have mostly converged."""

    problem: Problem

    def start(self, wanted: int, count: int, goal: float, rng: np.random.Generator) -> Start:
        with workers() as pool:
            return Start(
                *find_smallest_pairs(
                    self.factors.solve,
                    self.problem.times,
                    self.problem.size,
                    self.shift,
                    self.factors.negative,
                    wanted,
                    count,
                    goal,
                    rng,
                    TallBlocks(pool),
                )
            )
