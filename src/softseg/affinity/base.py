"""The algebra of affinities: terms that add up and scale, and turn into a Laplacian."""

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

    A new term is one class: its parameters as fields of a frozen dataclass, and `matrix`. Terms add with
    ``+`` and scale with ``*``; both give new terms that are immutable, compare by value, and print as an
    expression that can be pasted back.

    Examples
    --------
    >>> from softseg import ColorAffinity, MattingAffinity, SemanticAffinity
    >>> MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity(radius=0.3)  # doctest: +ELLIPSIS
    MattingAffinity(epsilon=1e-07) + 0.01 * SemanticAffinity(...) + 0.01 * ColorAffinity(radius=0.3, ...)
    """

    @classmethod
    def parse(cls, text: str) -> Affinity:
        """Return the affinity that an expression over registered names stands for.

        Reads what an affinity prints, and what one would type: calls of registered names with plain values,
        sums of them, and multiples.

        Parameters
        ----------
        text : str
            Such as ``"MattingAffinity() + 0.01 * ColorAffinity(radius=0.3)"``.

        Raises
        ------
        TypeError, ValueError
            In one line, if the text is no such expression; the message lists the names there are.

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
            Symmetric; pixels in row-major order (index = y * W + x). Entries may be negative (repulsion).
            The diagonal does not matter: it cancels in the Laplacian.
        """

    def laplacian(self, scene: Scene) -> Laplacian:
        """Return the Laplacian ``L = D - W`` of this affinity on a scene (paper, Section 3.1).

        Parameters
        ----------
        scene : Scene
            The image with its features and superpixels.

        Returns
        -------
        Laplacian
            With the scene's shape and colors, so that eigensolvers can precondition it.
        """
        return laplacian_of(self.matrix(scene), scene.image)

    def __add__(self, other: object) -> Affinity:
        if not isinstance(other, Affinity):
            return NotImplemented
        return Sum((*_terms(self), *_terms(other)))

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
    """An affinity times a finite number; made by ``factor * affinity``."""

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
    """A sum of affinities; made by ``a + b + c``, which is one flat sum of three terms."""

    terms: tuple[Affinity, ...]

    def matrix(self, scene: Scene) -> sparse.csr_array:
        """Return the sum of the terms' matrices."""
        first, *others = (term.matrix(scene) for term in self.terms)
        for other in others:
            first = first + other
        return sparse.csr_array(first)

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.terms))


def _terms(affinity: Affinity) -> tuple[Affinity, ...]:
    return affinity.terms if isinstance(affinity, Sum) else (affinity,)


def _scale(factor: float, affinity: Affinity) -> Affinity:
    # Factors move inwards to the terms, so that every expression is one flat sum of scaled terms.
    if isinstance(affinity, Sum):
        return Sum(tuple(_scale(factor, term) for term in affinity.terms))
    if isinstance(affinity, Scaled):
        return Scaled(factor * affinity.factor, affinity.term)
    return Scaled(factor, affinity)
