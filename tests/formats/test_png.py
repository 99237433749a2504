"""A folder of PNG files: one per layer, and no more than that."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import io
from tests.results import Make

from softseg.layers import save
from softseg.result import SoftSegmentation
from softseg.testing import full_disk
from softseg.testing.format import names


@pytest.fixture
def result(make_segmentation: Make) -> SoftSegmentation:
    return make_segmentation(7, 11, 3)


@pytest.mark.parametrize("existing", [False, True])
def test_one_rgba_image_per_layer(tmp_path: Path, result: SoftSegmentation, existing: bool) -> None:
    folder = tmp_path / "out"
    if existing:
        folder.mkdir()
    save(folder, result)
    assert names(folder) == ["layer_1.png", "layer_2.png", "layer_3.png"]
    for number, layer in enumerate(result.rgba, start=1):
        image = io.imread(folder / f"layer_{number}.png")
        # Half a step of 8 bits, and float32's rounding.
        np.testing.assert_allclose(image / 255, layer, rtol=0, atol=0.5 / 255 + 1e-6)


def test_missing_parents_are_made(tmp_path: Path, result: SoftSegmentation) -> None:
    save(str(tmp_path / "a" / "b"), result)
    assert len(names(tmp_path / "a" / "b")) == 3


def test_an_existing_folder_may_have_any_name(tmp_path: Path, result: SoftSegmentation) -> None:
    for name in ("photo.jpg_layers", "layers.npz", "v0.1"):
        folder = tmp_path / name
        folder.mkdir()
        save(folder, result)
        assert len(names(folder)) == 3


def test_the_folder_holds_one_result_and_what_else_was_there(tmp_path: Path, make_segmentation: Make) -> None:
    kept = ["layer_0.png", "layer_04.png", "layer_4.png.txt", "layer_x.png", "notes.txt"]
    for name in kept:
        (tmp_path / name).write_text(name)
    save(tmp_path, make_segmentation(5, 6, 12))
    save(tmp_path, make_segmentation(5, 6, 2))
    assert names(tmp_path) == sorted([*kept, "layer_1.png", "layer_2.png"])


def test_a_failure_midway_leaves_no_file(
    tmp_path: Path, result: SoftSegmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = Image.Image.save, []

    def fail_at_the_third(image: Image.Image, path: Path, **options: object) -> None:
        if len(written) == 2:
            raise OSError("disk full")
        write(image, path, **options)
        written.append(path)

    monkeypatch.setattr(Image.Image, "save", fail_at_the_third)
    with pytest.raises(OSError, match="disk full"):
        save(tmp_path / "out", result)
    assert len(written) == 2
    assert names(tmp_path / "out") == []


def test_a_full_disk(tmp_path: Path, result: SoftSegmentation) -> None:
    with pytest.raises(OSError, match="too large"), full_disk(100):
        save(tmp_path / "out", result)
    assert names(tmp_path / "out") == []


def test_a_file_in_the_way(tmp_path: Path, result: SoftSegmentation) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(FileExistsError, match="out"):
        save(tmp_path / "out", result)
    assert (tmp_path / "out").read_text() == "mine"


def test_no_options(tmp_path: Path, result: SoftSegmentation) -> None:
    with pytest.raises(
        TypeError, match=r"\Ablend: no option of a folder, which has profile, names, alphas\Z"
    ):
        save(tmp_path / "out", result, blend="add")
    assert names(tmp_path) == []


def test_named_files(tmp_path: Path, result: SoftSegmentation) -> None:
    called = ["le café/Бар: 空?", "CON", " ... "]
    save(tmp_path, result, names=called)
    files = ["layer_1_le café_Бар_ 空_.png", "layer_2_CON.png", "layer_3.png"]
    assert [unicodedata.normalize("NFC", name) for name in names(tmp_path)] == files
    for file, name in zip(sorted(tmp_path.iterdir()), ["le café/Бар: 空?", "CON", "..."], strict=True):
        with Image.open(file) as picture:
            assert picture.text == {"Software": "softseg", "Title": name}


@pytest.mark.parametrize("letter", ["x", "é", "空", "🐈"])
def test_long_names_are_cut(tmp_path: Path, make_segmentation: Make, letter: str) -> None:
    save(tmp_path, make_segmentation(5, 6, 2), names=[f"{letter * 199}{number}" for number in (1, 2)])
    written = names(tmp_path)
    assert len(written) == 2
    assert all(letter * 30 in unicodedata.normalize("NFC", name) for name in written)


def test_other_names_take_the_place_of_earlier_ones_but_not_of_others_files(
    tmp_path: Path, result: SoftSegmentation
) -> None:
    Image.new("L", (3, 4)).save(tmp_path / "layer_1_mine.png")
    (tmp_path / "layer_2_notes.png").write_text("no picture")
    mine = names(tmp_path)
    for called, files in [
        (["sky", "sea", "sand"], ["layer_1_sky.png", "layer_2_sea.png", "layer_3_sand.png"]),
        (["sky", "Sea", "sun"], ["layer_1_sky.png", "layer_2_Sea.png", "layer_3_sun.png"]),
        (None, ["layer_1.png", "layer_2.png", "layer_3.png"]),
        (["a", "b", "c"], ["layer_1_a.png", "layer_2_b.png", "layer_3_c.png"]),
    ]:
        save(tmp_path, result, names=called)
        assert sorted(name.lower() for name in names(tmp_path)) == sorted(
            name.lower() for name in [*files, *mine]
        )


def test_alphas_alone(tmp_path: Path, result: SoftSegmentation) -> None:
    save(tmp_path, result)
    save(tmp_path, result, alphas=True)
    assert names(tmp_path) == [f"{kind}_{number}.png" for kind in ("alpha", "layer") for number in (1, 2, 3)]
    pictures = [io.imread(tmp_path / f"alpha_{number}.png") for number in (1, 2, 3)]
    assert all(picture.dtype == np.uint16 and picture.ndim == 2 for picture in pictures)
    alphas = np.stack(pictures, axis=2).astype(int)
    assert (alphas.sum(axis=2) == 65535).all()
    # No alpha is off by a whole step; the sum of alphas in float32 is off by as much as a few of 2**-24.
    assert np.abs(alphas - 65535 * result.alphas.astype(float)).max() < 1 + 65535 * 2**-20


def test_alphas_take_the_place_of_earlier_alphas_only(tmp_path: Path, make_segmentation: Make) -> None:
    Image.new("L", (3, 4)).save(tmp_path / "alpha_7.png")
    save(tmp_path, make_segmentation(5, 6, 4), alphas=True)
    save(tmp_path, make_segmentation(5, 6, 2), alphas=True, names=["sky", "sea"])
    assert names(tmp_path) == ["alpha_1_sky.png", "alpha_2_sea.png", "alpha_7.png"]
