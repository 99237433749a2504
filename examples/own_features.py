"""Features of your own: what is in focus is one thing, what is blurred another."""

import sys
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from softseg import segment
from softseg.features import FeatureExtractor


@dataclass(frozen=True)
class Focus(FeatureExtractor):
    """Fine and coarse contrast, each averaged over a neighborhood."""

    reach: float = 0.08  # of the photo's longer side

    def extract(self, image):
        gray = image.mean(axis=2)
        smooth, smoother = gaussian_filter(gray, 1), gaussian_filter(gray, 3)
        contrasts = np.abs(gray - smooth), np.abs(smooth - smoother)
        reach = self.reach * max(gray.shape)
        return np.dstack([np.log(gaussian_filter(c, reach) + 1e-3) for c in contrasts]).astype(np.float32)


def main(path="own_features.png", width=320):
    photo = Image.fromarray(data.chelsea())
    photo.thumbnail((width, width))
    result = segment(photo, features=Focus(), n_layers=2)  # an (H, W, C) array would do as well
    cat = int(result.alphas[photo.height // 2, photo.width // 2].argmax())
    pictures = [result.image, result.features, result.composite((0.1, 0.3, 0.3), layers=[cat])]
    Image.fromarray(np.uint8(255 * np.hstack(pictures))).save(path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
