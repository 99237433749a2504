"""A term of your own: a stereo camera's depth says what belongs together, and a click selects more of it."""

import sys
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import median_filter
from scipy.special import erf
from skimage import data
from skimage.transform import resize

from softseg import Affinity, ColorAffinity, MattingAffinity, SemanticAffinity, segment


@dataclass(frozen=True, eq=False)
class DepthAffinity(Affinity):
    depth: np.ndarray  # of any size

    def matrix(self, scene):
        i, j = scene.touching_superpixels.T
        depth = scene.superpixel_means(resize(self.depth, scene.shape, order=1)[:, :, None])[:, 0]
        # Like depths attract each other; steps of more than 5 pixels of disparity repel.
        return scene.superpixel_matrix(i, j, erf(2 - 2 * np.abs(depth[i] - depth[j]) / 5))


def main(path="own_affinity.png", width=320):
    left, _, depth = data.stereo_motorcycle()  # infinite where it is unknown
    depth = median_filter(np.where(np.isfinite(depth), depth, np.median(depth)), 15)
    photo = Image.fromarray(left)
    photo.thumbnail((width, width))
    published = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()
    pictures = [np.asarray(photo) / 255]
    for affinity in (published, published + 0.05 * DepthAffinity(depth)):
        result = segment(photo, affinity=affinity)
        mask = result.select(point=(0.55 * photo.width, 0.44 * photo.height))[:, :, None]
        pictures.append(mask * result.image + (1 - mask))
    Image.fromarray(np.uint8(255 * np.hstack(pictures))).save(path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
