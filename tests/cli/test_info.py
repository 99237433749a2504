"""``softseg info``: what is said of archives, for people and for programs; and of what are none."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageCms
from tests.cli.command import FakeSegment, one_line

import softseg
from softseg.cli import main
from softseg.formats import FORMATS, Format, layer_names, register
from softseg.testing import random_result


@pytest.fixture
def result(photo: Path, rng: np.random.Generator) -> softseg.SoftSegmentation:
    """Save a result as ``a.npz``."""
    result = random_result(rng, 24, 32, 3)
    result.save("a.npz")
    return result


def read(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Return the only object on standard output."""
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


class TestInfo:
    def test_names_that_the_layers_were_given(
        self, result: softseg.SoftSegmentation, capsys: pytest.CaptureFixture[str]
    ) -> None:
        result.save("named.npz", names=["sky", "le café", "空"])
        assert main(["info", "named.npz", "--json"]) == 0
        layers = read(capsys)["layers"]
        assert isinstance(layers, list)
        assert [layer["name"] for layer in layers] == ["sky", "le café", "空"]

    @pytest.mark.parametrize("content", [b"8BPS no archive", b"x", b"PK no archive"])
    def test_what_is_no_archive(
        self, photo: Path, content: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("other.npz").write_bytes(content)
        assert main(["info", "other.npz"]) == 1
        said = one_line(capsys)
        assert "expected an archive that softseg saved, got other.npz: " in said
        assert "pickle" not in said

    def test_lines_for_a_person(
        self, result: softseg.SoftSegmentation, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["info", "a.npz"]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        text = printed.out.splitlines()
        assert text[0].startswith("a.npz, 32 x 24 pixels")
        assert text[0].endswith(": 3 soft layers")
        for name, share in zip(layer_names(result), result.alphas.mean(axis=(0, 1)), strict=True):
            assert any(line.split(name)[-1].strip() == f"{share:.1%}" for line in text if name in line)
        assert any(line.split(maxsplit=1) == ["affinity", repr(result.affinity)] for line in text)
        for stage in result.timings:
            assert any(line.startswith(f"  {stage} ") and line.endswith(" s") for line in text)

    def test_an_object_for_a_program(
        self, result: softseg.SoftSegmentation, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["info", "a.npz", "--json"]) == 0
        found = read(capsys)
        loaded = softseg.SoftSegmentation.load("a.npz")
        assert found["type"] == "info"
        assert (found["width"], found["height"]) == (32, 24)
        assert [found["working_height"], found["working_width"]] == list(loaded.scene.shape)
        assert found["eigenvectors"] == len(loaded.eigenpairs.values)
        assert found["feature_channels"] == loaded.features.shape[2]
        assert found["affinity"] == repr(loaded.affinity)
        assert found["profile"] is None
        assert (found["softseg"], found["options"]) == (None, None)  # nothing says so
        assert (found["error"], found["exit_code"]) == (None, 0)

    def test_what_it_was_made_with_is_known_by_its_record(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["segment", photo.name, "-q", "--seed", "7", "-o", "b.npz", "-o", "layers"]
        assert main(command) == 0
        for file in ("b.npz", "layers", "layers/layers.npz"):
            assert main(["info", file, "--json"]) == 0
            found = read(capsys)
            assert found["file"] == file
            assert found["softseg"] == softseg.__version__
            assert found["options"] is not None
            assert found["options"]["rng"] == 7  # type: ignore[index]
        random_result(np.random.default_rng(1), 24, 32, 2).save("b.npz")  # another one in its place
        assert main(["info", "b.npz", "--json"]) == 0
        assert read(capsys)["softseg"] is None

    def test_a_profile_has_a_name(
        self, result: softseg.SoftSegmentation, capsys: pytest.CaptureFixture[str]
    ) -> None:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        replace(result, profile=profile).save("b.npz")
        assert main(["info", "b.npz", "--json"]) == 0
        assert "sRGB" in str(read(capsys)["profile"])
        replace(result, profile=b"no profile").save("b.npz")
        assert main(["info", "b.npz"]) == 0
        assert "of an unknown name" in capsys.readouterr().out

    def test_several_files_of_which_some_cannot_be_read(
        self, result: softseg.SoftSegmentation, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("cut.npz").write_bytes(Path("a.npz").read_bytes()[:500])
        files = ["no.npz", photo.name, "cut.npz", "a.npz"]
        assert main(["info", *files, "--json"]) == 1
        printed = capsys.readouterr()
        found = [json.loads(line) for line in printed.out.splitlines()]
        assert [(line["file"], line["exit_code"]) for line in found] == [
            *((file, 1) for file in files[:3]),
            ("a.npz", 0),
        ]
        assert all(line["error"] for line in found[:3])
        assert printed.err.count("\n") == 3

    def test_other_formats_that_can_be_read(
        self,
        result: softseg.SoftSegmentation,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        parts = {
            name: getattr(result, name)
            for name in ("image", "alphas", "scene", "affinity", "eigenpairs", "initial_alphas", "timings")
        }
        monkeypatch.setattr(FORMATS, "_known", dict(FORMATS._known))
        register(".mine", Format("mine", lambda path, result: None, lambda path, affinity: parts))
        Path("a.mine").touch()
        assert main(["info", "a.mine"]) == 0
        assert capsys.readouterr().out.startswith("a.mine, 32 x 24 pixels")

    def test_an_affinity_that_is_not_known_here(
        self, result: softseg.SoftSegmentation, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arrays = dict(np.load("a.npz"))
        np.savez("b.npz", **{**arrays, "affinity": np.array("GaborAffinity()")})
        assert main(["info", "b.npz"]) == 0
        printed = capsys.readouterr()
        assert "GaborAffinity()" in printed.out
        assert printed.err == ""

    def test_a_folder_without_an_archive(self, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["info", "."]) == 1
        assert "expected a folder that segment filled, got one without layers.npz" in one_line(capsys)

    def test_loads_no_torch(self, result: softseg.SoftSegmentation) -> None:
        code = (
            "import sys; from softseg.cli import main; main(['info', 'a.npz']); print('torch' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
        assert done.stdout.splitlines()[-1] == "False", done.stderr
