"""
Refine a hard mask
==================

A mask drawn by hand, or made by a segmenter, cuts an object's edge with scissors. ``refine`` finds the edge
in the photo and makes it as soft as it is there. It needs no layers, and takes about a second.
"""

import matplotlib.pyplot as plt
from PIL import Image
from skimage import data
from skimage.draw import polygon2mask

from softseg import refine

photo = Image.fromarray(data.astronaut()).crop((60, 0, 340, 230))

# %%
# The mask is a polygon of a few corners (x, y), as one clicks them. It may be off by some pixels.

corners = [(92, 60), (125, 35), (170, 12), (215, 28), (243, 75), (235, 125), (200, 145), (198, 178)]
corners += [(225, 200), (243, 229), (30, 229), (58, 200), (75, 165), (125, 145), (118, 130), (95, 110)]
mask = polygon2mask((photo.height, photo.width), [(y, x) for x, y in corners])
alpha = refine(photo, mask)

# %%
# Below, both are used to put her before white.

figure, axes = plt.subplots(2, 2, figsize=(8, 6.3), layout="constrained")
for row, (name, matte) in zip(axes, {"mask": mask, "refined": alpha}.items(), strict=True):
    matte = matte[..., None].astype(float)
    row[0].imshow(matte, cmap="gray")
    row[1].imshow((matte * photo / 255 + 1 - matte).clip(0, 1))
    row[0].set_title(name)
for axis in axes.flat:
    axis.set_axis_off()
plt.show()
