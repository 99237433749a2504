"""The algebra of affinities: terms can be added and scaled, and every sum has a Laplacian."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, final

from scipy import sparse

from softseg._registry import parse
from softseg.affinity.registry import AFFINITIES
from softseg.grid.laplacian import Laplacian, laplacian_of

if TYPE_CHECKING:
    from softseg.scene import Scene


class Affinity(abc.ABC):
    """How alike pairs of pixels are: a symmetric sparse matrix over the pixels of a scene.

    A new term is one class: a frozen dataclass whose fields are its parameters, with the method `matrix`.
    Terms are added with ``+`` and scaled with ``*``. The results are new terms that are immutable, compare by
    value, and print as an expression that can be pasted back.

    Examples
    --------
    >>> from softseg import ColorAffinity, MattingAffinity, SemanticAffinity
    >>> MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity(radius=0.3)  # doctest: +ELLIPSIS
    MattingAffinity(epsilon=1e-07) + 0.01 * SemanticAffinity(...) + 0.01 * ColorAffinity(radius=0.3, ...)
    """

    @classmethod
    def parse(cls, text: str) -> Affinity:
        """Return the affinity that an expression over registered names stands for.

        The expression may be what an affinity prints, or anything like it that is typed by hand: calls of
        registered names with plain values, sums of such calls, and multiples.

        Parameters
        ----------
        text : str
            An expression such as ``"MattingAffinity() + 0.01 * ColorAffinity(radius=0.3)"``.

        Raises
        ------
        TypeError, ValueError
            If the text is no such expression. The message has one line, which lists the registered names.

        Examples
        --------
        >>> from softseg import Affinity
        >>> Affinity.parse("MattingAffinity() + 0.5*MattingAffinity(epsilon=1e-5)")
        MattingAffinity(epsilon=1e-07) + 0.5 * MattingAffinity(epsilon=1e-05)
        """
        affinity = parse(text, [AFFINITIES])
        if not isinstance(affinity, Affinity):
            raise ValueError(f"affinity: expected a sum of affinities, got {text!r}")
        return affinity

    @abc.abstractmethod
    def matrix(self, scene: Scene) -> sparse.csr_array:
        """Return the affinities of all pairs of pixels.

        Parameters
        ----------
        scene : Scene
            The image with its features and superpixels.

        Returns
        -------
        scipy.sparse.csr_array, shape (H*W, H*W)
            A symmetric matrix over the pixels in row-major order (index = y * W + x). A negative entry means
            that its two pixels repel each other. The diagonal does not matter, because it cancels in the
            Laplacian.
        """

    def laplacian(self, scene: Scene) -> Laplacian:
        """Return the Laplacian ``L = D - W`` of this affinity on a scene (Aksoy et al. 2018, Section 3.1).

        Parameters
        ----------
        scene : Scene
            The image with its features and superpixels.

        Returns
        -------
        Laplacian
            The Laplacian with the scene's shape and colors, which eigensolvers need to precondition it.
        """
        return laplacian_of(self.matrix(scene), scene.image)

    def __add__(self, other: object) -> Affinity:
        if not isinstance(other, Affinity):
            return NotImplemented
        return Sum((*list_terms(self), *list_terms(other)))

    def __radd__(self, other: object) -> Affinity:
        # The built-in sum() starts from the integer 0.
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __mul__(self, factor: object) -> Affinity:
        if isinstance(factor, bool) or not isinstance(factor, Real):
            return NotImplemented
        return _scale(float(factor), self)

    __rmul__ = __mul__


@final
@dataclass(frozen=True)
class Scaled(Affinity):
    """An affinity times a finite number, as ``factor * affinity`` returns it."""

    factor: float
    term: Affinity

    def __post_init__(self) -> None:
        if not math.isfinite(self.factor):
            raise ValueError(f"factor: an affinity is scaled by a finite number, got {self.factor}")

    def matrix(self, scene: Scene) -> sparse.csr_array:
        """Return the term's matrix, every entry times the factor."""
        return sparse.csr_array(self.factor * self.term.matrix(scene))

    def __repr__(self) -> str:
        return f"{self.factor!r} * {self.term!r}"


@final
@dataclass(frozen=True)
class Sum(Affinity):
    """A sum of affinities, as ``a + b + c`` returns it: one flat sum of three terms."""

    terms: tuple[Affinity, ...]

    def matrix(self, scene: Scene) -> sparse.csr_array:
        """Return the sum of the terms' matrices."""
        first, *others = (term.matrix(scene) for term in self.terms)
        for other in others:
            first = first + other
        return sparse.csr_array(first)

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.terms))


def list_terms(affinity: Affinity) -> tuple[Affinity, ...]:
    """Return the terms of a sum, each with its factor; any other affinity is its own only term.

    Parameters
    ----------
    affinity : Affinity
        As `+` and `*` return it.

    Examples
    --------
    >>> from softseg import ColorAffinity, MattingAffinity
    >>> from softseg.affinity.base import list_terms
    >>> len(list_terms(MattingAffinity() + 0.01 * ColorAffinity()))
    2
    """
    return affinity.terms if isinstance(affinity, Sum) else (affinity,)


def _scale(factor: float, affinity: Affinity) -> Affinity:
    # The factor is moved to the terms of a sum, so that every expression is one flat sum of scaled terms.
    if isinstance(affinity, Sum):
        return Sum(tuple(_scale(factor, term) for term in affinity.terms))
    if isinstance(affinity, Scaled):
        return Scaled(factor * affinity.factor, affinity.term)
    return Scaled(factor, affinity)
