"""Eigenpairs and the interface of the solvers that find them."""

from __future__ import annotations

import abc
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float
from scipy import linalg

from softseg._checks import check_count
from softseg._registry import parse
from softseg._rng import RNG, generator
from softseg._threads import single_threaded_blas, workers
from softseg.eigen.blocks import TallBlocks, times_block
from softseg.eigen.registry import EIGENSOLVERS, PRECONDITIONERS

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

# A dense solve of this many unknowns takes about a second and needs no iteration.
DENSE_SIZE = 1000


@final
@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """The algebraically smallest eigenpairs of a Laplacian.

    Attributes
    ----------
    values : ndarray, shape (k,)
        Eigenvalues, ascending. The first few may be negative: they carry the semantic cuts.
    vectors : ndarray, shape (H*W, k)
        Orthonormal eigenvectors, float64; pixels in row-major order.
    residuals : ndarray, shape (k,)
        Euclidean norms ``|L v - value v|``.
    converged : bool
        Whether every residual met the solver's tolerance.
    """

    values: Float[np.ndarray, " k"]
    vectors: Float[np.ndarray, "N k"]
    residuals: Float[np.ndarray, " k"]
    converged: bool

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        return f"<Eigenpairs: {len(self.values)} of {len(self.vectors)} pixels, {state}>"


class Eigensolver(abc.ABC):
    """How the smallest eigenpairs of a Laplacian are found.

    A new solver is one class: its parameters as fields of a frozen dataclass, and `_solve`. Images of
    few pixels never reach it: `solve` takes the dense solver there.
    """

    @classmethod
    def parse(cls, text: str) -> Eigensolver:
        """Return the eigensolver that an expression over registered names stands for.

        Parameters
        ----------
        text : str
            What a solver prints, such as ``"LOBPCG(tol=1e-4, preconditioner=Multigrid())"``.

        Raises
        ------
        TypeError, ValueError
            In one line, if the text is no such expression; the message lists the names there are.

        Examples
        --------
        >>> from softseg import Eigensolver
        >>> Eigensolver.parse("ShiftInvert()")
        ShiftInvert()
        """
        solver = parse(text, [EIGENSOLVERS, PRECONDITIONERS])
        if not isinstance(solver, Eigensolver):
            raise ValueError(f"eigensolver: expected an eigensolver, got {text!r}")
        return solver

    @single_threaded_blas()
    def solve(self, laplacian: Laplacian, k: int = 100, rng: RNG = None) -> Eigenpairs:
        """Return the ``k`` algebraically smallest eigenpairs.

        The authors ask for the smallest in magnitude, which is the same set wherever we looked and
        is not what the method means: the most negative eigenvalues are the semantic cuts.

        Parameters
        ----------
        laplacian : Laplacian
            Symmetric, possibly indefinite.
        k : int
            How many; at most the number of pixels.
        rng : None, int or numpy.random.Generator
            For starting vectors. None means a fixed seed: results repeat.

        Returns
        -------
        Eigenpairs
            With ``converged``; not converging also warns.

        Raises
        ------
        TypeError, ValueError
            If ``k`` is not an integer between 1 and the number of pixels.
        """
        check_count("k", k)
        n = laplacian.matrix.shape[0]
        if k > n:
            raise ValueError(f"k: expected at most {n} eigenpairs, one per pixel, got {k}")
        if n <= DENSE_SIZE or 4 * k >= n:
            return _dense(laplacian, k)
        pairs = self._solve(laplacian, k, generator(rng))
        if not pairs.converged:
            warnings.warn(self._advice(pairs), stacklevel=2)
        return pairs

    @abc.abstractmethod
    def _solve(self, laplacian: Laplacian, k: int, rng: np.random.Generator) -> Eigenpairs:
        """Find the pairs of a Laplacian that is too large for the dense solver."""

    def _advice(self, pairs: Eigenpairs) -> str:
        worst = int(np.argmax(pairs.residuals))
        return (
            f"{type(self).__name__} did not converge: eigenpair {worst + 1} of {len(pairs.values)} has a "
            f"residual of {pairs.residuals[worst]:.2g}; raise max_iterations or tol, or use ShiftInvert()"
        )


def eigenpairs(laplacian: Laplacian, values: np.ndarray, vectors: np.ndarray, converged: bool) -> Eigenpairs:
    """Sort pairs, fix each vector's sign, and measure their residuals."""
    with workers() as pool:
        residuals = TallBlocks(pool).subtract_scaled(times_block(laplacian.matrix, vectors), vectors, values)
    # A sign is arbitrary; fixing it lets results of two solvers be compared by eye.
    return in_order(values, vectors * signs(vectors), residuals, converged)


def in_order(values: np.ndarray, vectors: np.ndarray, residuals: np.ndarray, converged: bool) -> Eigenpairs:
    """Sort pairs by their eigenvalues."""
    order = np.argsort(values, kind="stable")
    if not np.array_equal(order, np.arange(len(values))):
        values, vectors, residuals = values[order], vectors[:, order], residuals[order]
    return Eigenpairs(values, vectors, residuals, converged)


def signs(vectors: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " k"]:
    """Return 1 or -1 for each vector: what makes its sum positive."""
    return np.where(vectors.sum(axis=0, dtype=np.float64) < 0, -1.0, 1.0)


def _dense(laplacian: Laplacian, k: int) -> Eigenpairs:
    values, vectors = linalg.eigh(laplacian.matrix.toarray(), subset_by_index=[0, k - 1])
    return eigenpairs(laplacian, values, vectors, converged=True)  # LAPACK raises if it does not
