"""
Select an object
================

Layers are found without a word from you, and what you want may be a part of one or several together.
``select`` takes a click, scribbles or a rough outline, and answers with a soft mask at once, because the
eigenvectors are known already.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage import data

from softseg import segment

photo = Image.fromarray(data.coffee())
photo.thumbnail((320, 320))
result = segment(photo)


def draw(mask, marks):
    """Draw marks on the photo, the mask, and what it selects."""
    axes = plt.figure(figsize=(10, 2.6), layout="constrained").subplots(1, 3)
    selected = mask[..., None] * result.image + 1 - mask[..., None]
    for axis, picture in zip(axes, (result.image, mask, selected), strict=True):
        axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
        axis.set_axis_off()
    for points, style in marks:
        axes[0].plot(*np.transpose(points), style, linewidth=3, markersize=8)


# %%
# A click
# -------
# One point, as x and y, counted from the top left corner.

click = (150, 50)
draw(result.select(point=click), [([click], "wo")])

# %%
# Scribbles
# ---------
# Pixels of the object, and if need be pixels of the rest: here cup and saucer, but not the table.

cup = [(x, 110) for x in range(60, 240, 2)] + [(150, y) for y in range(30, 110, 2)]
cup += [(194, y) for y in range(110, 150, 2)]  # the spoon
table = [(x, 45) for x in range(5, 70, 2)] + [(x, 190) for x in range(260, 315, 2)]
draw(result.select(foreground=cup, background=table), [(cup, "w."), (table, "k.")])

# %%
# An outline
# ----------
# What lies outside of it is not selected; what lies inside is, unless it belongs to something outside.

outline = [(88, 20), (150, 5), (225, 25), (225, 80), (205, 150), (100, 155), (85, 80)]
draw(result.select(lasso=outline), [(outline + outline[:1], "w-")])

plt.show()
