"""Files out: what is written is what the result holds, whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from softseg.layers._whole import whole_files
from softseg.layers.export import save

Make = Callable[[int, int, int], SimpleNamespace]


@pytest.fixture
def result(make_result: Make) -> SimpleNamespace:
    return make_result(7, 11, 3)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestPNGFolder:
    @pytest.mark.parametrize("existing", [False, True])
    def test_one_rgba_image_per_layer(self, tmp_path: Path, result: SimpleNamespace, existing: bool) -> None:
        folder = tmp_path / "out"
        if existing:
            folder.mkdir()
        save(folder, result)
        assert names(folder) == ["layer_1.png", "layer_2.png", "layer_3.png"]
        for number, layer in enumerate(result.rgba, start=1):
            with Image.open(folder / f"layer_{number}.png") as image:
                assert image.mode == "RGBA"
                # Half a step of 8 bits, and float32's rounding.
                np.testing.assert_allclose(np.asarray(image) / 255, layer, rtol=0, atol=0.5 / 255 + 1e-6)

    def test_missing_parents_are_made(self, tmp_path: Path, result: SimpleNamespace) -> None:
        save(str(tmp_path / "a" / "b"), result)
        assert len(names(tmp_path / "a" / "b")) == 3

    def test_an_existing_folder_may_have_any_name(self, tmp_path: Path, result: SimpleNamespace) -> None:
        for name in ("photo.jpg_layers", "layers.npz", "v0.1"):
            folder = tmp_path / name
            folder.mkdir()
            save(folder, result)
            assert len(names(folder)) == 3

    def test_the_folder_holds_one_result_and_what_else_was_there(
        self, tmp_path: Path, make_result: Make
    ) -> None:
        kept = ["layer_0.png", "layer_04.png", "layer_4.png.txt", "layer_x.png", "notes.txt"]
        for name in kept:
            (tmp_path / name).write_text(name)
        save(tmp_path, make_result(5, 6, 12))
        save(tmp_path, make_result(5, 6, 2))
        assert names(tmp_path) == sorted([*kept, "layer_1.png", "layer_2.png"])

    def test_a_failure_midway_leaves_no_file(
        self, tmp_path: Path, result: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write, written = Image.Image.save, []

        def fail_at_the_third(image: Image.Image, path: Path) -> None:
            if len(written) == 2:
                raise OSError("disk full")
            write(image, path)
            written.append(path)

        monkeypatch.setattr(Image.Image, "save", fail_at_the_third)
        with pytest.raises(OSError, match="disk full"):
            save(tmp_path / "out", result)
        assert len(written) == 2
        assert names(tmp_path / "out") == []

    def test_a_file_in_the_way(self, tmp_path: Path, result: SimpleNamespace) -> None:
        (tmp_path / "out").write_text("mine")
        with pytest.raises(FileExistsError, match="out"):
            save(tmp_path / "out", result)
        assert (tmp_path / "out").read_text() == "mine"


class TestNPZ:
    @pytest.mark.parametrize("name", ["layers.npz", "LAYERS.NPZ", "a.b.npz"])
    def test_round_trip(self, tmp_path: Path, result: SimpleNamespace, name: str) -> None:
        save(tmp_path / name, result)
        assert names(tmp_path) == [name]
        with np.load(tmp_path / name, allow_pickle=False) as file:
            arrays = dict(file)
        np.testing.assert_array_equal(arrays["alphas"], result.alphas)
        np.testing.assert_array_equal(arrays["features"], result.features)
        np.testing.assert_array_equal(arrays["superpixels"], result.superpixels)
        np.testing.assert_array_equal(arrays["eigenvalues"], result.eigenpairs.values)
        np.testing.assert_array_equal(arrays["residuals"], result.eigenpairs.residuals)
        assert arrays["converged"].item() is True
        assert arrays["image"].dtype == np.uint8
        np.testing.assert_allclose(arrays["image"] / 255, result.image, rtol=0, atol=0.5 / 255 + 1e-9)
        # float16 rounds to within 2^-11 of each value; values of less than 2^-14 to within 2^-25.
        for key in ("colors", "initial_alphas"):
            assert arrays[key].dtype == np.float16
            np.testing.assert_allclose(arrays[key], getattr(result, key), rtol=2**-11, atol=2**-25)
        timings = dict(zip(arrays["timing_stages"].tolist(), arrays["timing_seconds"].tolist(), strict=True))
        assert timings == result.timings
        documented = {"alphas", "colors", "image", "features", "superpixels", "initial_alphas", "eigenvalues"}
        assert set(arrays) == documented | {"residuals", "converged", "timing_stages", "timing_seconds"}

    def test_missing_parents_are_made(self, tmp_path: Path, result: SimpleNamespace) -> None:
        save(tmp_path / "a" / "layers.npz", result)
        assert names(tmp_path / "a") == ["layers.npz"]

    def test_a_failure_midway_leaves_what_was_there(
        self, tmp_path: Path, result: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def half_a_file(file, **_: object) -> None:  # type: ignore[no-untyped-def]
            file.write(b"half")
            raise OSError("disk full")

        (tmp_path / "layers.npz").write_text("before")
        monkeypatch.setattr(np, "savez_compressed", half_a_file)
        for path in (tmp_path / "layers.npz", tmp_path / "new.npz"):
            with pytest.raises(OSError, match="disk full"):
                save(path, result)
        assert names(tmp_path) == ["layers.npz"]
        assert (tmp_path / "layers.npz").read_text() == "before"


@pytest.mark.parametrize("name", ["layers.tif", "layers.npz.gz", "layers.png", "v0.1"])
def test_unknown_suffixes_list_the_known_ones(tmp_path: Path, result: SimpleNamespace, name: str) -> None:
    with pytest.raises(ValueError, match=r"\Apath: expected a folder or .*\.npz.*" + name + r"\Z"):
        save(tmp_path / name, result)
    assert names(tmp_path) == []


def test_files_get_the_usual_permissions(tmp_path: Path, result: SimpleNamespace) -> None:
    before = os.umask(0o022)
    try:
        save(tmp_path / "layers.npz", result)
        save(tmp_path / "png", result)
    finally:
        os.umask(before)
    for path in (tmp_path / "layers.npz", tmp_path / "png" / "layer_1.png"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_whole_files_appear_only_at_the_end(tmp_path: Path) -> None:
    with whole_files(tmp_path) as scratch:
        (scratch / "file").write_text("new")
        assert not (tmp_path / "file").exists()
        assert scratch.parent == tmp_path
    assert names(tmp_path) == ["file"]


def test_no_file_appears_when_interrupted(tmp_path: Path) -> None:
    def interrupted() -> None:
        with whole_files(tmp_path) as scratch:
            (scratch / "file").write_text("newer")
            raise KeyboardInterrupt

    (tmp_path / "file").write_text("new")
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "file").read_text() == "new"
    assert names(tmp_path) == ["file"]
