"""Opening and saving, as napari does it."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from napari.layers import Image, Labels
from psd_tools import PSDImage
from softseg import SoftSegmentation
from softseg.testing import random_result

from softseg_napari.display import mask_layer, soft_layers
from softseg_napari.reader import get_reader
from softseg_napari.segmentations import KEY, Segmentation, SoftLayer, known_of
from softseg_napari.writers import CannotSaveError

SAVERS = [".psd", ".exr", ".ora", ".npz"]


@pytest.fixture
def add(viewer):
    """Return a function that shows a segmentation."""

    def add(segmentation):
        layers = soft_layers("photo", segmentation, {})
        for layer in layers:
            viewer.add_layer(layer)
        return layers[:-1]

    return add


def saved(viewer, path, layers=None):
    """Save layers as File > Save Selected Layers does."""
    viewer.layers.selection = set(viewer.layers if layers is None else layers)
    return viewer.layers.save(str(path), selected=True)


def groups(path):
    """Return the names of a Photoshop file's layers, from back to front."""
    return [layer.name for layer in PSDImage.open(path) if layer.name != "black"]


def test_every_format(viewer, add, segmentation, tmp_path):
    known = segmentation()
    layers = add(known)
    for suffix in SAVERS:
        path = tmp_path / f"photo{suffix}"
        assert saved(viewer, path, layers) == [str(path)]
        assert path.stat().st_size > 0
    names = set(known.names())
    assert set(groups(tmp_path / "photo.psd")) == names
    with zipfile.ZipFile(tmp_path / "photo.ora") as archive:
        stack = archive.read("stack.xml").decode()
    assert all(f'name="{name}"' in stack for name in names)
    exr = pytest.importorskip("OpenEXR")
    with exr.File(str(tmp_path / "photo.exr")) as file:
        (spelled,) = (file.header()[key] for key in file.header() if key == "layerNames")
    assert all(name in str(spelled) for name in names)
    loaded = SoftSegmentation.load(tmp_path / "photo.npz")
    assert loaded.alphas == pytest.approx(known.results[()].alphas, abs=1e-4)  # 16 bits


def test_names_in_the_viewer_are_names_in_the_file(viewer, add, segmentation, tmp_path):
    layers = add(segmentation(count=2))
    layers[0].name, layers[1].name = "photo: sky", "the cat: 猫"
    saved(viewer, tmp_path / "a.psd", layers)
    assert set(groups(tmp_path / "a.psd")) == {"sky", "the cat: 猫"}


def test_some_layers_and_the_rest(viewer, add, segmentation, tmp_path):
    layers = add(segmentation(count=4))
    layers[1].name, layers[2].name = "rest", "b"
    saved(viewer, tmp_path / "a.psd", layers[1:3])
    assert set(groups(tmp_path / "a.psd")) == {"rest", "b", "rest of the rest"}
    photo = known_of(layers[0]).segmentation.results[()].image
    shown = np.asarray(PSDImage.open(tmp_path / "a.psd").topil().convert("RGB")) / 255
    assert shown == pytest.approx(photo, abs=1 / 255)


def test_what_is_not_softsegs_is_left_out(viewer, add, segmentation, tmp_path):
    add(segmentation(count=2))
    viewer.add_image(np.zeros((9, 9)))
    viewer.add_points([[1, 2]])
    viewer.add_shapes([[[1, 2], [3, 4]]], shape_type="line")
    saved(viewer, tmp_path / "a.psd")
    assert len(groups(tmp_path / "a.psd")) == 2


def test_what_a_layer_shows_is_what_is_saved(viewer, add, segmentation, tmp_path):
    layers = add(segmentation(count=2))
    layers[0].data = np.ones_like(layers[0].data)
    layers[1].data = np.zeros_like(layers[1].data)
    saved(viewer, tmp_path / "a.ora", layers)
    from PIL import Image as Picture

    with zipfile.ZipFile(tmp_path / "a.ora") as archive:
        pictures = [name for name in archive.namelist() if name.startswith("data/")]
        alphas = {
            int(np.asarray(Picture.open(archive.open(name)).convert("RGBA"))[..., 3].mean())
            for name in pictures
        }
    assert {0, 255} <= alphas


def test_a_mask_becomes_a_layer_and_the_rest(viewer, segmentation, tmp_path):
    known = segmentation()
    mask = mask_layer("photo", "clicks", known, {})
    mask.data[:, :10] = 1
    viewer.add_layer(mask)
    saved(viewer, tmp_path / "a.psd")
    assert set(groups(tmp_path / "a.psd")) == {"mask of clicks", "rest"}


