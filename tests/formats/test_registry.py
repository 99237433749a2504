"""Files out: the suffix chooses the writer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from tests.results import Make

from softseg import Affinity, LayerStack, MattingAffinity
from softseg.formats import FORMATS, Format, check_output, format_of, register
from softseg.layers import load, save
from softseg.result import SoftSegmentation
from softseg.testing.format import names


@pytest.mark.parametrize("name", ["layers.gif", "layers.npz.gz", "v0.1"])
def test_unknown_suffixes_list_the_known_ones(tmp_path: Path, make_segmentation: Make, name: str) -> None:
    known = ", ".join(FORMATS).replace(".", r"\.")
    with pytest.raises(ValueError, match=rf"\Apath: expected a folder or .* {known}, got .*{name}\Z"):
        save(tmp_path / name, make_segmentation(5, 8, 2))
    assert names(tmp_path) == []


def test_known_options_are_named(tmp_path: Path, make_segmentation: Make) -> None:
    result = make_segmentation(5, 8, 2)
    with pytest.raises(
        TypeError, match=r"\Ablnd: no option of \.PSD, which has blend, profile, names, base\Z"
    ):
        save(tmp_path / "out.PSD", result, blnd="normal")
    with pytest.raises(TypeError, match=r"\Ablend: no option of \.png, which has none\Z"):
        save(tmp_path / "out.png", result, blend="normal")


class Untouched(LayerStack):
    """Layers whose colors must not be asked for."""

    @property
    def colors(self) -> np.ndarray:  # type: ignore[override]
        raise AssertionError("work before the checks")


class TestBeforeAnyWork:
    """What can be known to be impossible is refused before colors are found."""

    @pytest.mark.parametrize("size", [(3, 30_001), (30_001, 3)])
    def test_photoshop_files_have_30000_pixels_a_side(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
    ) -> None:
        def fail(*_: object) -> None:
            raise AssertionError("work before the checks")

        monkeypatch.setattr("softseg.formats.blending.color_strips", fail)
        stack = Untouched(np.zeros((*size, 3)), np.ones((*size, 1), dtype=np.float32))
        message = (
            rf"\Apath: a \.psd file holds at most 30000 pixels a side, got {size[1]}x{size[0]} for .*\.PSD\Z"
        )
        with pytest.raises(ValueError, match=message):
            save(tmp_path / "a" / "out.PSD", stack)
        assert names(tmp_path) == []

    def test_as_many_as_that_can_be_written(self, tmp_path: Path) -> None:
        check_output(tmp_path / "out.psd", 30_000, 30_000)
        check_output(tmp_path / "out.html", 30_001, 3)
        assert names(tmp_path) == []

    @pytest.mark.parametrize("suffix", [*FORMATS, ""])
    def test_where_there_can_be_no_folder(self, tmp_path: Path, suffix: str) -> None:
        (tmp_path / "file").write_text("mine")
        stack = Untouched(np.zeros((3, 3, 3)), np.ones((3, 3, 1), dtype=np.float32))
        with pytest.raises(OSError, match="file"):
            save(tmp_path / "file" / f"out{suffix}", stack)
        assert names(tmp_path) == ["file"]

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may write anywhere"
    )
    def test_folders_that_may_not_be_written(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(PermissionError):
            check_output(tmp_path / "out.psd", 3, 3)

    def test_missing_folders_are_made(self, tmp_path: Path) -> None:
        check_output(tmp_path / "a" / "b.psd", 3, 3)
        check_output(tmp_path / "c" / "d", 3, 3)
        assert names(tmp_path) == ["a", "c"]
        assert names(tmp_path / "a") == []
        assert names(tmp_path / "c") == ["d"]


class TestFormatsOfOthers:
    @pytest.fixture(autouse=True)
    def spare_registry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FORMATS, "_known", dict(FORMATS._known))

    def test_are_written_by_their_suffix(self, tmp_path: Path, make_segmentation: Make) -> None:
        def save_text(path: Path, result: SoftSegmentation, unit: str = "layers") -> None:
            path.write_text(f"{result.alphas.shape[2]} {unit}")

        register(".zip", Format("layers for friends", save_text))
        result = make_segmentation(5, 8, 2)
        save(tmp_path / "one.zip", result)
        result.save(tmp_path / "two.ZIP", unit="pieces")
        assert (tmp_path / "one.zip").read_text() == "2 layers"
        assert (tmp_path / "two.ZIP").read_text() == "2 pieces"
        with pytest.raises(TypeError, match=r"\Aunti: no option of \.zip, which has unit\Z"):
            save(tmp_path / "three.zip", result, unti="layers")
        assert names(tmp_path) == ["one.zip", "two.ZIP"]

    def test_a_writer_that_takes_any_option_gets_it(self, tmp_path: Path, make_segmentation: Make) -> None:
        given = {}

        def keep(path: Path, result: SoftSegmentation, **options: object) -> None:
            given.update(options)

        register(".zip", Format("nothing", keep))
        save(tmp_path / "out.zip", make_segmentation(5, 8, 2), zoom=3)
        assert given == {"zoom": 3}

    def test_a_writer_by_name_is_imported_when_a_file_is_written(
        self, tmp_path: Path, make_segmentation: Make
    ) -> None:
        register(".zip", Format("nothing", "there_is_no_such_package:save"))
        found = format_of("out.zip")
        assert found is not None
        assert found.meaning == "nothing"
        with pytest.raises(ModuleNotFoundError):
            save(tmp_path / "out.zip", make_segmentation(5, 8, 2))

    @pytest.mark.parametrize("suffix", ["ora", "", ".", ".ZIP", ".tar.gz", ".o/ra", ".o ra"])
    def test_suffixes_that_no_file_ends_in(self, suffix: str) -> None:
        with pytest.raises(ValueError, match=r"\Asuffix: expected a dot and lower-case letters, such as"):
            register(suffix, Format("nothing", print))
        assert suffix not in FORMATS

    def test_taken_suffixes(self) -> None:
        with pytest.raises(ValueError, match=r"\Asuffix: expected one that is not taken, got '\.psd'\Z"):
            register(".psd", Format("nothing", print))

    def test_a_writer_of_another_form(self) -> None:
        with pytest.raises(ValueError, match=r"\Afactory: expected 'package.module:name', got 'save_ora'\Z"):
            Format("layers for friends", "save_ora")

    def test_are_read_by_their_suffix(self, tmp_path: Path, make_segmentation: Make) -> None:
        kept, asked = {}, []

        def save_number(path: Path, result: SoftSegmentation) -> None:
            kept[len(kept)] = result
            path.write_text(json.dumps(len(kept) - 1))

        def load_number(path: Path, affinity: Affinity | None) -> dict[str, object]:
            asked.append(affinity)
            result = kept[json.loads(Path(path).read_text())]
            return {one.name: getattr(result, one.name) for one in fields(result) if one.init}

        register(".zip", Format("a number", save_number, load_number))
        result = make_segmentation(5, 8, 2)
        result.save(tmp_path / "one.zip")
        loaded = SoftSegmentation.load(tmp_path / "one.zip")
        assert type(loaded) is SoftSegmentation
        assert loaded.alphas is result.alphas
        (tmp_path / "one.zip").rename(tmp_path / "two.ZIP")
        assert load(str(tmp_path / "two.ZIP"), MattingAffinity()).alphas is result.alphas
        assert asked == [None, MattingAffinity()]

    def test_a_reader_by_name_is_imported_when_a_file_is_read(self) -> None:
        register(".zip", Format("nothing", print, "there_is_no_such_package:load"))
        with pytest.raises(ModuleNotFoundError):
            load("out.zip")

    def test_a_reader_of_another_form(self) -> None:
        with pytest.raises(ValueError, match=r"\Afactory: expected 'package.module:name', got 'load_ora'\Z"):
            Format("layers for friends", print, "load_ora")

    @pytest.mark.parametrize("name", ["photo.zip", "photo.psd", "photo", "photo.tif", "photo.npz.bak"])
    def test_where_nothing_can_be_read_what_can_be_is_listed(self, tmp_path: Path, name: str) -> None:
        register(".mine", Format("everything", print, dict))
        register(".zip", Format("layers for friends", print))
        register(".broken", "there_is_no_such_package:FORMAT")
        (tmp_path / name).touch()
        message = r"\Apath: expected an archive that .* can read, whose name ends in \.npz, \.mine, got .*"
        with pytest.raises(ValueError, match=message + re.escape(name) + r"\Z"):
            load(tmp_path / name)


def test_the_methods_save_and_load(tmp_path: Path, make_segmentation: Make) -> None:
    result = make_segmentation(5, 8, 2)
    result.save(tmp_path / "out.npz")
    assert (type(result).load(tmp_path / "out.npz").features == result.features).all()


def test_a_format_costs_nothing_until_it_is_written() -> None:
    code = (
        "import sys; from softseg.layers import save, load;"
        "print(*{'psd_tools', 'pycocotools', 'torch', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() in ([], ["PIL"])
