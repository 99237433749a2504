"""
Matte with a trimap
===================

Where you know what is surely inside and surely outside of an object, ``matte`` solves for the alphas in
between. This is closed-form matting, on the same Laplacian as the layers, and needs no layers.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage import data
from skimage.draw import polygon2mask

from softseg import LayerStack, matte

photo = Image.fromarray(data.chelsea())
photo.thumbnail((320, 320))
photo = photo.crop((50, 0, 320, 213))
shape = photo.height, photo.width

# %%
# A trimap is white where the object is, black where it is not, and gray where that is to be found. Here two
# polygons of corners (y, x) bound the gray.

inside = [(0, 0), (0, 155), (30, 175), (80, 172), (130, 178), (160, 155), (190, 130), (213, 110), (213, 0)]
outside = [(0, 269), (0, 235), (60, 230), (75, 213), (120, 225), (213, 230), (213, 269)]
trimap = np.full(shape, 0.5)
trimap[polygon2mask(shape, inside)] = 1
trimap[polygon2mask(shape, outside)] = 0
alpha = matte(photo, trimap)

# %%
# Object and rest are two layers. With a :class:`softseg.LayerStack` they get colors of their own, and the cat
# can be put before another background without a seam of the old one.

stack = LayerStack(np.asarray(photo) / 255, np.stack([1 - alpha, alpha], axis=2))
on_green = stack.composite((0.2, 0.45, 0.3), layers=[1])

figure, axes = plt.subplots(2, 2, figsize=(8, 5.8), layout="constrained")
pictures = {"photo": photo, "trimap": trimap, "alpha": alpha, "before green": on_green}
for axis, (title, picture) in zip(axes.flat, pictures.items(), strict=True):
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axis.set_title(title)
    axis.set_axis_off()
plt.show()
