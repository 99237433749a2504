"""Folders in both layouts, and crops whose label maps stay with their photos."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from softseg.training import Folder
from softseg.training.data import Example, find, jitter, load, paste, random_crop, read


def test_regions_layout(photos):
    (photo, maps), *others = find(Folder("."), photos)
    assert len(others) == 9
    assert photo.name == "photo0.jpg"
    assert [path.name for path in maps] == ["photo0.regions0.png", "photo0.regions1.png"]
    example = read(photo, maps, Folder("."))
    assert example.photo.shape == (64, 96, 3)
    assert np.unique(example.regions[0]).tolist() == [1, 2, 3]
    assert np.unique(example.regions[1]).tolist() == [1, 2]


def test_further_unlabelled_numbers(photos):
    folder = Folder(".", unlabelled=(2,))
    example = read(*find(folder, photos)[0], folder)
    assert np.unique(example.regions[0]).tolist() == [0, 1, 3]


def test_a_catch_all_background_is_no_region(photos):
    folder = Folder(".", background=(2,))
    example = read(*find(folder, photos)[0], folder)
    assert np.unique(example.regions[0]).tolist() == [-1, 1, 3]


def test_the_background_is_not_pasted(rng):
    photo = np.zeros((8, 8, 3), np.uint8)
    regions = np.ones((1, 8, 8), np.int8)
    regions[0, :2] = -1
    regions[0, 6:] = 0
    regions[0, 2:4] = 2
    onto = Example(photo, np.ones((1, 8, 8), np.int8))
    for _ in range(20):
        pasted = paste(onto, Example(photo + 9, regions), rng)
        assert (pasted.photo[:2] == 0).all()
        assert (pasted.photo[2:6] == 9).any()
        assert (pasted.photo[6:] == 0).all()


def test_coco_stuff_layout(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (4, 3)).save(tmp_path / "images" / f"{name}.jpg")
    # Classes count from 0 there, and 255 is unlabelled.
    numbers = np.array([[0, 1, 255, 181]] * 3, np.uint8)
    Image.fromarray(numbers).save(tmp_path / "annotations" / "b.png")
    folder = Folder(".", layout="coco-stuff")
    ((photo, maps),) = find(folder, tmp_path)
    assert photo.name == "b.jpg"
    assert read(photo, maps, folder).regions[0, 0].tolist() == [1, 2, 0, 182]


def test_portion_and_validation(photos):
    used = find(Folder(".", portion=0.85), photos)
    assert [photo.stem for photo, _ in used] == [f"photo{k}" for k in range(8)]
    loaded = load((Folder(".", weight=3.0, validate_every=4), Folder(".", portion=0.4)), photos)
    assert len(loaded.validation) == 3
    np.testing.assert_allclose(loaded.weights, [3 / 25] * 7 + [1 / 25] * 4)


def test_a_folder_without_photos(tmp_path):
    with pytest.raises(FileNotFoundError, match="no photos with label maps in the layout 'regions'"):
        find(Folder("."), tmp_path)


def test_an_unknown_layout(tmp_path):
    with pytest.raises(ValueError, match="layout: expected one of regions, coco-stuff, got 'voc'"):
        find(Folder(".", layout="voc"), tmp_path)


def test_a_map_of_another_size(photos):
    Image.new("L", (5, 5)).save(photos / "photo0.regions0.png")
    Image.new("L", (5, 5)).save(photos / "photo0.regions1.png")
    with pytest.raises(ValueError, match=r"photo0.regions0.png: expected the size of its photo, \(64, 96\)"):
        read(*find(Folder("."), photos)[0], Folder("."))


def test_a_map_that_is_a_color_image(photos):
    Image.new("RGB", (96, 64)).save(photos / "photo0.regions0.png")
    with pytest.raises(ValueError, match="expected a map of numbers"):
        read(*find(Folder("."), photos)[0], Folder("."))


def gradient(height, width):
    """Return a photo whose red is its row and whose green is its column, and the same in two label maps."""
    y, x = np.mgrid[:height, :width]
    photo = np.stack([y, x, np.zeros_like(x)], axis=2).astype(np.uint8)
    return Example(photo, np.stack([y + 1, x + 1]).astype(np.uint8))


@pytest.mark.parametrize("zoom", [0.5, 1.0, 1.7])
def test_photo_and_maps_are_cut_alike(zoom, rng):
    example = gradient(200, 150)
    for _ in range(20):
        crop = random_crop(example, (60, 40), (zoom, zoom), rng)
        assert crop.photo.shape == (60, 40, 3)
        assert (crop.regions > 0).all()  # it fits: nothing is outside
        middle = np.s_[2:-2, 2:-2]  # at the borders shrinking averages one-sidedly
        for channel in (0, 1):
            colors, numbers = crop.photo[middle][..., channel], crop.regions[channel][middle]
            assert np.abs(colors.astype(float) - (numbers - 1.0)).max() <= 1 + 0.5 / zoom


def test_half_of_the_crops_are_mirrored(rng):
    crops = [random_crop(gradient(50, 60), (20, 30), (1.0, 1.0), rng) for _ in range(200)]
    mirrored = sum(bool(c.regions[1, 0, 0] > c.regions[1, 0, -1]) for c in crops)
    assert 70 < mirrored < 130
    assert not any(c.regions[0, 0, 0] > c.regions[0, -1, 0] for c in crops)


def test_outside_repeats_the_edge_and_is_unlabelled(rng):
    crop = random_crop(gradient(20, 200), (60, 60), (1.0, 1.0), rng)
    labelled = crop.regions[0] > 0
    rows = np.flatnonzero(labelled.any(1))
    assert 17 <= len(rows) <= 23
    assert labelled[rows].all()
    assert np.abs(rows.mean() - 29.5) <= 1
    assert (crop.photo[: rows[0] - 1, :, 0] == 0).all()
    assert (crop.photo[rows[-1] + 2 :, :, 0] == 19).all()


def test_paste_adds_one_region_for_all_annotators(rng):
    onto = Example(np.zeros((30, 40, 3), np.uint8), np.stack([np.full((30, 40), 7)] * 2))
    labels = np.ones((30, 40), int)
    labels[5:15, 10:25] = 4
    source = Example(np.full((30, 40, 3), 200, np.uint8), labels[None])
    pasted = paste(onto, source, rng)
    for regions in pasted.regions:
        assert np.array_equal(regions == 8, labels == 4)
        assert np.array_equal(regions == 7, labels != 4)
    assert np.array_equal(pasted.photo[..., 0] == 200, labels == 4)


def test_nothing_is_pasted_where_all_regions_are_too_large(rng):
    onto = gradient(30, 40)
    source = Example(onto.photo, np.ones((1, 30, 40), int))
    assert paste(onto, source, rng) is onto


def test_jitter(rng):
    photo = rng.integers(0, 256, (20, 30, 3), np.uint8)
    changed = jitter(photo, 0.3, 0.0, rng)
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert np.abs(changed - photo / 255).max() > 0.02
