"""What LOBPCG needs besides the Laplacian: an approximate inverse of it, and vectors to start from."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian


@final
@dataclass(frozen=True, eq=False)
class Start:
    """Vectors for LOBPCG to start from.

    Parameters
    ----------
    vectors : ndarray, shape (H*W, found)
        The nearer their span is to that of the wanted eigenvectors, the fewer iterations are left. They need
        not be independent, and there may be fewer than were asked for.
    inverse_quotients : ndarray, shape (found,), optional
        The inner product ``x' T x`` for each vector x. A preconditioner may give them if T is the exact
        inverse of ``L + shift Id``, and if the vectors are orthonormal up to rounding and are the Ritz
        vectors of T in their span. LOBPCG can then tell without a product with T whether the vectors have
        converged already. Default: they are not known.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg.eigen.preconditioner import Start
    >>> Start(np.eye(20, 3)).vectors.shape
    (20, 3)
    """

    vectors: Float[np.ndarray, "N found"]
    inverse_quotients: Float[np.ndarray, " found"] | None = None


class Prepared(abc.ABC):
    """A preconditioner that has been set up for one Laplacian L.

    Attributes
    ----------
    shift : float
        T approximates the inverse of ``L + shift Id``; above 0, in units of L's entries.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import MattingAffinity, Scene
    >>> from softseg.eigen import LocalInverse
    >>> rng = np.random.default_rng(0)
    >>> laplacian = MattingAffinity().laplacian(Scene(rng.random((20, 30, 3))))
    >>> prepared = LocalInverse().prepare(laplacian, rng)
    >>> prepared.start(wanted=5, count=8, goal=1e-6, rng=rng).vectors.shape[0]
    600
    >>> prepared.precondition(np.ones((600, 1))).shape
    (600, 1)
    """

    shift: float

    @abc.abstractmethod
    def start(self, wanted: int, count: int, goal: float, rng: np.random.Generator) -> Start:
        """Return vectors to start from.

        Parameters
        ----------
        wanted : int
            The number of smallest eigenpairs that LOBPCG has been asked for.
        count : int
            The largest number of vectors to return; LOBPCG iterates on this many.
        goal : float
            The error at which LOBPCG takes an eigenvalue for converged, in units of L's entries. Making the
            errors of the wanted eigenvalues smaller than this is wasted work.
        rng : numpy.random.Generator
            The source of any random vectors.

        Returns
        -------
        Start
            At most ``count`` vectors.
        """

    @abc.abstractmethod
    def precondition(self, right: Float[np.ndarray, "N c"]) -> Float[np.ndarray, "N c"]:
        """Return ``T right``, for a symmetric T that is near the inverse of ``L + shift Id``.

        T should be positive definite. Only for eigenvectors whose eigenvalues are below ``-shift``, where the
        exact inverse is negative, may it be negative as well. Single precision is enough.

        Parameters
        ----------
        right : ndarray, shape (H*W, c)
            Vectors, one a column.

        Returns
        -------
        ndarray, shape (H*W, c)
            Their images.
        """


class Preconditioner(abc.ABC):
    """How LOBPCG is preconditioned and started.

    A new preconditioner is one class, a frozen dataclass whose fields are its parameters, with the method
    `prepare`. `softseg.testing.PreconditionerCase` has the tests that it must pass, and the guides have a
    whole one (docs/guides/own-preconditioner.md).

    Examples
    --------
    A Laplacian annihilates constants. ``L + shift Id`` therefore multiplies them by the shift, and the
    inverse divides them by it.

    >>> import numpy as np
    >>> from softseg import MattingAffinity, Scene
    >>> from softseg.eigen import ShiftedInverse
    >>> rng = np.random.default_rng(0)
    >>> prepared = ShiftedInverse().prepare(MattingAffinity().laplacian(Scene(rng.random((20, 30, 3)))), rng)
    >>> bool(np.allclose(prepared.shift * prepared.precondition(np.ones((600, 1))), 1, atol=1e-2))
    True
    """

    @abc.abstractmethod
    def prepare(self, laplacian: Laplacian, rng: np.random.Generator) -> Prepared:
        """Set up for one Laplacian.

        Parameters
        ----------
        laplacian : Laplacian
            Symmetric, possibly indefinite.
        rng : numpy.random.Generator
            The source of random numbers.

        Returns
        -------
        Prepared
            It has the shift, starts the iteration, and multiplies by an approximate inverse of the shifted
            Laplacian.
        """
