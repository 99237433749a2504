"""First use: from a photo to soft layers, in one call."""

import sys

from PIL import Image
from skimage import data

from softseg import segment
from softseg.layers import contact_sheet


def main(path="first_use.png", width=320):
    photo = Image.fromarray(data.rocket())
    photo.thumbnail((width, width))

    result = segment(photo)

    print(result)  # each layer's index, area and mean color
    print(result.alphas.shape, result.colors.shape)  # (H, W, K) and (H, W, K, 3), both from 0 to 1
    contact_sheet(result).save(path)  # result.save("rocket.psd") and others write the layers themselves


if __name__ == "__main__":
    main(*sys.argv[1:2])
