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
    - describe a photo of one colour by the same numbers everywhere;
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
