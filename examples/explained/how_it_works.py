"""
How the method works
====================

A photo becomes soft layers step by step. Each step is a function of softseg that you can call alone, look at,
and replace. This page calls them one after the other on one photo, with a picture of what each returns.
:doc:`The method, stage by stage </method>` has the mathematics, with every constant. "The paper" is Aksoy et
al., "Semantic Soft Segmentation", SIGGRAPH 2018.
"""

# sphinx_gallery_thumbnail_number = 7

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage import data

from softseg import ColorAffinity, MattingAffinity, Scene, SemanticAffinity, segment
from softseg.eigen import LOBPCG
from softseg.layers import layer_colors
from softseg.layers.sheet import layers_in_colors
from softseg.sparsify import constrained, group, initial_clusters, project_to_simplex, relaxed

photo = Image.fromarray(data.astronaut()).resize((256, 256), Image.Resampling.LANCZOS)


def draw(pictures, columns=4, size=2.4, **options):
    """Draw pictures in rows, each below its title, and return their axes."""
    rows = -(-len(pictures) // columns)
    figure = plt.figure(figsize=(columns * size, rows * (size + 0.3)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, picture) in zip(axes.flat, pictures.items(), strict=False):
        axis.imshow(picture, **options)
        axis.set_title(title, fontsize=10)
    return axes.ravel()


# %%
# Features and superpixels
# ------------------------
# The input is the photo and, for each of its pixels, a vector of features from a neural network, which are
# alike within an object. They are smoothed along the photo's edges, projected onto their three principal
# components, and stretched to [0, 1], so that they can be shown as red, green and blue (Section 4 of the
# paper; Section 1 of :doc:`/method`). The features do not know to the pixel where an edge is. The matting
# affinity below does.
#
# Two of the three affinities link superpixels, not pixels, because there are few of them: SLIC divides the
# photo into about 2500, here painted in their mean colors (Section 3.2 of the paper). A
# :class:`softseg.Scene` holds the photo, its features and its superpixels, and computes what is not given to
# it.

scene = Scene(photo)
mosaic = scene.superpixel_means(scene.image)[scene.superpixels]
draw({"photo": scene.image, "features": scene.features, "superpixels": mosaic}, columns=3, size=3.2)

# %%
# Affinities
# ----------
# An affinity is a symmetric sparse matrix over all pixels. A positive entry says that its two pixels belong
# together, a negative one that they do not, and most entries are zero. We look at the row of one pixel, on
# the shoulder's edge: in the pictures it is marked by a circle, what it attracts is red, and what it repels
# is blue.

chosen = scene.superpixels[117, 42]
pixel = scene.representative_pixels[chosen]  # the one that stands for its superpixel in the matrices
y, x = divmod(int(pixel), scene.shape[1])
gray = np.repeat(0.5 + 0.5 * scene.image.mean(axis=2, keepdims=True), 3, axis=2)


def draw_row(row, reach, title):
    """Draw a row of a matrix, given as a picture, beside the photo, up to ``reach`` pixels from its pixel."""
    axes = draw({"photo": scene.image, title: gray}, columns=2, size=4)
    most = np.abs(row).max()
    shown = np.ma.masked_where(np.abs(row) < 0.01 * most, row)
    heat = axes[1].imshow(shown, cmap="RdBu_r", vmin=-most, vmax=most)
    plt.colorbar(heat, ax=axes[1], shrink=0.8)
    left, top = max(x - reach, 0), max(y - reach, 0)
    for axis in axes:
        axis.plot(
            x, y, "o", markersize=10, markerfacecolor="none", markeredgecolor="black", markeredgewidth=2
        )
        axis.set(xlim=(left - 0.5, left + 2 * reach + 0.5), ylim=(top + 2 * reach + 0.5, top - 0.5))


def paint_row(matrix):
    """Return a row of a matrix between superpixels as a picture, in which each is filled with its entry."""
    row = matrix[[pixel]].toarray().ravel()
    return row[scene.representative_pixels][scene.superpixels]


# %%
# **The matting affinity** links pixels that share a window of 3 x 3 pixels, and so reaches two pixels far. It
# is large where the two colors are alike compared with how the colors of the window vary, and small or
# negative across an edge. A pixel of a soft edge, whose color is a mixture, is linked to both sides in
# proportion. That is how alphas come to follow the photo to the pixel; beyond its window the matting affinity
# knows nothing.
# (Section 3.1 of the paper; Levin et al. 2008, Eq. 12; :class:`softseg.MattingAffinity`.)

matting = MattingAffinity().matrix(scene)
row = matting[[pixel]].toarray().reshape(scene.shape)
row[y, x] = 0  # the affinity of a pixel to itself has no effect
draw_row(row, reach=8, title="matting affinity")

# %%
# **The semantic affinity** links superpixels that touch. Where their mean features are alike they attract
# each other, and where they are not they repel each other. This superpixel is drawn to the rest of the suit,
# and pushed away from the backdrop. Repulsion is what makes the method semantic: with it, a cut between two
# objects lowers the energy, where otherwise a cut could only cost more or less.
# (Section 3.3 of the paper; :class:`softseg.SemanticAffinity`.)

semantic = SemanticAffinity().matrix(scene)
draw_row(paint_row(semantic), reach=16, title="semantic affinity")

# %%
# **The color affinity** links superpixels up to a fifth of the photo apart, if their mean colors are nearly
# the same. It holds together what something else divides or what is lit differently in between: here other
# bright parts of the suit, and none of the flag or the backdrop. It never repels.
# (Section 3.2 of the paper; :class:`softseg.ColorAffinity`.)

color = ColorAffinity().matrix(scene)
draw_row(paint_row(color), reach=52, title="color affinity")

# %%
# The Laplacian and its eigenvectors
# ----------------------------------
# The three are added, each with its weight, and the sum W has the Laplacian L = D - W, where D holds the row
# sums. For a picture v, v' L v is half the sum of W[i, j] (v_i - v_j)^2 over all pairs of pixels: it is small
# if v has like values where the affinity is positive. It may be below zero, if v has different values where
# the affinity is negative. So the eigenvectors of the smallest eigenvalues are the pictures that change least
# within objects and most between them. The constant one has the eigenvalue 0; those below it carry the
# semantic cuts.
# (Section 3.4 of the paper; :class:`softseg.Laplacian`, :class:`softseg.eigen.LOBPCG`.)

affinity = MattingAffinity() + 0.01 * SemanticAffinity() + 0.01 * ColorAffinity()
laplacian = affinity.laplacian(scene)
pairs = LOBPCG().solve(laplacian, k=100)
print(f"{(pairs.values < -1e-7).sum()} of the 100 eigenvalues are negative")

pictures = {}
for index in (0, 1, 2, 3, 5, 10, 30, 99):
    vector = pairs.vectors[:, index].reshape(scene.shape)
    pictures[f"vector {index + 1}, value {pairs.values[index]:.1e}"] = vector / np.quantile(
        np.abs(vector), 0.98
    )
draw(pictures, cmap="RdBu_r", vmin=-1, vmax=1)

# %%
# Initial layers
# --------------
# Layers are looked for among the combinations of these 100 pictures, so that a layer has 100 unknowns and not
# one for each pixel. First k-means divides the pixels into 40 clusters by their features. From there, 40
# reweighted least-squares solves make alphas that are 0 or 1 wherever they can be, and sum to 1 at each
# pixel. Clusters that are no combination of the eigenvectors fade away and are dropped. The largest of the
# layers that are left are shown, white where they are opaque.
# (Section 3.4, Eq. 7 of the paper; :func:`softseg.sparsify.initial_clusters`,
# :func:`softseg.sparsify.constrained`.)

clusters = initial_clusters(scene.features, 40)
initial = constrained(pairs, clusters)
areas = initial.mean(axis=(0, 1))
print(f"{clusters.max() + 1} clusters, {initial.shape[2]} initial layers")

pictures = {"clusters": clusters / clusters.max()}
for k in np.argsort(-areas)[:11]:
    pictures[f"layer {k + 1}: {areas[k]:.0%}"] = initial[:, :, k]
axes = draw(pictures, cmap="gray", vmin=0, vmax=1)
axes[0].images[0].set_cmap("nipy_spectral")

# %%
# Grouped layers
# --------------
# The initial layers are many and small. k-means puts those with like mean features into five groups, and the
# alphas of a group are added. Now a layer is an object, or a part of one. In the last picture each layer has
# a color of its own.
# (Section 3.5 of the paper; :func:`softseg.sparsify.group`.)


def draw_layers(alphas):
    """Draw each layer's alphas, and all layers in colors of their own."""
    count = alphas.shape[2]
    pictures = {f"layer {k + 1}": np.repeat(alphas[:, :, [k]].clip(0, 1), 3, axis=2) for k in range(count)}
    draw(pictures | {"all layers": layers_in_colors(alphas.clip(0, 1))}, columns=3, size=3)


grouped = group(initial, scene.features, n_layers=5)
draw_layers(grouped)

# %%
# Relaxed layers
# --------------
# Combinations of 100 smooth pictures leave a veil of each layer over the others, and cannot follow every
# hair. So the alphas themselves become the unknowns: they are to be smooth as the Laplacian says, near 0 or
# 1, near the grouped layers, and to sum to 1. Where the photo has an edge, softness costs less. This is one
# sparse linear system for each of twenty rounds, solved by conjugate gradients. At the end the alphas of each
# pixel are moved to the nearest ones that lie in [0, 1] and sum to 1.
# (Section 3.5, Eq. 10 of the paper; :func:`softseg.sparsify.relaxed`,
# :func:`softseg.sparsify.project_to_simplex`.)

alphas = project_to_simplex(relaxed(grouped, laplacian, scene.image)).astype(np.float32)
draw_layers(alphas)

# %%
# The same layer, the backdrop's, before and after, at the hair:

head = slice(10, 110), slice(80, 180)
backdrop = int(alphas[20, 165].argmax())
before, after = grouped[head][:, :, backdrop], alphas[head][:, :, backdrop]
pictures = {"photo": scene.image[head], "grouped": before, "relaxed": after}
draw(pictures, columns=3, size=3.2, cmap="gray", vmin=0, vmax=1)

# %%
# The colors of a layer
# ---------------------
# A pixel of the hair's edge is a mixture of hair and backdrop. Whoever puts it before another background
# needs the color of the hair alone. :func:`softseg.layers.layer_colors` finds colors F with sum_k alpha_k F_k
# = photo that are smooth where a layer is thin. With the photo's own colors, a bright seam of the old
# backdrop stays around the hair.
# (Not in the paper; :doc:`/guides/colors`.)

colors = layer_colors(scene.image, alphas)
others = [k for k in range(5) if k != backdrop]
alpha = alphas[:, :, others].sum(axis=2)[:, :, None]
person = (alphas[:, :, others, None] * colors[:, :, others]).sum(axis=2)  # already times alpha
night = np.array([0.05, 0.1, 0.3])
pictures = {
    "alpha": np.repeat(alpha, 3, axis=2),
    "the photo's colors": alpha * scene.image + (1 - alpha) * night,
    "the layers' colors": person + (1 - alpha) * night,
}
draw({title: picture[head].clip(0, 1) for title, picture in pictures.items()}, columns=3, size=3.2)

# %%
# All at once
# -----------
# :func:`softseg.segment` calls the same functions, and returns the same bits. What each of them returned is
# kept: ``result.scene``, ``result.laplacian``, ``result.eigenpairs``, ``result.initial_alphas``,
# ``result.alphas``.

result = segment(photo)
print(np.array_equal(result.alphas, alphas))
for stage, seconds in result.timings.items():
    print(f"{stage:14}{seconds:5.2f} s")

plt.show()
