"""
Features of your own
====================

What is in focus is one thing, and what is blurred another: features by local contrast instead of a network.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from softseg import segment
from softseg.features import FeatureExtractor


@dataclass(frozen=True)
class Focus(FeatureExtractor):
    """Fine and coarse contrast, each averaged over a neighborhood."""

    reach: float = 0.08  # of the neighborhood, as a share of the photo's longer side

    def extract(self, image):
        """Return the features of each pixel, any number of channels, for a photo in [0, 1]."""
        gray = image.mean(axis=2)
        smooth, smoother = gaussian_filter(gray, 1), gaussian_filter(gray, 3)
        contrasts = np.abs(gray - smooth), np.abs(smooth - smoother)
        reach = self.reach * max(gray.shape)
        return np.dstack([np.log(gaussian_filter(c, reach) + 1e-3) for c in contrasts]).astype(np.float32)


# %%
# ``features`` takes an extractor. It also takes an array of the photo's height and width with any number of
# channels, such as the features of a network that you have.

photo = Image.fromarray(data.chelsea())
photo.thumbnail((240, 240))
result = segment(photo, features=Focus(), n_layers=2)
cat = int(result.alphas[photo.height // 2, photo.width // 2].argmax())

pictures = {
    "photo": result.image,
    "features": result.features,
    "the layer in focus": result.composite((0.1, 0.3, 0.3), layers=[cat]),
}
figure, axes = plt.subplots(1, 3, figsize=(10, 2.7), layout="constrained")
for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
    axis.imshow(picture)
    axis.set_title(title)
    axis.set_axis_off()
plt.show()

# %%
# :doc:`/guides/own-features` goes on from here: names for the command line, packages, and tests.
