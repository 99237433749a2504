"""
Layers in a Photoshop file, and back
====================================

``save`` writes the layers as a ``.psd``, which Photoshop, GIMP and Krita open. Here psd-tools reads the file,
and its layers are arrays again.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from psd_tools import PSDImage
from skimage import data

from softseg import segment
from softseg.layers.display import checkerboard

photo = Image.fromarray(data.coffee())
photo.thumbnail((320, 320))
result = segment(photo, n_layers=4)

# %%
# With ``blend="normal"`` each layer lies on those behind it. The default, ``"add"``, keeps the alphas as they
# are, each layer in a group that is added to the others (:doc:`/reference/formats`).

with TemporaryDirectory() as folder:
    path = Path(folder) / "coffee.psd"
    result.save(path, blend="normal")
    file = PSDImage.open(path)
    layers = {layer.name: layer.numpy() for layer in file}  # from back to front, each (H, W, 4)
    shown = np.asarray(file.composite())  # what Photoshop shows

for name, layer in layers.items():
    print(f"{name:20} {layer.shape}  opacity from {layer[..., 3].min():.2f} to {layer[..., 3].max():.2f}")
print("differs from the photo by at most", np.abs(shown - np.asarray(photo, dtype=int)).max(), "of 255")

# %%
# The layers, one on top of the other:

figure, axes = plt.subplots(2, len(layers), figsize=(10, 4), layout="constrained")
canvas = checkerboard(photo.height, photo.width)
for column, (name, layer) in zip(axes.T, layers.items(), strict=True):
    color, opacity = layer[..., :3], layer[..., 3:]
    canvas = opacity * color + (1 - opacity) * canvas
    column[0].imshow(layer)
    column[0].set_title(name, fontsize=10)
    column[1].imshow(canvas.clip(0, 1))
    column[1].set_title("and those behind it", fontsize=10)
for axis in axes.flat:
    axis.set_axis_off()
plt.show()
