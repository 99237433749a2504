"""
Choosing parameters
===================

Every parameter of :func:`softseg.segment` has a default that suits most photos. This page says what each does
and when to change it, and shows those that matter to the eye at three values.
"""

# %%
# All parameters
# --------------
#
# .. list-table:: Parameters of ``segment``
#    :header-rows: 1
#    :widths: 18 24 58
#
#    * - parameter
#      - default
#      - what it does, and when to change it
#    * - ``features``
#      - those of the bundled network
#      - What belongs together semantically: the name of an extractor, an extractor, or an array (H, W, C).
#        Change it first if layers follow color and not objects, and you have a better network
#        (:doc:`/guides/features`). Without any network, ``"low-level"`` describes color and texture.
#    * - ``n_layers``
#      - 5
#      - The most layers that come out. Take fewer to get whole objects, more to get parts; ``"auto"`` makes
#        two to ten (:doc:`/guides/layer-count`).
#    * - ``affinity``
#      - matting + 0.01 semantic + 0.01 color
#      - The terms whose Laplacian is decomposed, and their weights. See below; or add a term of your own
#        (:doc:`/guides/own-affinity`).
#    * - ``n_superpixels``
#      - 2500
#      - How many superpixels SLIC aims at, fewer where the photo has fewer than 9 pixels for each. Take
#        more if small things at full working size are missed; time and memory grow.
#    * - ``superpixels``
#      - SLIC
#      - Labels (H, W) of your own, in place of SLIC.
#    * - ``n_eigenvectors``
#      - 100
#      - How many smooth pictures layers are combined from. Fewer are faster and draw small objects into
#        large ones.
#    * - ``n_initial``
#      - 40
#      - How many clusters the layers grow from before they are grouped. More give small things a start of
#        their own.
#    * - ``working_pixels``
#      - 320 x 240 = 76,800 pixels
#      - Larger photos are shrunk to this many pixels, and the layers carried up to full size. Take more for
#        small objects in large photos, ``None`` to never shrink; time and memory grow at least in
#        proportion.
#    * - ``max_memory``
#      - no limit
#      - Memory that the process may take, in bytes or as ``"4GB"``. The working size is lowered where that
#        is too little.
#    * - ``eigensolver``
#      - :class:`~softseg.eigen.LOBPCG`
#      - Finds the eigenvectors. :class:`~softseg.eigen.ShiftInvert` is exact, slow, and needs much memory
#        (:doc:`/guides/own-eigensolver`).
#    * - ``rng``
#      - a fixed seed
#      - Seeds k-means and the solver's start. Change it to see how much a result depends on chance.
#    * - ``background``
#      - white, with a warning
#      - What a photo with transparent pixels is put over: a color, or ``"layer"``, a layer of its own.
#    * - ``progress``
#      - none
#      - ``True`` shows a bar; a function is called with the stage and how many are done.
#    * - ``settings``
#      - those below
#      - How the stages are computed. ``softseg.PUBLISHED`` is the exact path of the paper.
#
# .. list-table:: Fields of ``Settings``, besides ``eigensolver`` and ``working_pixels`` above
#    :header-rows: 1
#    :widths: 18 24 58
#
#    * - field
#      - default
#      - what it does, and when to change it
#    * - ``sample``
#      - 8192 pixels
#      - How many pixels the energy of the constrained stage is summed over. ``None`` is all of them:
#        slower, as in the paper.
#    * - ``preconditioner``
#      - :class:`~softseg.sparsify.PixelBlocks`
#      - Of the relaxed stage's conjugate gradients. :class:`~softseg.sparsify.Unpreconditioned` is slower,
#        as in the paper.
#
# .. list-table:: Parameters of the three affinities
#    :header-rows: 1
#    :widths: 18 24 58
#
#    * - parameter
#      - default
#      - what it does, and when to change it
#    * - ``epsilon``
#      - 1e-7 (squared color)
#      - Matting: how much the colors of a 3 x 3 window may vary at random. Take more for photos with noise;
#        edges become softer.
#    * - ``steepness``
#      - 20 (semantic), 50 (color)
#      - How sharply a term turns from "together" to "apart" as the distance of features or colors grows.
#    * - ``threshold``
#      - 0.85 (semantic), 0.95 (color)
#      - One minus the distance at which it turns. A larger semantic threshold makes more pairs repel each
#        other: more cuts.
#    * - ``radius``
#      - 0.2 (height and width are 1)
#      - Color: how far apart superpixels may lie. Take more if an object is in several pieces of one color;
#        there are then more pairs, and finding eigenvectors takes longer.
#
# Fields of :class:`softseg.Settings` are given as ``segment(photo, settings=Settings(sample=None))``, and
# weights and parameters of affinities as a sum of terms, see below. The method's other numbers, such as the
# exponents of its two sparsity terms (gamma), are no parameters. They are constants of the modules that use
# them, and :doc:`/method` lists them.

# sphinx_gallery_thumbnail_number = 8

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from scipy.optimize import linear_sum_assignment
from skimage import data

from softseg import ColorAffinity, MattingAffinity, SemanticAffinity, segment
from softseg.layers.sheet import layers_in_colors


def shrunk(photo):
    """Return a photo of at most 160 x 160 pixels, on which all of this takes a second or two."""
    photo = Image.fromarray(photo)
    photo.thumbnail((160, 160), Image.Resampling.LANCZOS)
    return photo


