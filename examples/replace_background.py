"""Cut a person out, hair and all, and put her before the Hubble Deep Field."""

import sys

import numpy as np
from PIL import Image, ImageOps
from skimage import data

from softseg import segment


def main(path="replace_background.png", width=320):
    photo = Image.fromarray(data.astronaut())
    photo.thumbnail((width, width))
    result = segment(photo)

    # The layer that a pixel of the backdrop is mostly in; she is in the others.
    backdrop = int(result.alphas[photo.height // 10, int(0.65 * photo.width)].argmax())
    person = [k for k in result.order if k != backdrop]

    sky = ImageOps.fit(Image.fromarray(data.hubble_deep_field()), photo.size)
    before_the_sky = result.composite(sky, layers=person)  # without a background it would be RGBA
    Image.fromarray(np.uint8(255 * np.hstack([result.image, before_the_sky]))).save(path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
