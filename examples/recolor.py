"""Give one object another color: a red saucer becomes blue."""

import sys

import numpy as np
from PIL import Image
from skimage import data

from softseg import segment


def main(path="recolor.png", width=320):
    photo = Image.fromarray(data.coffee())
    photo.thumbnail((width, width))
    before = segment(photo)

    saucer = int(before.alphas[int(0.5 * photo.height), int(0.2 * photo.width)].argmax())
    after = before.edit(saucer, lambda colors: colors[:, :, ::-1])  # red and blue change places

    Image.fromarray(np.uint8(255 * np.hstack([before.image, after.image]))).save(path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
