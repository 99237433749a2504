"""The algebra of affinities: terms can be added and scaled, and every sum has a Laplacian."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, final

from scipy import sparse

from softseg._expressions import parse
from softseg.affinity.registry import AFFINITIES
from softseg.grid.laplacian import Laplacian, laplacian_of

if TYPE_CHECKING:
    from softseg.scene import Scene


class Affinity(abc.ABC):
    """How alike pairs of pixels are: a symmetric sparse matrix over the pixels of a scene.

    Terms are added with ``+`` and scaled with ``*``. The results are affinities again. They are immutable,
    compare by value, and print as an expression that can be pasted back.

    A new term is one class: a frozen dataclass whose fields are its parameters, with the method `matrix`.
    `softseg.testing.AffinityCase` has the tests that it must pass, and the guides have a whole one
    (docs/guides/own-affinity.md).

    See Also
    --------
    softseg.MattingAffinity : Links neighbors whose colors lie on one line.
    softseg.SemanticAffinity : Links and separates superpixels by their features.
    softseg.ColorAffinity : Links superpixels of one color over a distance.
    softseg.affinity.register : Makes a new term known by its name.

    References
    ----------
    Aksoy et al. 2018, Sections 3.1 to 3.3. The default of `softseg.segment` is their sum.

    Examples
    --------
    The terms of the paper, with a larger radius for the color term:

    >>> from softseg import Affinity, ColorAffinity, MattingAffinity, Scene, SemanticAffinity
    >>> MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity(radius=0.3)  # doctest: +ELLIPSIS
    MattingAffinity(epsilon=1e-07) + 0.01 * SemanticAffinity(...) + 0.01 * ColorAffinity(radius=0.3, ...)

    A term of one's own, which links each pixel with the pixel to the right of it:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from scipy import sparse
    >>> @dataclass(frozen=True)
    ... class Neighbors(Affinity):
    ...     weight: float = 1.0
    ...
    ...     def matrix(self, scene):
    ...         height, width = scene.shape
    ...         links = np.full(height * width - 1, self.weight)
    ...         links[width - 1 :: width] = 0                       # none from one row to the next
    ...         return sparse.diags_array([links, links], offsets=[1, -1]).tocsr()
    >>> scene = Scene(np.zeros((3, 4, 3)))
    >>> (MattingAffinity() + Neighbors(weight=0.5)).laplacian(scene)
    <Laplacian: 4x3 pixels, 126 entries>
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

        Returns
        -------
        Affinity
            Equal to the affinity that printed the text.

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

        Examples
        --------
        >>> import numpy as np
        >>> from softseg import MattingAffinity, Scene
        >>> W = MattingAffinity().matrix(Scene(np.random.default_rng(0).random((4, 5, 3))))
        >>> W.shape, bool(abs(W - W.T).max() < 1e-12)
        ((20, 20), True)
        """

    def laplacian(self, scene: Scene) -> Laplacian:
        """Return the Laplacian ``L = D - W`` of this affinity on a scene.

        D is diagonal and holds the sums of the rows of W, with their signs. Its smallest eigenvectors change
        little between pixels that attract each other, and much between pixels that repel each other.

        Parameters
        ----------
        scene : Scene
            The image with its features and superpixels.

        Returns
        -------
        Laplacian
            The Laplacian with the scene's shape and colors, which eigensolvers need to precondition it.

        Raises
        ------
        ValueError
            If an affinity is not finite or exceeds 1e20.

        References
        ----------
        Aksoy et al. 2018, Section 3.1.

        Examples
        --------
        >>> import numpy as np
        >>> from softseg import MattingAffinity, Scene
        >>> laplacian = MattingAffinity().laplacian(Scene(np.random.default_rng(0).random((4, 5, 3))))
        >>> bool(abs(laplacian.matrix.sum(axis=1)).max() < 1e-9)      # constants are annihilated
        True
        """
        return laplacian_of(self.matrix(scene), scene.image)

    def __add__(self, other: object) -> Affinity:
        """Return the sum of two affinities.

        Parameters
        ----------
        other : Affinity
            The other term, or a sum of terms.

        Returns
        -------
        Affinity
            One flat `softseg.affinity.Sum` of all terms.

        Examples
        --------
        >>> from softseg import MattingAffinity
        >>> MattingAffinity() + MattingAffinity(epsilon=1e-5)
        MattingAffinity(epsilon=1e-07) + MattingAffinity(epsilon=1e-05)
        """
        if not isinstance(other, Affinity):
            return NotImplemented
        return Sum((*list_terms(self), *list_terms(other)))

    def __radd__(self, other: object) -> Affinity:
        # The built-in sum() starts from the integer 0.
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __mul__(self, factor: object) -> Affinity:
        """Return the affinity times a number, which may stand on either side.

        Parameters
        ----------
        factor : float
            A finite number. It may be negative, which exchanges attraction and repulsion.

        Returns
        -------
        Affinity
            A `softseg.affinity.Scaled` term. A sum is scaled term by term.

        Raises
        ------
        ValueError
            If the factor is not finite.

        Examples
        --------
        >>> from softseg import MattingAffinity
        >>> 2 * MattingAffinity()
        2.0 * MattingAffinity(epsilon=1e-07)
        """
        if isinstance(factor, bool) or not isinstance(factor, Real):
            return NotImplemented
        return _scale(float(factor), self)

    __rmul__ = __mul__


@final
@dataclass(frozen=True)
class Scaled(Affinity):
    """An affinity times a finite number, as ``factor * affinity`` returns it.

    Parameters
    ----------
    factor : float
        The finite number that every entry of the matrix is multiplied by.
    term : Affinity
        The affinity that is scaled.

    Raises
    ------
    ValueError
        If the factor is not finite.

    Examples
    --------
    >>> from softseg import SemanticAffinity
    >>> scaled = 0.01 * SemanticAffinity()
    >>> scaled.factor, scaled.term
    (0.01, SemanticAffinity(steepness=20.0, threshold=0.85))
    """

    factor: float
    term: Affinity

    def __post_init__(self) -> None:
        if not math.isfinite(self.factor):
            raise ValueError(f"factor: an affinity is scaled by a finite number, got {self.factor}")

    def matrix(self, scene: Scene) -> sparse.csr_array:
        """Return the term's matrix, every entry times the factor.

        Parameters
        ----------
        scene : Scene
            The image with its features and superpixels.

        Returns
        -------
        scipy.sparse.csr_array, shape (H*W, H*W)
            Symmetric; see `Affinity.matrix`.
        """
        return sparse.csr_array(self.factor * self.term.matrix(scene))

    def __repr__(self) -> str:
        return f"{self.factor!r} * {self.term!r}"


@final
@dataclass(frozen=True)
class Sum(Affinity):
    """A sum of affinities, as ``a + b + c`` returns it: one flat sum of three terms.

    Parameters
    ----------
    terms : tuple of Affinity
        What is added up, at least one term.

    Examples
    --------
    >>> from softseg import ColorAffinity, MattingAffinity, SemanticAffinity
    >>> len((MattingAffinity() + SemanticAffinity() + ColorAffinity()).terms)
    3
    """

    terms: tuple[Affinity, ...]

    def matrix(self, scene: Scene) -> sparse.csr_array:
        """Return the sum of the terms' matrices.

        Parameters
        ----------
        scene : Scene
            The image with its features and superpixels.

        Returns
        -------
        scipy.sparse.csr_array, shape (H*W, H*W)
            Symmetric; see `Affinity.matrix`.
        """
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
