"""``softseg refine``: the matte that it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.command import one_line

from softseg import refine
from softseg.cli import main


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a photo of a bright square, and a mask that is two pixels too small."""
    pixels = np.full((40, 60, 3), (30, 60, 140), np.uint8)
    pixels[10:30, 20:40] = (230, 190, 40)
    mask = np.zeros((40, 60), np.uint8)
    mask[12:28, 22:38] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    Image.fromarray(np.where(mask, np.where(np.arange(60) < 30, 1, 2), 0).astype(np.uint8)).save(
        tmp_path / "labels.png"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestRefine:
    def test_writes_a_gray_matte(self, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["refine", "photo.png", "mask.png", "-o", "mattes/alpha.png"]) == 0
        with Image.open("mattes/alpha.png") as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (60, 40))
            alpha = np.asarray(image)
        assert alpha[10:30, 20:40].min() > 200
        assert np.array_equal(alpha, np.round(255 * refine("photo.png", "mask.png")).astype(np.uint8))
        assert capsys.readouterr().out.startswith("mattes/alpha.png, 60 x 40 pixels: ")

    def test_a_name_by_default(self, files: Path) -> None:
        assert main(["refine", "photo.png", "mask.png", "-q"]) == 0
        assert Path("photo_alpha.png").is_file()

    def test_label_maps_fill_a_folder(self, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["refine", "photo.png", "labels.png", "-o", "alphas"]) == 0
        assert sorted(path.name for path in Path("alphas").glob("*.png")) == [
            "label_0.png",
            "label_1.png",
            "label_2.png",
        ]
        assert "3 layers" in capsys.readouterr().out

    def test_labels_that_are_nowhere_have_no_file(
        self, files: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        labels = np.asarray(Image.open("labels.png"))
        for number in (7, 5):
            Image.fromarray(np.where(labels == 2, np.uint8(number), labels)).save("labels.png")
            assert main(["refine", "photo.png", "labels.png", "-o", "alphas"]) == 0
            assert {path.name for path in Path("alphas").glob("*.png")} == {
                "label_0.png",
                "label_1.png",
                f"label_{number}.png",
            }
            assert "3 layers" in capsys.readouterr().out

    def test_does_not_replace_what_it_did_not_write(
        self, files: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("alpha.png").write_text("mine")
        arguments = ["refine", "photo.png", "mask.png", "-o", "alpha.png"]
        assert main(arguments) == 1
        assert "--force" in one_line(capsys)
        assert Path("alpha.png").read_text() == "mine"
        assert main([*arguments, "--force"]) == 0
        assert main(arguments) == 0  # its own

    def test_does_not_replace_what_lies_in_a_folder(
        self, files: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("alphas").mkdir()
        Path("alphas/label_1.png").write_text("mine")
        assert main(["refine", "photo.png", "labels.png", "-o", "alphas"]) == 1
        assert "--force" in one_line(capsys)
        assert Path("alphas/label_1.png").read_text() == "mine"

    @pytest.mark.parametrize("output", ["photo.png", "mask.png", "./mask.png", "link.png"])
    def test_never_replaces_what_it_reads(
        self, files: Path, capsys: pytest.CaptureFixture[str], output: str
    ) -> None:
        Path("link.png").symlink_to("mask.png")
        before = Path(output).read_bytes()
        assert main(["refine", "photo.png", "mask.png", "-o", output, "--force"]) == 2
        assert "expected another place" in one_line(capsys)
        assert Path(output).read_bytes() == before
        Path("labels.png").rename("label_9.png")
        assert main(["refine", "photo.png", "label_9.png", "-o", ".", "--force"]) == 2
        assert "expected another place" in one_line(capsys)
        assert Path("label_9.png").is_file()

    @pytest.mark.parametrize(
        ("mask", "output", "says"),
        [
            ("photo.png", "alpha.png", "MASK"),
            ("mask.png", "alpha.jpg", ".png"),
            ("labels.png", "alpha.png", "folder"),
            ("nowhere.png", "alpha.png", "nowhere.png"),
        ],
    )
    def test_is_refused_in_one_line(
        self, files: Path, capsys: pytest.CaptureFixture[str], mask: str, output: str, says: str
    ) -> None:
        assert main(["refine", "photo.png", mask, "-o", output]) in (1, 2)
        assert says in one_line(capsys)
        assert not Path(output).exists()
