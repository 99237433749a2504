"""The interface of feature extractors, which turn a photo into raw features of every pixel."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float32, Float64


class FeatureExtractor(ABC):
    """A description of every pixel by numbers that are close within an object and far apart across objects.

    To write a new extractor, subclass this class in a file of its own, as a frozen dataclass whose fields are
    the parameters. It has no other state, so that extractors compare by value and their repr can be pasted
    back. Write :meth:`extract`, and register the class under a name (:func:`softseg.features.register`).
    :class:`softseg.testing.ExtractorCase` has the tests that it must pass, and the guides have a whole one
    (docs/guides/own-features.md). The extractor must

    - accept any photo of at least 3x3 pixels, square or not, and return features of exactly its size;
    - return finite numbers, and the same ones each time;
    - describe a photo of one color by the same numbers everywhere, unless it is a given network that pads
      with zeros or adds positions;
    - import heavy packages such as torch inside its methods, not at the top of its file.

    Features are *raw*: they have any number of channels and are not normalized. Their useful range should lie
    within [-5, 5], because :func:`softseg.features.preprocess` clips them to it.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from softseg.features import FeatureExtractor
    >>> @dataclass(frozen=True)
    ... class Gamma(FeatureExtractor):
    ...     exponent: float = 2.2
    ...
    ...     def extract(self, image):
    ...         return (image**self.exponent).astype(np.float32)
    >>> photo = np.random.default_rng(0).random((12, 16, 3))
    >>> Gamma().extract(photo).shape
    (12, 16, 3)
    >>> features = Gamma().preprocessed(photo)
    >>> features.shape, float(features.min()), float(features.max())
    ((12, 16, 3), 0.0, 1.0)
    >>> Gamma(exponent=1.8).fingerprint()
    'Gamma(exponent=1.8)'
    """

    @abstractmethod
    def extract(self, image: Float64[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W C"]:
        """Return the raw features of a photo.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1], of at least 3x3 pixels. It must not be written to.

        Returns
        -------
        array of float32, shape (H, W, C)
            The features, of any number of channels C >= 1.
        """

    def preprocessed(
        self, image: Float64[np.ndarray, "H W 3"], n_components: int = 3
    ) -> Float32[np.ndarray, "H W {n_components}"]:
        """Return the few channels that the affinities compare.

        This method calls :meth:`extract` and then :func:`softseg.features.preprocess`, and gives regions of
        one color the same features (`softseg.features.plain`). All other code gets preprocessed features
        from this method. So an extractor that already has them, on disk for example,
        overrides this method, and nothing is preprocessed twice.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1].
        n_components : int
            The number of channels to return, at least 1.

        Returns
        -------
        array of float32, shape (H, W, n_components)
            In [0, 1].
        """
        from softseg.features.plain import level_plain_regions
        from softseg.features.preprocessing import preprocess

        return level_plain_regions(preprocess(self.extract(image), image, n_components), image)

    def fingerprint(self) -> str:
        """Return a text that tells extractors apart: those of equal fingerprints compute equal features.

        It is the repr, unless the features depend on more, such as a file whose content may change.

        Returns
        -------
        str
            Equal for extractors that compute equal features.
        """
        return repr(self)