def test_frames_go_to_files_of_their_own(viewer, add, segmentation, tmp_path):
    layers = add(segmentation(count=2, frames=[(place,) for place in range(8, 11)]))
    paths = [str(tmp_path / f"a-{place}.psd") for place in ("08", "09", "10")]
    assert saved(viewer, tmp_path / "a.psd", layers) == paths
    assert all(set(groups(path)) == {"layer 1", "layer 2"} for path in paths)


@pytest.mark.parametrize("suffix", SAVERS)
def test_nothing_to_save(viewer, tmp_path, suffix):
    viewer.add_image(np.zeros((9, 9)))
    with pytest.raises(CannotSaveError, match=rf"a\{suffix}: expected soft layers or a mask, got none"):
        viewer.layers.save(str(tmp_path / f"a{suffix}"), plugin="softseg-napari")
    assert not list(tmp_path.iterdir())


def test_layers_that_do_not_belong_together(viewer, add, segmentation, tmp_path):
    first, second = segmentation(), segmentation()
    layers = [*add(first), *add(second)]
    with pytest.raises(CannotSaveError, match="expected layers of one segmentation, got those of 2"):
        saved(viewer, tmp_path / "a.psd", layers)
    mask = viewer.add_layer(mask_layer("photo", "clicks", first, {}))
    with pytest.raises(CannotSaveError, match="expected either soft layers or masks, got both"):
        saved(viewer, tmp_path / "a.psd", [layers[0], mask])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (np.zeros((5, 5), np.float32), r"the layer 'sky' to have the photo's shape \(20, 30\), got \(5, 5\)"),
        (np.full((20, 30), np.nan, np.float32), "the layer 'sky' to be finite, got NaN or infinity"),
    ],
)
def test_layers_that_hold_something_else_by_now(viewer, add, segmentation, tmp_path, data, line):
    layers = add(segmentation(count=2))
    layers[0].name, layers[0].data = "photo: sky", data
    with pytest.raises(CannotSaveError, match=rf"^a\.psd: expected {line}[^\n]*$"):
        saved(viewer, tmp_path / "a.psd", layers)
    assert not list(tmp_path.iterdir())


def test_frames_that_are_missing_have_no_file(viewer, add, segmentation, tmp_path):
    layers = add(segmentation(count=2, frames=[(0,), (2,)]))
    assert saved(viewer, tmp_path / "a.psd", layers) == [str(tmp_path / f"a-{place}.psd") for place in (0, 2)]


def test_opening_an_archive(viewer, tmp_path, panel):
    result = random_result(np.random.default_rng(0), 20, 30, 3)
    result.save(tmp_path / "the cat.npz")
    viewer.open(str(tmp_path / "the cat.npz"), plugin="softseg-napari")
    photo, *layers, labels = viewer.layers
    assert photo.name == "the cat"
    assert photo.rgb
    assert not photo.visible
    assert photo.data == pytest.approx(result.image)
    assert all(isinstance(layer, Image) for layer in layers)
    assert sum(layer.data for layer in layers) == pytest.approx(1, abs=1e-4)
    assert isinstance(labels, Labels)
    # It can be selected from, and saved, at once.
    panel.widget.foreground.value = viewer.add_points([[5, 5]])
    panel.settle()
    assert panel.widget.hint.value.endswith("is selected.")
    assert saved(viewer, tmp_path / "again.npz", layers) == [str(tmp_path / "again.npz")]
    assert SoftSegmentation.load(tmp_path / "again.npz").alphas.shape == (20, 30, 3)


def test_npz_files_of_others_are_left_to_others(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    random_result(np.random.default_rng(0), 20, 30, 2).save(tmp_path / "ours.npz")
    assert get_reader(str(tmp_path / "other.npz")) is None
    assert get_reader(str(tmp_path / "broken.npz")) is None
    assert get_reader(str(tmp_path / "missing.npz")) is None
    assert get_reader([str(tmp_path / "ours.npz"), str(tmp_path / "other.npz")]) is None
    ours = [str(tmp_path / "ours.npz")]
    assert len(get_reader(ours * 2)(ours * 2)) == 2 * len(get_reader(ours)(ours))


def test_a_damaged_archive_is_an_error_of_one_line(tmp_path):
    random_result(np.random.default_rng(0), 20, 30, 2).save(tmp_path / "a.npz")
    with (
        zipfile.ZipFile(tmp_path / "a.npz") as whole,
        zipfile.ZipFile(tmp_path / "b.npz", "w") as damaged,
    ):
        for name in whole.namelist():
            damaged.writestr(name, whole.read(name)[: None if "values" not in name else 20])
    path = str(tmp_path / "b.npz")
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        get_reader(path)(path)


def test_metadata_of_duplicates(viewer, add, segmentation):
    (layer, *_) = add(segmentation())
    copy = type(layer).create(*layer.as_layer_data_tuple())
    assert isinstance(copy.metadata[KEY], SoftLayer)
    assert isinstance(copy.metadata[KEY].segmentation, Segmentation)
