"""A scene: an image with its semantic features and its superpixels, checked once and never changed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from softseg._checks import check_count
from softseg.features import get_extractor, preprocess
from softseg.images import as_features, as_image, as_labels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# The least number of pixels per superpixel, which limits the number of superpixels of small photos. A matting
# window has as many pixels. Chosen by the project.
PIXELS_PER_SUPERPIXEL = 9


@final
class Scene:
    """An image with features and superpixels, all of one size: the input of the affinities.

    Parameters
    ----------
    image : path, PIL image or array_like, shape (H, W, 3)
        The photo, uint8 or float in [0, 1], of at least 3x3 pixels.
    features : array_like, shape (H, W, C), optional
        Semantic features of each pixel. Three channels are taken as preprocessed and must lie in [0, 1]. Any
        other number of channels goes through `softseg.features.preprocess`. By default, the default
        extractor's preprocessed features are computed when they are first needed.
    superpixels : array_like of int, shape (H, W), optional
        Labels, which may be any integers. By default, SLIC with adaptive compactness (SLIC-zero) computes
        them when they are first needed.
    n_superpixels : int
        The number of superpixels that SLIC aims at, at least 1. A photo of fewer than nine pixels for each
        gets fewer.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above. The message has one line, which names the argument.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import Scene
    >>> scene = Scene(np.random.default_rng(0).random((20, 30, 3)), n_superpixels=12)
    >>> scene.shape, scene.superpixels.shape, scene.features.shape
    ((20, 30), (20, 30), (20, 30, 3))
    """

    image: Float[np.ndarray, "H W 3"]

    def __init__(
        self,
        image: Any,
        features: ArrayLike | None = None,
        superpixels: ArrayLike | None = None,
        n_superpixels: int = 2500,
    ) -> None:
        check_count("n_superpixels", n_superpixels)
        checked = as_image(image)
        height, width, _ = checked.shape
        self._set(
            checked,
            None if features is None else preprocess_given(as_features(features, (height, width)), checked),
            None if superpixels is None else as_labels(superpixels, (height, width)),
            n_superpixels,
        )

    @classmethod
    def of_checked(
        cls,
        image: Float[np.ndarray, "H W 3"],
        features: Float[np.ndarray, "H W C"],
        superpixels: Int[np.ndarray, "H W"] | None,
        n_superpixels: int,
    ) -> Scene:
        """Return a scene of arguments that were checked before. They are neither checked nor copied again.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            The photo, RGB in [0, 1].
        features : array of float, shape (H, W, C)
            Preprocessed features, in [0, 1].
        superpixels : array of int, shape (H, W), or None
            Superpixel labels from 0 up, none of them left out.
        n_superpixels : int
            The number of superpixels that SLIC aims at if ``superpixels`` is None.

        Returns
        -------
        Scene
            It shares the arrays' memory.

        Examples
        --------
        >>> import numpy as np
        >>> from softseg import Scene
        >>> photo = np.random.default_rng(0).random((20, 30, 3))
        >>> Scene.of_checked(photo, features=photo, superpixels=None, n_superpixels=12)
        <Scene: 30x20 pixels>
        """
        scene = cls.__new__(cls)
        scene._set(image, features, superpixels, n_superpixels)
        return scene

    def _set(
        self,
        image: np.ndarray,
        features: np.ndarray | None,
        superpixels: np.ndarray | None,
        n_superpixels: int,
    ) -> None:
        self.image = _freeze(image)
        self._given_features = features
        self._given_superpixels = superpixels
        self._n_superpixels = n_superpixels

    @property
    def shape(self) -> tuple[int, int]:
        """The height and the width, in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @cached_property
    def features(self) -> Float[np.ndarray, "H W 3"]:
        """The preprocessed semantic features, float in [0, 1], (H, W, 3)."""
        if self._given_features is not None:
            return _freeze(self._given_features)
        return _freeze(get_extractor("default").preprocessed(self.image))

    @cached_property
    def superpixels(self) -> Int[np.ndarray, "H W"]:
        """The superpixels' labels, integers from 0 to S - 1, (H, W)."""
        if self._given_superpixels is not None:
            return _freeze(self._given_superpixels)
        from skimage.segmentation import slic

        height, width = self.shape
        most = max(height * width // PIXELS_PER_SUPERPIXEL, 1)
        labels = slic(
            self.image, min(self._n_superpixels, most), slic_zero=True, start_label=0, channel_axis=-1
        )
        return _freeze(as_labels(labels, self.shape))

    @cached_property
    def representative_pixels(self) -> Int[np.ndarray, " S"]:
        """The pixel nearest to each superpixel's centroid, as a row-major index (y * W + x), integers, (S,).

        It may lie outside of the superpixel.
        """
        height, width = self.shape
        # The sums run in column-major order, as in the published code. How ties at .5 round depends on the
        # order.
        labels = self.superpixels.T.ravel()
        x, y = np.divmod(np.arange(height * width), height)
        area = np.bincount(labels)
        row = np.bincount(labels, (y + 1) / area[labels])
        column = np.bincount(labels, (x + 1) / area[labels])
        nearest = (np.floor(row + 0.5) - 1) * width + np.floor(column + 0.5) - 1
        return _freeze(nearest.astype(np.int64))

    @cached_property
    def touching_superpixels(self) -> Int[np.ndarray, "E 2"]:
        """The pairs (a, b), a < b, of superpixels that share an edge or a corner, integers, (E, 2)."""
        labels = self.superpixels
        neighbors = [
            (labels[:, :-1], labels[:, 1:]),
            (labels[:-1], labels[1:]),
            (labels[:-1, :-1], labels[1:, 1:]),
            (labels[:-1, 1:], labels[1:, :-1]),
        ]
        a = np.concatenate([first.ravel() for first, _ in neighbors])
        b = np.concatenate([second.ravel() for _, second in neighbors])
        different = a != b
        pairs = np.sort(np.stack([a[different], b[different]], axis=1), axis=1)
        return _freeze(np.unique(pairs, axis=0))

    def superpixel_means(self, values: Float[np.ndarray, "H W C"]) -> Float[np.ndarray, "S C"]:
        """Return the mean of per-pixel values over each superpixel.

        Parameters
        ----------
        values : ndarray, shape (H, W, C)
            Values in any unit, such as colors or features.

        Returns
        -------
        ndarray, shape (S, C)
            Float64, in the values' unit, in the order of the labels.

        Examples
        --------
        >>> import numpy as np
        >>> from softseg import Scene
        >>> scene = Scene(np.zeros((3, 6, 3)), superpixels=np.repeat([[0, 0, 0, 1, 1, 1]], 3, axis=0))
        >>> scene.superpixel_means(np.arange(18.0).reshape(3, 6, 1))
        array([[ 7.],
               [10.]])
        """
        labels = self.superpixels.ravel()
        sums = [np.bincount(labels, channel) for channel in values.reshape(labels.size, -1).T]
        return np.stack(sums, axis=1) / np.bincount(labels)[:, None]

    def superpixel_matrix(
        self, a: Int[np.ndarray, " E"], b: Int[np.ndarray, " E"], affinity: Float[np.ndarray, " E"]
    ) -> sparse.csr_array:
        """Return the symmetric pixel matrix whose entries link superpixels a and b at their representatives.

        Parameters
        ----------
        a, b : array of int, shape (E,)
            The superpixels of each pair. A pair occurs once, in either order.
        affinity : array of float, shape (E,)
            The affinity of each pair, in [-1, 1] in the paper; any finite number is taken. Those of pairs
            with the same representative pixels are added.

        Returns
        -------
        scipy.sparse.csr_array, shape (H*W, H*W)
            A symmetric matrix over the pixels in row-major order (index = y * W + x).

        References
        ----------
        Aksoy et al. 2018, Section 3.2: affinities between superpixels are entries at single pixels.

        Examples
        --------
        >>> import numpy as np
        >>> from softseg import Scene
        >>> scene = Scene(np.zeros((3, 6, 3)), superpixels=np.repeat([[0, 0, 0, 1, 1, 1]], 3, axis=0))
        >>> a, b = scene.touching_superpixels.T
        >>> W = scene.superpixel_matrix(a, b, np.full(len(a), 0.5))
        >>> p, q = scene.representative_pixels
        >>> int(p), int(q), float(W[p, q])
        (7, 10, 0.5)
        """
        p, q = self.representative_pixels[a].astype(np.int32), self.representative_pixels[b].astype(np.int32)
        n = self.shape[0] * self.shape[1]
        upper = sparse.coo_array((affinity, (p, q)), shape=(n, n)).tocsr()
        return sparse.csr_array(upper + upper.T)

    def __repr__(self) -> str:
        height, width = self.shape
        return f"<Scene: {width}x{height} pixels>"


def preprocess_given(
    features: Float[np.ndarray, "H W C"], image: Float[np.ndarray, "H W 3"]
) -> Float[np.ndarray, "H W 3"]:
    """Return features that the affinities can compare: three channels as they are, and others preprocessed.

    Raises
    ------
    ValueError
        If three channels do not lie in [0, 1].
    """
    if features.shape[2] != 3:
        return preprocess(features, image)
    if features.min() < 0 or features.max() > 1:
        raise ValueError(
            "features: three channels are taken as preprocessed and must lie in [0, 1], got "
            f"[{features.min():.3g}, {features.max():.3g}]; run softseg.features.preprocess on raw ones"
        )
    return features


def _freeze(array: np.ndarray) -> np.ndarray:
    """Return a view of an array that cannot be written to. The caller's own array stays writable."""
    view = array.view()
    view.flags.writeable = False
    return view
