"""An affinity without its repulsion: what a solve needs whose energy must have a least value.

Where two pixels repel each other, the energy ``x' L x`` falls the farther apart their values are, and it may
fall without end. How far apart the pixels lie makes no difference: the superpixels of a small photo are one
to three pixels wide, so that neighboring pixels repel each other there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from softseg.affinity.base import Affinity, Scaled, list_terms
from softseg.affinity.color import ColorAffinity
from softseg.affinity.matting import MattingAffinity
from softseg.affinity.semantic import SemanticAffinity
from softseg.grid.direct import factorize_symmetric, has_only_positive_pivots

if TYPE_CHECKING:
    from softseg.scene import Scene

# A Laplacian whose most negative eigenvalue is nearer to zero than this, as a share of its largest diagonal
# entry, counts as positive semidefinite: a million times the rounding of double precision, and far below any
# repulsion that has an effect. Chosen by the project.
ROUNDING = 1e-10


def without_repulsion(affinity: Affinity, scene: Scene) -> sparse.csr_array:
    """Return an affinity's matrix, term by term without what could make the energy fall without end.

    A term whose Laplacian is positive semidefinite is kept whole, negative entries included: the matting
    affinity is one. Of any other term only the attraction is kept, and of the affinities between superpixels
    always.

    Parameters
    ----------
    affinity : Affinity
        A term, or a sum of terms.
    scene : Scene
        The image with its features and superpixels.

    Returns
    -------
    scipy.sparse.csr_array, shape (H*W, H*W)
        A symmetric matrix W, whose Laplacian ``D - W`` is positive semidefinite.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import Scene, SemanticAffinity
    >>> from softseg.affinity import without_repulsion
    >>> halves = np.repeat([[0, 0, 0, 1, 1, 1]], 3, axis=0)
    >>> features = np.repeat(halves[:, :, None].astype(float), 3, axis=2)
    >>> scene = Scene(np.zeros((3, 6, 3)), features=features, superpixels=halves)
    >>> whole, attraction = SemanticAffinity().matrix(scene), without_repulsion(SemanticAffinity(), scene)
    >>> float(whole.min()), float(attraction.min())
    (-1.0, 0.0)
    """
    first, *others = (_keep_bounded(term, scene) for term in list_terms(affinity))
    for other in others:
        first = first + other
    return sparse.csr_array(first)


def _keep_bounded(term: Affinity, scene: Scene) -> sparse.csr_array:
    """Return a term's matrix, whole if its energy cannot fall below zero, and its attraction if it can."""
    matrix = sparse.csr_array(term.matrix(scene))
    off_diagonal = matrix - sparse.diags_array(matrix.diagonal())  # the diagonal cancels in the Laplacian
    if off_diagonal.nnz == 0 or off_diagonal.min() >= 0:
        return matrix
    factor, plain = (term.factor, term.term) if isinstance(term, Scaled) else (1.0, term)
    if isinstance(plain, MattingAffinity) and factor > 0:  # a sum of squares: Levin et al. 2008, Eq. 11
        return matrix
    if not isinstance(plain, (ColorAffinity, SemanticAffinity)) and _is_semidefinite(off_diagonal):
        return matrix
    return sparse.csr_array(off_diagonal.maximum(0))


def _is_semidefinite(affinity: sparse.csr_array) -> bool:
    """Say whether the Laplacian of an affinity has no negative eigenvalue, but for rounding."""
    linked = np.flatnonzero(np.diff(affinity.indptr))
    laplacian = sparse.diags_array(affinity.sum(axis=1)) - affinity
    scale = float(np.abs(laplacian.diagonal()).max())
    shifted = laplacian[linked][:, linked] + ROUNDING * scale * sparse.eye_array(len(linked))
    try:
        return has_only_positive_pivots(factorize_symmetric(shifted))
    except RuntimeError:  # exactly singular although shifted: minus the shift is an eigenvalue
        return False
