"""
An affinity of your own
=======================

A stereo camera's depth says what belongs together: a class with one method is a new term of the sum whose
Laplacian is decomposed.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from scipy.ndimage import median_filter
from scipy.special import erf
from skimage import data
from skimage.transform import resize

from softseg import Affinity, ColorAffinity, MattingAffinity, SemanticAffinity, segment


@dataclass(frozen=True, eq=False)
class DepthAffinity(Affinity):
    """Touching superpixels attract each other at like depths, and repel each other at a step."""

    depth: np.ndarray  # of any size, as disparity in pixels
    step: float = 5.0  # the disparity between two superpixels at which they repel each other

    def matrix(self, scene):
        """Return the affinities of all pairs of pixels, a sparse matrix."""
        a, b = scene.touching_superpixels.T
        depth = scene.superpixel_means(resize(self.depth, scene.shape, order=1)[:, :, None])[:, 0]
        return scene.superpixel_matrix(a, b, erf(2 - 2 * np.abs(depth[a] - depth[b]) / self.step))


# %%
# The photo and its depth, which is infinite where it is not known:

left, _, depth = data.stereo_motorcycle()
depth = median_filter(np.where(np.isfinite(depth), depth, np.median(depth)), 15)
photo = Image.fromarray(left)
photo.thumbnail((320, 320))

# %%
# Terms add up. The same click is asked of layers without depth and with it.

published = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()
click = 0.55 * photo.width, 0.44 * photo.height
pictures = {"photo": photo, "depth": depth}
for name, affinity in {
    "without depth": published,
    "with depth": published + 0.05 * DepthAffinity(depth),
}.items():
    mask = segment(photo, affinity=affinity).select(point=click)[:, :, None]
    pictures[f"a click, {name}"] = (mask * photo / 255 + 1 - mask).clip(0, 1)

figure, axes = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
for axis, (title, picture) in zip(axes.flat, pictures.items(), strict=True):
    axis.imshow(picture)
    axis.set_title(title)
    axis.set_axis_off()
axes[0, 0].plot(*click, "wo", markeredgecolor="black")
plt.show()

# %%
# :doc:`/guides/own-affinity` goes on from here: names for the command line, packages, and tests.
