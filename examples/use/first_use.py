"""
First use
=========

From a photo to soft layers, in one call. A layer has an opacity ("alpha") and a color at each pixel, and the
layers add up to the photo.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage import data

from softseg import segment

photo = Image.fromarray(data.astronaut())
photo.thumbnail((256, 256))

result = segment(photo)  # a path, such as "photo.jpg", would do as well
result.show()
plt.show()

# %%
# The result prints its layers from back to front, each with its index, the share of the photo that it covers,
# and its mean color.

print(result)

# %%
# Alphas and colors are arrays for height, width and layers, with values from 0 to 1.

print("alphas", result.alphas.shape, "colors", result.colors.shape)
again = (result.alphas[..., None] * result.colors).sum(axis=2)
print(f"the layers add up to the photo, but for {np.abs(again - result.image).max():.0e}")

# %%
# Save the layers with ``result.save("astronaut.psd")``. The suffix chooses the format: ``.html`` is a page to
# look at and edit them, a folder gets PNG files, and ``.npz`` is what :meth:`softseg.SoftSegmentation.load`
# reads (:doc:`/reference/formats`).
