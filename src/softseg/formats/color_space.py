"""In which color space a file's colors are written: sRGB, or the one that the photo came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Float

from softseg.formats.rounding import nearest_colors
from softseg.photos.profiles import check_profile, check_target, into_profile, srgb_profile

if TYPE_CHECKING:
    from softseg.layers.stack import Decomposition


@final
@dataclass(frozen=True)
class OutputSpace:
    """A color space that files are written in, with its ICC profile.

    Attributes
    ----------
    profile : bytes
        What is embedded.
    is_srgb : bool
        Whether colors stay as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from softseg import LayerStack
    >>> from softseg.formats.color_space import OutputSpace
    >>> stack = LayerStack(np.zeros((3, 4, 3)), np.ones((3, 4, 1), dtype=np.float32))
    >>> OutputSpace.of(stack, "source").is_srgb
    True
    """

    profile: bytes
    is_srgb: bool

    @classmethod
    def of(cls, result: Decomposition, profile: str) -> OutputSpace:
        """Return the space that a writer was asked for.

        Parameters
        ----------
        result : SoftSegmentation
            What is written.
        profile : {"srgb", "source"}
            sRGB, or the profile of the photo's file; sRGB if it had none.

        Raises
        ------
        ValueError
            If it is neither, or colors cannot be converted into the photo's profile.
        """
        check_profile(profile)
        source: bytes | None = getattr(result, "profile", None)
        if profile == "srgb" or source is None:
            return cls(srgb_profile(), True)
        check_target(source)
        return cls(source, False)

    def converted_photo(self, image: Float[np.ndarray, "h W 3"]) -> Float[np.ndarray, "h W 3"]:
        """Return a part of the photo in this space, in [0, 1]."""
        return image if self.is_srgb else into_profile(image, self.profile)

    def converted(
        self,
        image: Float[np.ndarray, "h W 3"],
        alphas: Float[np.ndarray, "h W K"],
        colors: Float[np.ndarray, "h W K 3"],
    ) -> tuple[Float[np.ndarray, "h W 3"], Float[np.ndarray, "h W K 3"]]:
        """Return a part of the photo and its layers' colors in this space.

        Profiles bend colors, so that mixtures are no longer the same mixtures. The layers' colors are changed
        as little as can be, so that they add up to the photo again.
        """
        if self.is_srgb:
            return image, colors
        photo = into_profile(image, self.profile)
        return photo, nearest_colors(photo, alphas, into_profile(colors, self.profile))
