"""What LOBPCG needs besides the Laplacian: an approximate inverse, and vectors to start from."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float

from softseg.eigen.problem import Problem

if TYPE_CHECKING:
    from softseg.grid.laplacian import Laplacian


@final
@dataclass(frozen=True, eq=False)
class Start:
    """Vectors to start from.

    Attributes
    ----------
    vectors : ndarray, shape (n, found)
        They need not be good.
    inverse_quotients : ndarray, shape (found,), or None
        ``x' T x`` of each, where T is the shifted inverse itself, and the vectors have been made orthonormal
        and combined so that they are its Ritz vectors. With the Rayleigh quotients they say how good the
        vectors are.
    """

    vectors: Float[np.ndarray, "n found"]
    inverse_quotients: Float[np.ndarray, " found"] | None = None


class Prepared(abc.ABC):
    """A preconditioner set up for one Laplacian."""

    shift: float  # what T's own matrix has beyond the problem's, on the whole diagonal

    @property
    @abc.abstractmethod
    def problems(self) -> tuple[Problem, ...]:
        """Finest first; LOBPCG solves the last, prolongs, solves the one before, and so on."""

    @abc.abstractmethod
    def start(self, wanted: int, count: int, goal: float, rng: np.random.Generator) -> Start:
        """Return vectors to start from on the last problem, at most ``count``.

        Errors of the ``wanted`` smallest eigenvalues below ``goal`` are no use.
        """

    @abc.abstractmethod
    def precondition(self, depth: int, right: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        """Return ``T right``, T symmetric and near problem ``depth``'s shifted inverse.

        Positive definite, but perhaps on the few smallest eigenvectors.
        """


class Preconditioner(abc.ABC):
    """How LOBPCG is preconditioned and started.

    A new one is one class: parameters as fields of a frozen dataclass, and `prepare`.
    """

    @abc.abstractmethod
    def prepare(self, laplacian: Laplacian, rng: np.random.Generator) -> Prepared:
        """Set up for one Laplacian."""
