"""File formats as another package would write them: a right one, and some with planted bugs."""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from softseg.formats import Format, register
from softseg.testing import FormatCase


def write_layers(file, result):
    """Write an archive with a gray PNG for the alphas of each layer, from back to front."""
    with zipfile.ZipFile(file, "w") as archive:
        for k in result.order:
            with archive.open(f"data/layer{k}.png", "w") as entry:
                Image.fromarray(np.uint8(np.round(255 * result.alphas[:, :, k]))).save(entry, "PNG")


def save_ora(path, result, compress=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        write_layers(Path(scratch) / "new", result)
        os.replace(Path(scratch) / "new", path)


register(".ora", Format("layers for Krita", save_ora))


class TestORA(FormatCase):
    suffix = ".ora"

    def check(self, path, result):
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == [f"data/layer{k}.png" for k in result.order]
            for k in result.order:
                with archive.open(f"data/layer{k}.png") as entry, Image.open(entry) as image:
                    alphas = np.asarray(image) / 255
                # Half a step of 8 bits, and float32's rounding.
                np.testing.assert_allclose(alphas, result.alphas[:, :, k], rtol=0, atol=0.5 / 255 + 1e-6)


def save_in_place(path, result):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_layers(path, result)


register(".inplace", Format("layers for Krita", save_in_place))


class TestInPlace(TestORA):
    suffix = ".inplace"


class TestUnregistered(TestORA):
    suffix = ".unregistered"


register(".sentence", Format("Layers for Krita.", save_ora))


class TestSentence(TestORA):
    suffix = ".sentence"


def save_last_layer(path, result):
    alphas = np.zeros_like(result.alphas)
    alphas[:, :, -1] = result.alphas[:, :, -1]
    save_ora(path, type("Result", (), {"alphas": alphas, "order": result.order}))


register(".last", Format("the last layer", save_last_layer))


class TestLastLayer(TestORA):
    suffix = ".last"
