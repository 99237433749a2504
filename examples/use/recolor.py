"""
Recolor one object
==================

A red saucer becomes blue. Its layer's colors are changed, and the image is put together again from all
layers, so that soft edges and the shadow stay as they are.
"""

import matplotlib.pyplot as plt
from PIL import Image
from skimage import data

from softseg import segment

photo = Image.fromarray(data.coffee())
photo.thumbnail((320, 320))
result = segment(photo)

# %%
# Which layer is the saucer? The one that a pixel of it mostly belongs to. ``edit`` gives the layer's colors
# to a function, here one by which red and blue change places.

saucer = int(result.alphas[110, 64].argmax())
blue = result.edit(saucer, lambda colors: colors[:, :, ::-1])

figure, axes = plt.subplots(1, 3, figsize=(10, 2.6), layout="constrained")
pictures = {"photo": result.image, "the saucer's alpha": result.alphas[:, :, saucer], "recolored": blue.image}
for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
    axis.imshow(picture, cmap="gray")
    axis.set_title(title)
    axis.set_axis_off()
plt.show()
