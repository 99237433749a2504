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


def write_layers(file, result, compress=False, comment=""):
    """Write an archive with a gray PNG for the alphas of each layer, from back to front."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        archive.comment = comment.encode()
        for k in result.order:
            with archive.open(f"data/layer{k}.png", "w") as entry:
                Image.fromarray(np.uint8(np.round(255 * result.alphas[:, :, k]))).save(entry, "PNG")


def save_ora(path, result, compress=False, comment=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        write_layers(Path(scratch) / "new", result, compress, comment)
        os.replace(Path(scratch) / "new", path)


register(".zip", Format("layers for friends", save_ora))


class ArchiveCase(FormatCase):
    def check(self, path, result):
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == [f"data/layer{k}.png" for k in result.order]
            for k in result.order:
                with archive.open(f"data/layer{k}.png") as entry, Image.open(entry) as image:
                    alphas = np.asarray(image) / 255
                # Half a step of 8 bits, and float32's rounding.
                np.testing.assert_allclose(alphas, result.alphas[:, :, k], rtol=0, atol=0.5 / 255 + 1e-6)


class TestORA(ArchiveCase):
    suffix = ".zip"
    others = {"comment": "of a photo"}  # noqa: RUF012


class TestORAWithoutOthers(ArchiveCase):
    suffix = ".zip"


def save_in_place(path, result):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_layers(path, result)


register(".inplace", Format("layers for friends", save_in_place))


class TestInPlace(ArchiveCase):
    suffix = ".inplace"


class TestUnregistered(ArchiveCase):
    suffix = ".unregistered"


register(".sentence", Format("Layers for Krita.", lambda path, result: save_ora(path, result)))


class TestSentence(ArchiveCase):
    suffix = ".sentence"


def save_last_layer(path, result):
    alphas = np.zeros_like(result.alphas)
    alphas[:, :, -1] = result.alphas[:, :, -1]
    save_ora(path, type("Result", (), {"alphas": alphas, "order": result.order}))


register(".last", Format("the last layer", save_last_layer))


class TestLastLayer(ArchiveCase):
    suffix = ".last"


def save_then_tidy(path, result):
    """Tidy up after a full disk, and after nothing else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.parent / "draft"
    try:
        write_layers(draft, result)
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


register(".tidy", Format("layers for friends", save_then_tidy))


class TestTidyAfterOSErrorOnly(ArchiveCase):
    suffix = ".tidy"


def save_then_tidy_unless_interrupted(path, result):
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.parent / "draft"
    try:
        write_layers(draft, result)
        os.replace(draft, path)
    except Exception:
        draft.unlink(missing_ok=True)
        raise


register(".tidier", Format("layers for friends", save_then_tidy_unless_interrupted))


class TestTidyUnlessInterrupted(ArchiveCase):
    suffix = ".tidier"


def save_and_round(path, result):
    save_ora(path, result)
    np.divide(np.round(255 * result.alphas), 255, out=result.alphas)


register(".round", Format("layers for friends", save_and_round))


class TestRoundsTheResult(ArchiveCase):
    suffix = ".round"


def save_and_sort(path, result):
    save_ora(path, result)
    result.eigenpairs.residuals.sort()


register(".sort", Format("layers for friends", save_and_sort))


class TestSortsTheResiduals(ArchiveCase):
    suffix = ".sort"


def save_whatever_is_asked(path, result, compress=False, quality=90):
    save_ora(path, result)


register(".whatever", Format("layers for friends", save_whatever_is_asked))


class TestIgnoresASwitch(ArchiveCase):
    suffix = ".whatever"


def save_of_any_quality(path, result, quality=90):
    save_ora(path, result)


register(".quality", Format("layers for friends", save_of_any_quality))


class TestIgnoresAnOption(ArchiveCase):
    suffix = ".quality"
    others = {"quality": 10}  # noqa: RUF012


def save_on_any_switch(path, result, **options):
    """Take any option, of which there is one."""
    if set(options) - {"compress"}:
        raise TypeError(f"{min(options)}: no option of {path.suffix}, which has compress")
    save_ora(path, result)


register(".any", Format("layers for friends", save_on_any_switch))


class TestIgnoresAnUnlistedOption(ArchiveCase):
    suffix = ".any"
    others = {"compress": True}  # noqa: RUF012


def save_in_private(path, result):
    """Move a file of `tempfile` to its place, which only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        handle, draft = tempfile.mkstemp(dir=scratch)
        with open(handle, "wb") as file:
            write_layers(file, result)
        os.replace(draft, path)


register(".private", Format("layers for friends", save_in_private))


class TestPrivate(ArchiveCase):
    suffix = ".private"


def save_in_small_letters(path, result):
    save_ora(path.with_suffix(".small"), result)


register(".small", Format("layers for friends", save_in_small_letters))


class TestSmallLetters(ArchiveCase):
    suffix = ".small"
