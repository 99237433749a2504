"""
Replace the background
======================

Cut a person out, hair and all, and put her before the Hubble Deep Field. The layers have colors of their own,
so that nothing of the gray backdrop is left in the hair.
"""

import matplotlib.pyplot as plt
from PIL import Image, ImageOps
from skimage import data

from softseg import segment

photo = Image.fromarray(data.astronaut())
photo.thumbnail((320, 320))
result = segment(photo)

# %%
# The backdrop is the layer that a pixel of it mostly belongs to. She is in the others.

backdrop = int(result.alphas[32, 208].argmax())
person = [k for k in result.order if k != backdrop]

sky = ImageOps.fit(Image.fromarray(data.hubble_deep_field()), photo.size)
before_the_sky = result.composite(sky, layers=person)
cut_out = result.composite(layers=person)  # without a background: RGBA

figure, axes = plt.subplots(1, 3, figsize=(10, 3.5), layout="constrained")
pictures = {"photo": result.image, "cut out": cut_out, "before the sky": before_the_sky}
for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
    axis.imshow(picture)
    axis.set_title(title)
    axis.set_axis_off()
plt.show()
