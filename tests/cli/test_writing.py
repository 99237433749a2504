"""The options that writers of outputs are told: names, a given Photoshop file, alphas alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.command import FakeSegment, listed, one_line

import softseg
from softseg.cli import main
from softseg.formats import save
from softseg.testing import random_result

# `FakeSegment` returns two layers.
TWO = ["--layers", "2"]


@pytest.fixture
def base(photo: Path, rng: np.random.Generator) -> Path:
    """Write a Photoshop file of the photo's size."""
    pytest.importorskip("psd_tools")
    save("base.psd", random_result(rng, 24, 32, 2))
    return Path("base.psd")


class TestNames:
    def test_outputs_that_have_names_get_them(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        outputs = ["-o", "out", "-o", "a.npz", "-o", "a.html"]
        assert main(["segment", photo.name, *TWO, "--names", " le ciel,cat/dog", *outputs]) == 0
        expected = ["layer_1_le ciel.png", "layer_2_cat_dog.png"]
        assert listed("out") == ["contact_sheet.png", *expected, "layers.npz"]
        assert f"{expected[0]} .. {expected[1]}, contact_sheet.png" in capsys.readouterr().out
        assert "cat/dog" in Path("a.html").read_text(encoding="utf-8")

    def test_other_names_are_another_result(self, segment: FakeSegment, photo: Path) -> None:
        for names, count in (("a,b", 1), ("a,b", 1), ("a,c", 2)):
            assert main(["segment", photo.name, *TWO, "-q", "--names", names, "-o", "out"]) == 0
            assert len(segment.images) == count
        assert listed("out") == ["contact_sheet.png", "layer_1_a.png", "layer_2_c.png", "layers.npz"]

    def test_a_named_layer_that_somebody_painted_on_is_kept(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["segment", photo.name, *TWO, "-q", "-o", "out", "--names"]
        assert main([*command, "a,b"]) == 0
        Path("out/layer_1_a.png").write_bytes(b"painted on")
        assert main([*command, "a,c"]) == 1
        assert "somebody changed it" in one_line(capsys)
        assert Path("out/layer_1_a.png").read_bytes() == b"painted on"

    @pytest.mark.parametrize(
        ("names", "said"),
        [
            ("a", "names: expected 2, one for each layer, got 1"),
            ("a,b,c", "names: expected 2, one for each layer, got 3"),
            ("a,a", "expected a name that no other layer has"),
            ("a,", "names[1]: expected a name"),
            ("", "names[0]: expected a name"),
            ("a,b\nc", "expected one line of text"),
        ],
    )
    def test_bad_names(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        names: str,
        said: str,
    ) -> None:
        assert main(["segment", photo.name, *TWO, "--names", names]) == 2
        message = one_line(capsys)
        assert "'--names'" in message
        assert said in message
        assert segment.images == []

    def test_the_default_number_of_layers_counts(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name, "--names", "a,b"]) == 2
        assert "names: expected 5" in one_line(capsys)

    def test_a_number_that_is_known_later_loses_no_work(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["segment", photo.name, "--layers", "auto", "-q", "--names", "a,b,c"]
        assert main([*command, "-o", "out", "-o", "a.npz"]) == 1
        assert "names: expected 2, one for each layer, got 3" in one_line(capsys)
        assert Path("a.npz").is_file()
        assert Path("out/layers.npz").is_file()

    @pytest.mark.usefixtures("segment")
    def test_archives_keep_them(self, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        command = ["segment", photo.name, *TWO, "-q", "-o", "a.npz", "-o", "out", "--names"]
        assert main([*command, "sky,cat"]) == 0
        for archive in ("a.npz", "out/layers.npz"):
            assert softseg.SoftSegmentation.load(archive).names == ("sky", "cat")

    @pytest.mark.usefixtures("segment")
    def test_an_archive_is_there_even_if_they_do_not_fit(
        self, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["segment", photo.name, "--layers", "auto", "-q", "-o", "a.npz", "--names"]
        assert main([*command, "a,b,c"]) == 1
        assert "cannot write a.npz: names: expected 2, one for each layer, got 3" in one_line(capsys)
        assert softseg.SoftSegmentation.load("a.npz").names is None
        assert main([*command, "a,b"]) == 0
        assert softseg.SoftSegmentation.load("a.npz").names == ("a", "b")


class TestBase:
    def test_layers_are_added(self, segment: FakeSegment, photo: Path, base: Path) -> None:
        given = base.read_bytes()
        assert main(["segment", photo.name, "-q", "-o", "a.psd", "--base", base.name]) == 0
        from psd_tools import PSDImage

        names = [layer.name for layer in PSDImage.open("a.psd")]
        assert names == [*(layer.name for layer in PSDImage.open(base)), "softseg"]
        assert base.read_bytes() == given

    def test_its_content_counts(
        self, segment: FakeSegment, photo: Path, base: Path, rng: np.random.Generator
    ) -> None:
        command = ["segment", photo.name, "-q", "-o", "a.psd", "--base"]
        assert main([*command, base.name]) == 0
        made_from = json.loads(Path(".softseg/a.psd.json").read_bytes())["made_from"]
        assert made_from["base"] == hashlib.sha256(base.read_bytes()).hexdigest()
        base.rename("moved.psd")
        assert main([*command, "moved.psd"]) == 0
        assert len(segment.images) == 1
        save("moved.psd", random_result(rng, 24, 32, 3))
        assert main([*command, "moved.psd"]) == 0
        assert len(segment.images) == 2

    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            (["-o", "a.npz", "--base", "base.psd"], 2, "none of the outputs takes it; these do: .psd"),
            (["-o", "a.psd", "--base", "no.psd"], 2, "no.psd"),
            (["-o", "a.psd", "--base", "my photo.png"], 1, "base: expected a Photoshop file"),
            (["-o", "a.psd", "--base", "small.psd"], 1, "base: expected the photo's size, 32x24, got 16x12"),
            (["-o", "a.psd", "--base", "base.psd", "--profile", "source"], 2, "none beside a base"),
        ],
    )
    def test_is_refused_before_the_work(
        self,
        segment: FakeSegment,
        photo: Path,
        base: Path,
        rng: np.random.Generator,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        code: int,
        said: str,
    ) -> None:
        save("small.psd", random_result(rng, 12, 16, 2))
        assert main(["segment", photo.name, "-q", *arguments]) == code
        assert said in one_line(capsys)
        assert segment.images == []


class TestAlphas:
    def test_folders_get_them(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name, "-o", "out", "-o", "a.npz", "--alphas"]) == 0
        assert listed("out") == ["alpha_1.png", "alpha_2.png", "contact_sheet.png", "layers.npz"]
        with Image.open("out/alpha_1.png") as image:
            assert image.mode in ("I;16", "I")
        assert "alpha_1.png .. alpha_2.png" in capsys.readouterr().out

    @pytest.mark.usefixtures("segment")
    def test_a_folder_holds_one_result(self, photo: Path) -> None:
        command = ["segment", photo.name, "-q", *TWO, "-o", "out"]
        Path("out").mkdir()
        Path("out/alpha_of_mine.txt").write_text("notes")
        colored, gray = ["layer_1.png", "layer_2.png"], ["alpha_1.png", "alpha_2.png"]
        for options, expected in (
            ([], colored),
            (["--alphas"], gray),
            (["--names", "a,b"], None),
            ([], colored),
        ):
            assert main([*command, *options]) == 0
            wanted = expected or ["layer_1_a.png", "layer_2_b.png"]
            rest = ["alpha_of_mine.txt", "contact_sheet.png", "layers.npz"]
            assert listed("out") == sorted([*wanted, *rest])

    @pytest.mark.usefixtures("segment")
    def test_with_force_pictures_of_other_programs_stay(self, photo: Path) -> None:
        command = ["segment", photo.name, "-q", *TWO, "-o", "out"]
        assert main(command) == 0
        with Image.open("out/layer_2.png") as layer:
            layer.rotate(180).save("out/layer_2.png")  # without the text that softseg wrote it
        assert main([*command, "--alphas", "--force"]) == 0
        pictures = [name for name in listed("out") if "_" in name]
        assert pictures == ["alpha_1.png", "alpha_2.png", "contact_sheet.png", "layer_2.png"]

    def test_with_names(self, segment: FakeSegment, photo: Path) -> None:
        assert main(["segment", photo.name, "-q", *TWO, "-o", "out", "--alphas", "--names", "a,b"]) == 0
        assert listed("out") == ["alpha_1_a.png", "alpha_2_b.png", "contact_sheet.png", "layers.npz"]

    def test_somebodys_own_files_are_not_replaced(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("out").mkdir()
        Path("out/alpha_1.png").write_bytes(b"mine")
        assert main(["segment", photo.name, "-q", "-o", "out", "--alphas"]) == 1
        assert "nothing says that softseg wrote it" in one_line(capsys)
        assert Path("out/alpha_1.png").read_bytes() == b"mine"

    def test_other_outputs_do_not(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name, "-o", "a.npz", "--alphas"]) == 2
        assert "'--alphas': none of the outputs takes it; these do: a folder" in one_line(capsys)
        assert segment.images == []
