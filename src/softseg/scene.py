"""A scene: the image, its semantic features and its superpixels, checked once and never changed."""

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

# Small photos get fewer superpixels, of about this many pixels: as many as a matting window has.
PIXELS_PER_SUPERPIXEL = 9


@final
class Scene:
    """What the affinities see: an image with features and superpixels, all of one size.

    Parameters
    ----------
    image : path, PIL image or array_like, shape (H, W, 3)
        The photo; uint8, or float in [0, 1]. At least 3x3 pixels.
    features : array_like, shape (H, W, C), optional
        Per-pixel semantic features. Three channels are taken as preprocessed and must lie in [0, 1]; any
        other number goes through `softseg.features.preprocess`. Default: those of the default extractor,
        preprocessed, when first asked for.
    superpixels : array_like of int, shape (H, W), optional
        Any integer labels. Default: SLIC with adaptive compactness (SLIC-zero), when first asked for.
    n_superpixels : int
        How many superpixels SLIC aims at; fewer on photos with under nine pixels for each.

    Raises
    ------
    TypeError, ValueError
        In one line, naming the argument, if something does not fit.

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
        self.image = _frozen(as_image(image))
        self._n_superpixels = n_superpixels
        self._given_features = (
            None if features is None else _preprocessed(as_features(features, self.shape), self.image)
        )
        self._given_superpixels = None if superpixels is None else as_labels(superpixels, self.shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @cached_property
    def features(self) -> Float[np.ndarray, "H W 3"]:
        """Semantic features in [0, 1], (H, W, 3)."""
        if self._given_features is not None:
            return _frozen(self._given_features)
        return _frozen(get_extractor("default").preprocessed(self.image))

    @cached_property
    def superpixels(self) -> Int[np.ndarray, "H W"]:
        """Superpixel labels 0 .. S-1, (H, W)."""
        if self._given_superpixels is not None:
            return _frozen(self._given_superpixels)
        from skimage.segmentation import slic

        height, width = self.shape
        most = max(height * width // PIXELS_PER_SUPERPIXEL, 1)
        labels = slic(
            self.image, min(self._n_superpixels, most), slic_zero=True, start_label=0, channel_axis=-1
        )
        return _frozen(as_labels(labels, self.shape))

    @cached_property
    def representative_pixels(self) -> Int[np.ndarray, " S"]:
        """The pixel (row-major index) nearest each superpixel's centroid; it may lie outside of it, (S,)."""
        height, width = self.shape
        labels = self.superpixels.T.ravel()  # column-major, as the published code sums: .5 ties depend on it
        x, y = np.divmod(np.arange(height * width), height)
        area = np.bincount(labels)
        row = np.bincount(labels, (y + 1) / area[labels])
        column = np.bincount(labels, (x + 1) / area[labels])
        nearest = (np.floor(row + 0.5) - 1) * width + np.floor(column + 0.5) - 1
        return _frozen(nearest.astype(np.int64))

    @cached_property
    def touching_superpixels(self) -> Int[np.ndarray, "E 2"]:
        """Pairs (a, b), a < b, of superpixels that share an edge or a corner, (E, 2)."""
        labels = self.superpixels
        neighbours = [
            (labels[:, :-1], labels[:, 1:]),
            (labels[:-1], labels[1:]),
            (labels[:-1, :-1], labels[1:, 1:]),
            (labels[:-1, 1:], labels[1:, :-1]),
        ]
        a = np.concatenate([first.ravel() for first, _ in neighbours])
        b = np.concatenate([second.ravel() for _, second in neighbours])
        different = a != b
        pairs = np.sort(np.stack([a[different], b[different]], axis=1), axis=1)
        return _frozen(np.unique(pairs, axis=0))

    def superpixel_means(self, values: Float[np.ndarray, "H W C"]) -> Float[np.ndarray, "S C"]:
        """Return the mean of per-pixel values over each superpixel, float64, (S, C)."""
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
            Superpixels, each unordered pair once.
        affinity : array, shape (E,)
            The entry of each pair. Pairs that share their representative pixels add up.

        Returns
        -------
        scipy.sparse.csr_array, shape (H*W, H*W)
        """
        p, q = self.representative_pixels[a].astype(np.int32), self.representative_pixels[b].astype(np.int32)
        n = self.shape[0] * self.shape[1]
        upper = sparse.coo_array((affinity, (p, q)), shape=(n, n)).tocsr()
        return sparse.csr_array(upper + upper.T)

    def __repr__(self) -> str:
        height, width = self.shape
        return f"<Scene: {width}x{height} pixels>"


def _preprocessed(features: np.ndarray, image: np.ndarray) -> np.ndarray:
    if features.shape[2] != 3:
        return preprocess(features, image)
    if features.min() < 0 or features.max() > 1:
        raise ValueError(
            "features: three channels are taken as preprocessed and must lie in [0, 1], got "
            f"[{features.min():.3g}, {features.max():.3g}]; run softseg.features.preprocess on raw ones"
        )
    return features


def _frozen(array: np.ndarray) -> np.ndarray:
    # A view, so that an array of the caller's own stays writable for the caller.
    view = array.view()
    view.flags.writeable = False
    return view
