"""What every feature extractor is: a photo in, raw features for every pixel out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float32, Float64


class FeatureExtractor(ABC):
    """A way to describe every pixel by numbers that are close within an object and far apart across objects.

    To write a new one: subclass it in a file of its own as a frozen dataclass (parameters as fields, no
    state, so that extractors compare by value and their repr can be pasted back), write :meth:`extract`, and
    register it under a name in ``softseg.features.registry``. It must

    - accept any photo of at least 3x3 pixels, square or not, and return features of exactly its size;
    - return finite numbers, and the same ones each time;
    - describe a photo of one colour by the same numbers everywhere, unless it is a given network that pads
      with zeros or adds positions;
    - import heavy packages such as torch inside its methods, not at the top of its file.

    Features are *raw*: of any number of channels and not normalised, but with their useful range within
    [-5, 5], where :func:`softseg.features.preprocess` clips them.

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
    >>> Gamma().extract(np.full((3, 4, 3), 0.5)).shape
    (3, 4, 3)
    """

    @abstractmethod
    def extract(self, image: Float64[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W C"]:
        """Return the raw features of a photo.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1], as :func:`softseg.images.as_image` returns it. It is not written to.

        Returns
        -------
        array of float32, shape (H, W, C)
            Any number of channels C >= 1.
        """

    def preprocessed(
        self, image: Float64[np.ndarray, "H W 3"], n_components: int = 3
    ) -> Float32[np.ndarray, "H W {n_components}"]:
        """Return the few channels that the affinities compare.

        That is :meth:`extract`, then :func:`softseg.features.preprocess`. Whoever needs preprocessed features
        asks for them here, so that nothing is preprocessed twice: an extractor that has them already (kept on
        disk, say) overrides this method.

        Parameters
        ----------
        image : array of float64, shape (H, W, 3)
            RGB in [0, 1].
        n_components : int
            Channels wanted.

        Returns
        -------
        array of float32, shape (H, W, n_components)
            In [0, 1].
        """
        from softseg.features.preprocessing import preprocess

        return preprocess(self.extract(image), image, n_components)

    def fingerprint(self) -> str:
        """Return what the features depend on beside the photo: equal fingerprints, equal features.

        The repr, unless there is more to an extractor, such as a file whose content may change.
        """
        return repr(self)