def compare(default, results):
    """Draw layers, each in a color of its own, which is that of the default's layer most like it."""
    photo, reference = default.image, default.alphas
    height, width, count = reference.shape
    figure = plt.figure(figsize=(10, 2.5 * height / width + 0.3), layout="constrained")
    first, *others = figure.subplots(1, 1 + len(results))
    first.imshow(photo)
    first.set_title("photo")
    first.set_axis_off()
    for axis, (title, result) in zip(others, results.items(), strict=True):
        likeness = np.einsum("hwk,hwl->kl", result.alphas, reference)
        own, like = linear_sum_assignment(likeness, maximize=True)
        more = np.setdiff1d(range(result.alphas.shape[2]), own)
        alphas = np.zeros((height, width, count + len(more)))
        alphas[:, :, like] = result.alphas[:, :, own]
        alphas[:, :, count:] = result.alphas[:, :, more]
        axis.imshow(layers_in_colors(alphas))
        axis.set_title(title)
        axis.set_axis_off()


astronaut, coffee, cat = shrunk(data.astronaut()), shrunk(data.coffee()), shrunk(data.chelsea())
default = segment(astronaut)

# %%
# How many layers
# ---------------
# ``n_layers`` is how many groups the initial layers are put into. Everything before the grouping is the same,
# so that one number of layers mostly divides the layers of another: the person's head leaves the backdrop,
# and then the collar leaves the head.

few, many = segment(astronaut, n_layers=2), segment(astronaut, n_layers=8)
compare(default, {"2 layers": few, "5 (default)": default, "8": many})

# %%
# Features
# --------
# Features say what belongs together. With those of the bundled network layers mostly follow objects. Features
# by color and texture, and the colors themselves as an array, make layers of one look across objects: here
# black things share a layer, and so do light ones.

pixels = np.asarray(astronaut) / 255
low_level, colors = segment(astronaut, features="low-level"), segment(astronaut, features=pixels)
compare(default, {"default": default, "low-level": low_level, "the colors": colors})

# %%
# The weight of the semantic affinity
# -----------------------------------
# The term divides where features differ, and holds together where they do not. Without it, the model of the
# shuttle stays in the backdrop, because its cut costs more than it brings. With ten times the weight, the
# features' soft borders count for more than the photo's edges, and the hair is divided.


def weigh(semantic=0.01, color=0.01, epsilon=1e-7, radius=0.2):
    """Return the default affinity, with other weights or parameters."""
    matting = MattingAffinity(epsilon=epsilon)
    return matting + semantic * SemanticAffinity() + color * ColorAffinity(radius=radius)


none, much = (segment(astronaut, affinity=weigh(semantic=weight)) for weight in (0, 0.1))
compare(default, {"weight 0": none, "weight 0.01 (default)": default, "weight 0.1": much})

# %%
# The weight and the radius of the color affinity
# -----------------------------------------------
# A larger weight keeps what has one color in one layer. Here a hundred times the default takes the shadow
# off the saucer, and the table is in one piece; but the layers also follow highlights, and the edge of the
# coffee.

none, usual, much = (segment(coffee, affinity=weigh(color=weight)) for weight in (0, 0.01, 1))
compare(usual, {"weight 0": none, "weight 0.01 (default)": usual, "weight 1": much})

# %%
# The radius says how far apart superpixels of one color may be to be held together, as a share of the
# photo's height and width. With half the photo, black and white things of different objects come together.
# (The weight is 0.1 in all three, because less can be seen at 0.01.)

near, usual, far = (segment(astronaut, affinity=weigh(color=0.1, radius=r)) for r in (0.05, 0.2, 0.5))
compare(default, {"radius 0.05": near, "radius 0.2 (default)": usual, "radius 0.5": far})

# %%
# The matting affinity's epsilon
# ------------------------------
# The larger it is, the more variation of color counts as noise, and the softer edges become. At 1e-2 the
# photo's edges are hardly seen any more.

usual, large, huge = (segment(cat, affinity=weigh(epsilon=value)) for value in (1e-7, 1e-4, 1e-2))
compare(usual, {"epsilon 1e-7 (default)": usual, "epsilon 1e-4": large, "epsilon 1e-2": huge})

# %%
# Superpixels
# -----------
# The semantic and the color affinity see nothing smaller than a superpixel. With 500 or fewer, the model of
# the shuttle is no layer of its own.

coarse, medium = segment(astronaut, n_superpixels=100), segment(astronaut, n_superpixels=500)
compare(default, {"100": coarse, "500": medium, "2500 (default)": default})

# %%
# Eigenvectors
# ------------
# Layers are combinations of them. Ten cannot tell the head from the backdrop, and show veils of layers over
# each other. Between 30 and 100 there is little difference in a photo of a few large objects.

ten, thirty = segment(astronaut, n_eigenvectors=10), segment(astronaut, n_eigenvectors=30)
compare(default, {"10 eigenvectors": ten, "30": thirty, "100 (default)": default})

# %%
# Working size
# ------------
# Photos of more pixels than this are shrunk, and the layers carried up. Edges are found anew at full size,
# but what is too small in the copy is not seen as an object. The sizes here are much smaller than one would
# choose, because the photo is.

tiny, small = segment(astronaut, working_pixels=2_000), segment(astronaut, working_pixels=8_000)
compare(default, {"2,000 pixels": tiny, "8,000 pixels": small, "all 25,600 (default)": default})
plt.show()
