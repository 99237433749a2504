"""``softseg select``: the mask that it writes, and the pixels that it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.command import listed, one_line

import softseg
from softseg.cli import main


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decompose a bright square before dark ground, and save it."""
    pixels = np.full((40, 60, 3), (30, 60, 140), np.uint8)
    pixels[10:30, 20:40] = (230, 190, 40)
    noise = np.random.default_rng(3).integers(0, 12, pixels.shape, dtype=np.uint8)
    result = softseg.segment(
        pixels + noise, features="low-level", n_layers=2, n_eigenvectors=20, n_superpixels=150
    )
    path = tmp_path_factory.mktemp("select") / "photo.npz"
    result.save(path)
    return path


class TestSelect:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["--point", "30,20"],
            ["--foreground", "30,20"],
            ["--foreground", "30,20 22,12", "--foreground", "38,28", "--background", "5,5 50,35"],
            ["--lasso", "16,6 44,6 44,34 16,34"],
        ],
    )
    def test_writes_a_gray_mask(
        self, layers: Path, photo: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
    ) -> None:
        assert main(["select", str(layers), *arguments, "-o", "masks/square.png"]) == 0
        with Image.open("masks/square.png") as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (60, 40))
            mask = np.asarray(image)
        assert mask[12:28, 22:38].min() > 200
        outside = np.ones_like(mask, bool)
        outside[7:33, 17:43] = False
        assert mask[outside].max() < 55
        assert listed("masks") == ["square.png"]
        share = f"{mask.mean() / 255:.1%}"
        assert capsys.readouterr() == (f"masks/square.png, 60 x 40 pixels: {share} selected\n", "")

    def test_the_default_output(self, layers: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["select", str(layers), "--point", "30,20", "-q"]) == 0
        assert listed() == ["my photo.png", "photo_mask.png"]
        assert capsys.readouterr() == ("", "")

    def test_its_own_masks_are_replaced_and_nothing_else(
        self, layers: Path, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["select", str(layers), "-q", "-o", "mask.png", "--point"]
        assert main([*command, "30,20"]) == 0
        assert main([*command, "5,5"]) == 0
        with Image.open("mask.png") as image:
            assert image.getpixel((30, 20)) < 55
        Path("mask.png").write_bytes(b"painted on")
        assert main([*command, "30,20"]) == 1
        assert "mask.png: somebody changed it since softseg wrote it (--force" in one_line(capsys)
        assert main([*command, "30,20", "-o", photo.name]) == 1
        assert f"{photo.name}: it is there, and nothing says that softseg wrote it" in one_line(capsys)
        assert Path("mask.png").read_bytes() == b"painted on"
        assert main([*command, "30,20", "--force"]) == 0
        assert Path("mask.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize("output", ["file/mask.png", "loop/mask.png", "x" * 300 + ".png", "dir.png"])
    def test_where_nothing_can_be_written(
        self, layers: Path, photo: Path, capsys: pytest.CaptureFixture[str], output: str
    ) -> None:
        Path("file").touch()
        Path("dir.png").mkdir()
        Path("loop").symlink_to("loop")
        assert main(["select", str(layers), "--point", "30,20", "-o", output]) in (1, 2)
        assert "Errno" not in one_line(capsys)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "exactly one of point, foreground and lasso"),
            (["--point", "30,20", "--lasso", "1,1 5,1 5,5"], "exactly one of point, foreground and lasso"),
            (["--point", "60,20"], "point: expected pixels of a photo 60x40, got (60, 20)"),
            (["--point", "-1,20"], "got (-1, 20)"),
            (["--point", "30"], "'--point': expected pixels as X,Y"),
            (["--point", "30,20,4"], "'--point': expected pixels as X,Y"),
            (["--point", "a,b"], "'--point': expected pixels as X,Y"),
            (["--point", "30,20 31,20"], "'--point': expected one pixel; --foreground takes several"),
            (["--lasso", "1,1 5,1"], "lasso: expected at least three corners"),
            (["--point", "30,20", "-o", "mask.jpg"], "'--output': expected a name that ends in .png"),
        ],
    )
    def test_bad_usage(
        self,
        layers: Path,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        said: str,
    ) -> None:
        assert main(["select", str(layers), *arguments]) == 2
        assert said in one_line(capsys)
        assert os.listdir() == ["my photo.png"]

    def test_what_segment_did_not_write(self, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["select", "no.npz", "--point", "1,1"]) == 2
        assert "no.npz" in one_line(capsys)
        assert main(["select", photo.name, "--point", "1,1"]) == 1
        assert "expected an archive that softseg saved" in one_line(capsys)

    @pytest.mark.parametrize(
        "content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"no archive", bytes(100)], ids=repr
    )
    def test_what_is_damaged(self, photo: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
        Path("bad.npz").write_bytes(content)
        assert main(["select", "bad.npz", "--point", "1,1"]) == 1
        assert "path: expected an archive that softseg saved, got bad.npz: " in one_line(capsys)

    @pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
    def test_what_is_cut_off(
        self, layers: Path, photo: Path, capsys: pytest.CaptureFixture[str], share: float
    ) -> None:
        content = layers.read_bytes()
        Path("bad.npz").write_bytes(content[: int(share * len(content))])
        assert main(["select", "bad.npz", "--point", "1,1"]) == 1
        assert "path: expected an archive that softseg saved, got bad.npz: " in one_line(capsys)
