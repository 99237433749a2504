"""Eigenpairs and the interface of the solvers that find them."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float
from scipy import linalg

from softseg._checks import check_count
from softseg._expressions import parse
from softseg._rng import RNG, generator
from softseg._threads import single_threaded_blas, workers
from softseg._warnings import warn
from softseg.eigen.blocks import TallBlocks, times_block
from softseg.eigen.registry import EIGENSOLVERS, PRECONDITIONERS

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian

# The largest number of pixels for which LAPACK finds the pairs, in about a second, instead of an iterative
# solver. Chosen by the project's own tests.
MOST_DENSE_PIXELS = 1000
# LAPACK also finds them if one in so many of all pairs is wanted, or more: an iterative solver would work on
# bases of nearly as many vectors as there are pixels. Chosen by the project's own tests.
LEAST_RATIO = 4
# A Laplacian whose largest entry is beyond two to this power, or below its inverse, is solved as a multiple
# of which it is near one. Single precision ends at 2^128, and ARPACK takes eigenvalues of the inverse below
# some 2^-35 for zeros. Chosen by the project, well within both.
LARGEST_EXPONENT = 20


@final
@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """The algebraically smallest eigenpairs of a Laplacian.

    Every parameter is an attribute of the same name.

    Parameters
    ----------
    values : ndarray, shape (k,)
        Eigenvalues, ascending; in units of the affinities. The first few may be negative: they carry the
        semantic cuts.
    vectors : ndarray, shape (H*W, k)
        Orthonormal eigenvectors, float64; pixels in row-major order.
    residuals : ndarray, shape (k,)
        Euclidean norms ``|L v - value v|``, in units of the affinities.
    converged : bool
        Whether every pair met the solver's tolerance.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import MattingAffinity, Scene
    >>> from softseg.eigen import ShiftInvert
    >>> scene = Scene(np.random.default_rng(0).random((4, 5, 3)))
    >>> pairs = ShiftInvert().solve(MattingAffinity().laplacian(scene), k=6)
    >>> pairs
    <Eigenpairs: 6 of 20 pixels, converged>
    >>> bool(np.allclose(pairs.vectors.T @ pairs.vectors, np.eye(6)))
    True
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

    A new solver is one class, a frozen dataclass whose fields are its parameters, with the method
    ``_solve(laplacian, k, rng)``. The public method `solve` checks its arguments and calls it, unless the
    image has so few pixels that LAPACK finds all eigenpairs at once. The new method is given a
    `softseg.Laplacian`, the number of pairs and a `numpy.random.Generator`. It returns `softseg.Eigenpairs`
    with ascending values. A solver that gives up returns the pairs that it has, none or fewer than ``k`` if
    need be, with ``converged=False``; `solve` then warns.

    See Also
    --------
    softseg.eigen.LOBPCG : The default.
    softseg.eigen.ShiftInvert : The exact path.
    softseg.eigen.register : Makes a new solver known by its name.
    softseg.testing.EigensolverCase : The tests that a new solver must pass.

    References
    ----------
    Aksoy et al. 2018, Section 3.4, uses the 100 smallest.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import Eigenpairs, Eigensolver, MattingAffinity, Scene
    >>> from softseg.eigen import LOBPCG
    >>> scene = Scene(np.random.default_rng(0).random((40, 50, 3)))
    >>> laplacian = MattingAffinity().laplacian(scene)
    >>> LOBPCG().solve(laplacian, k=10)
    <Eigenpairs: 10 of 2000 pixels, converged>

    A solver of one's own, which leaves the work to SciPy:

    >>> from dataclasses import dataclass
    >>> from scipy.sparse.linalg import eigsh
    >>> @dataclass(frozen=True)
    ... class Arpack(Eigensolver):
    ...     shift: float = 1e-4
    ...
    ...     def _solve(self, laplacian, k, rng):
    ...         start = rng.standard_normal(len(laplacian.matrix.indptr) - 1)
    ...         values, vectors = eigsh(laplacian.matrix.tocsc(), k, sigma=-self.shift, v0=start)
    ...         residuals = np.linalg.norm(laplacian.matrix @ vectors - vectors * values, axis=0)
    ...         return Eigenpairs(values, vectors, residuals, converged=True)
    >>> Arpack().solve(laplacian, k=10)
    <Eigenpairs: 10 of 2000 pixels, converged>
    """

    @classmethod
    def parse(cls, text: str) -> Eigensolver:
        """Return the eigensolver that an expression over registered names stands for.

        Parameters
        ----------
        text : str
            What a solver prints, such as ``"LOBPCG(tol=1e-4, preconditioner=Multigrid())"``, or a registered
            name alone, such as ``"ShiftInvert"``: the solver with its defaults.

        Returns
        -------
        Eigensolver
            Equal to the solver that printed the text.

        Raises
        ------
        TypeError, ValueError
            In one line, if the text is no such expression; the message lists the names that fit there.

        Examples
        --------
        >>> from softseg import Eigensolver
        >>> Eigensolver.parse("ShiftInvert()")
        ShiftInvert()
        """
        call = f"{text.strip()}()" if text.strip() in EIGENSOLVERS else text
        solver = parse(call, [EIGENSOLVERS], parts=[PRECONDITIONERS])
        if not isinstance(solver, Eigensolver):
            raise ValueError(f"eigensolver: expected an eigensolver, got {text!r}")
        return solver

    @single_threaded_blas()
    def solve(self, laplacian: Laplacian, k: int = 100, rng: RNG = None) -> Eigenpairs:
        """Return the ``k`` algebraically smallest eigenpairs.

        The authors ask for those that are smallest in magnitude. That is the same set wherever the project
        looked, but it is not what the method means: the most negative eigenvalues are the semantic cuts.

        Parameters
        ----------
        laplacian : Laplacian
            Symmetric, possibly indefinite.
        k : int
            The number of eigenpairs, at most the number of pixels.
        rng : None, int or numpy.random.Generator
            The source of starting vectors. None means a fixed seed, so that results repeat.

        Returns
        -------
        Eigenpairs
            Their attribute ``converged`` says whether the tolerance was met; if it was not, there is a
            warning as well.

        Raises
        ------
        TypeError, ValueError
            If ``k`` is not an integer between 1 and the number of pixels.

        Warns
        -----
        UserWarning
            If the solver did not converge.
        """
        check_count("k", k)
        n = laplacian.matrix.shape[0]
        if k > n:
            raise ValueError(f"k: expected at most {n} eigenpairs, one per pixel, got {k}")
        if not laplacian.matrix.data.any():
            return _solve_zero(n, k)
        exponent = _choose_exponent(laplacian)
        scaled = _multiply(laplacian, -exponent)
        if n <= MOST_DENSE_PIXELS or LEAST_RATIO * k >= n:
            return _undo(_solve_densely(scaled, k), exponent)
        pairs = _undo(self._solve(scaled, k, generator(rng)), exponent)
        if not pairs.converged:
            warn(self._advise(pairs, k))
        return pairs

    @abc.abstractmethod
    def _solve(self, laplacian: Laplacian, k: int, rng: np.random.Generator) -> Eigenpairs:
        """Return the ``k`` smallest pairs of a Laplacian that is too large for LAPACK.

        A solver that gives up returns the pairs that it has found, none or fewer than ``k`` if need be, with
        ``converged=False``.
        """

    def _advise(self, pairs: Eigenpairs, k: int) -> str:
        if len(pairs.values) < k:
            state = f"it found {len(pairs.values)} of {k} eigenpairs"
        else:
            worst = int(np.argmax(pairs.residuals))
            state = f"eigenpair {worst + 1} of {k} has a residual of {pairs.residuals[worst]:.2g}"
        return f"{type(self).__name__} did not converge: {state}; {self._remedy}"

    # What a warning advises. A solver whose parameters help says which.
    _remedy = "see its parameters, or use ShiftInvert()"


def measure_pairs(
    laplacian: Laplacian, values: np.ndarray, vectors: np.ndarray, converged: bool
) -> Eigenpairs:
    """Sort pairs, fix each vector's sign, and measure their residuals."""
    with workers() as pool:
        residuals = TallBlocks(pool).subtract_scaled(times_block(laplacian.matrix, vectors), vectors, values)
    # A sign is arbitrary; fixing it lets the results of two solvers be compared by eye.
    return sort_pairs(values, vectors * find_signs(vectors), residuals, converged)


