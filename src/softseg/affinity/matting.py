"""The matting affinity: pixels of a small window belong together if their colors lie on one line or plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float64
from scipy import sparse

from softseg._checks import check_positive
from softseg.affinity._kernels import expand_to_csr, fit_window_models, sum_half_stencil
from softseg.affinity.base import Affinity
from softseg.grid._stencil_kernels import HALF_STENCIL

if TYPE_CHECKING:
    from softseg.scene import Scene


@final
@dataclass(frozen=True)
class MattingAffinity(Affinity):
    """The closed-form matting affinity over all 3x3 windows that lie inside the image.

    A window whose nine colors have the mean mu and the covariance S (divided by 9) links its pixels i and j::

        W[i, j] += (1 + (I_i - mu)' (S + epsilon / 9 Id)^-1 (I_j - mu)) / 9

    Parameters
    ----------
    epsilon : float
        The regularization of the covariance, above 0, in squared color units of [0, 1]. With larger values,
        color noise within an object separates its pixels less.

    Raises
    ------
    TypeError, ValueError
        If ``epsilon`` is not a finite number above 0.

    References
    ----------
    Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting", PAMI 2008, Eq. 12;
    Aksoy et al. 2018, Section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import MattingAffinity, Scene
    >>> W = MattingAffinity().matrix(Scene(np.zeros((4, 5, 3))))
    >>> W.shape, float(W[0, 1])                # one flat window: (1 + 0) / 9
    ((20, 20), 0.1111111111111111)
    """

    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        check_positive("epsilon", self.epsilon)

    def matrix(self, scene: Scene) -> sparse.csr_array:
        """Return the matting affinities.

        Parameters
        ----------
        scene : Scene
            The image. Features and superpixels are not used.

        Returns
        -------
        scipy.sparse.csr_array, shape (H*W, H*W)
            Symmetric, with up to 25 entries a row; see `Affinity.matrix`.
        """
        return _make_matrix(self.half_stencil(scene.image))

    def half_stencil(self, image: Float64[np.ndarray, "H W 3"]) -> Float64[np.ndarray, "H W 13"]:
        """Return each pixel's affinities to itself and to the twelve neighbors that follow it.

        The pixel and its neighbors (dy, dx) are (0, 0..2), (1, -2..2), (2, -2..2), in this order. Entries of
        neighbors outside the image are 0. The other half of the matrix follows from its symmetry.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1].

        Returns
        -------
        array of float64, shape (H, W, 13)
            The affinities; the first is that of the pixel to itself.

        Examples
        --------
        >>> import numpy as np
        >>> from softseg import MattingAffinity, Scene
        >>> photo = np.random.default_rng(0).random((4, 5, 3))
        >>> half, W = MattingAffinity().half_stencil(photo), MattingAffinity().matrix(Scene(photo))
        >>> bool(np.isclose(half[1, 1, 1], W[6, 7])), bool(np.isclose(half[1, 1, 5], W[6, 11]))
        (True, True)
        """
        # A scene's image cannot be written to, a tile's can be. Numba would compile the kernels for either.
        image = np.ascontiguousarray(image).view()
        image.flags.writeable = False
        height, width, _ = image.shape
        mean = np.empty((height - 2, width - 2, 3))
        inverse_cholesky = np.empty((height - 2, width - 2, 6))
        fit_window_models(image, self.epsilon, mean, inverse_cholesky)
        half = np.empty((height, width, HALF_STENCIL))
        sum_half_stencil(image, mean, inverse_cholesky, half)
        return half


def _make_matrix(half: np.ndarray) -> sparse.csr_array:
    """Return the matrix, (H*W, H*W), of a half stencil (H, W, 13)."""
    height, width, _ = half.shape
    per_row = np.multiply.outer(_count_within_two(height), _count_within_two(width)).ravel()
    indptr = np.concatenate([[0], np.cumsum(per_row)]).astype(np.int32)
    indices = np.empty(indptr[-1], np.int32)
    data = np.empty(indptr[-1])
    expand_to_csr(half, indptr, indices, data)
    return sparse.csr_array((data, indices, indptr), shape=(height * width, height * width))


def _count_within_two(length: int) -> np.ndarray:
    """Return for each of ``length`` positions on a line how many lie at most two away, itself included."""
    position = np.arange(length)
    return np.minimum(position, 2) + np.minimum(length - 1 - position, 2) + 1