def sort_pairs(values: np.ndarray, vectors: np.ndarray, residuals: np.ndarray, converged: bool) -> Eigenpairs:
    """Return pairs in the order of their eigenvalues."""
    order = np.argsort(values, kind="stable")
    if not np.array_equal(order, np.arange(len(values))):
        values, vectors, residuals = values[order], vectors[:, order], residuals[order]
    return Eigenpairs(values, vectors, residuals, converged)


def find_signs(vectors: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " k"]:
    """Return, for each vector, the factor 1 or -1 that makes the sum of its entries positive."""
    return np.where(vectors.sum(axis=0, dtype=np.float64) < 0, -1.0, 1.0)


def _choose_exponent(laplacian: Laplacian) -> int:
    """Return the power of two that the largest entry is near, or 0 if it is no extreme one."""
    _, exponent = np.frexp(np.abs(laplacian.matrix.data).max())
    return int(exponent) if abs(exponent) > LARGEST_EXPONENT else 0


def _multiply(laplacian: Laplacian, exponent: int) -> Laplacian:
    """Return a Laplacian times two to a power, which changes no digit."""
    if exponent == 0:
        return laplacian
    matrix = laplacian.matrix.copy()
    matrix.data = np.ldexp(matrix.data, exponent)
    return type(laplacian)(matrix, laplacian.shape, laplacian.near_null)


def _undo(pairs: Eigenpairs, exponent: int) -> Eigenpairs:
    """Return the pairs of a Laplacian, given those of its multiple."""
    if exponent == 0:
        return pairs
    values, residuals = np.ldexp(pairs.values, exponent), np.ldexp(pairs.residuals, exponent)
    return Eigenpairs(values, pairs.vectors, residuals, pairs.converged)


def _solve_zero(n: int, k: int) -> Eigenpairs:
    """Return pairs of a Laplacian without links: every vector is an eigenvector."""
    return Eigenpairs(np.zeros(k), np.eye(n, k), np.zeros(k), converged=True)


def _solve_densely(laplacian: Laplacian, k: int) -> Eigenpairs:
    values, vectors = linalg.eigh(laplacian.matrix.toarray(), subset_by_index=[0, k - 1])
    return measure_pairs(laplacian, values, vectors, converged=True)  # LAPACK raises if it does not converge
