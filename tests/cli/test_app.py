"""The commands: what `segment` is asked for, what is refused before any work, and the whole method."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.command import PUBLISHED, FakeSegment, one_line

import softseg
from softseg import Affinity, ColorAffinity, Eigensolver, MattingAffinity
from softseg.cli import main
from softseg.eigen import LOBPCG, Multigrid, ShiftInvert
from softseg.features.low_level import LowLevelFeatures
from softseg.features.registry import EXTRACTORS


class TestSegment:
    def test_passes_on_only_what_was_asked_for(self, segment: FakeSegment, photo: Path) -> None:
        assert main(["segment", photo.name, "-q"]) == 0
        np.testing.assert_array_equal(segment.images[0], np.asarray(Image.open(photo)))
        assert segment.options.pop("progress") is None  # --quiet
        assert segment.options == {"features": None, "rng": None, "settings": None}

    def test_passes_on_every_option(self, segment: FakeSegment, photo: Path) -> None:
        values = np.linspace(0, 1, 24 * 32 * 3).reshape(24, 32, 3)
        np.save("features.npy", values)
        counts = {"layers": 7, "eigenvectors": 30, "initial": 12, "superpixels": 200, "seed": 3}
        arguments = [text for name, value in counts.items() for text in (f"--{name}", str(value))]
        arguments += ["--features", "features.npy", "--published", "-o", "some/where"]
        assert main(["segment", *arguments, photo.name]) == 0
        assert Path("some/where/layer_1.png").exists()
        del segment.options["progress"]
        np.testing.assert_array_equal(segment.options.pop("features"), values)
        assert segment.options == {
            "n_layers": 7,
            "n_eigenvectors": 30,
            "n_initial": 12,
            "n_superpixels": 200,
            "rng": 3,
            "settings": PUBLISHED,
        }

    def test_a_features_name(
        self, segment: FakeSegment, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(EXTRACTORS._known, "network", LowLevelFeatures)
        assert main(["segment", photo.name, "--features", "network"]) == 0
        assert segment.options["features"] == "network"

    @pytest.mark.parametrize(("text", "count"), [("auto", "auto"), ("3", 3)])
    def test_number_of_layers(self, segment: FakeSegment, photo: Path, text: str, count: int | str) -> None:
        assert main(["segment", photo.name, "--layers", text, "-q"]) == 0
        assert segment.options["n_layers"] == count


class TestAffinity:
    """`--affinity`, an expression over registered names."""

    @pytest.mark.parametrize(
        ("text", "affinity"),
        [
            ("MattingAffinity()", MattingAffinity()),
            ("MattingAffinity() + 0.02 * ColorAffinity()", MattingAffinity() + 0.02 * ColorAffinity()),
            ("-1 * ColorAffinity(radius=0.3)", -1 * ColorAffinity(radius=0.3)),
        ],
    )
    def test_arrives(self, segment: FakeSegment, photo: Path, text: str, affinity: Affinity) -> None:
        assert main(["segment", photo.name, "--affinity", text, "-q"]) == 0
        assert segment.options["affinity"] == affinity

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "expected a sum of terms"),
            ("MattingAffinity(", "expected a sum of terms"),
            ("ColourAffinity()", "expected one of ColorAffinity, MattingAffinity, SemanticAffinity"),
            ("0.5", "expected a sum of affinities, got '0.5'"),
            ("MattingAffinity(epsilon=-1.0)", "epsilon: expected a finite number above 0, got -1.0"),
            ("MattingAffinity(sharpness=1)", "sharpness"),
            ("__import__('os').remove('my photo.png')", "expected calls of ColorAffinity"),
        ],
    )
    def test_a_bad_one_is_bad_usage(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        text: str,
        said: str,
    ) -> None:
        assert main(["segment", photo.name, "--affinity", text]) == 2
        line = one_line(capsys)
        assert "'--affinity'" in line
        assert said in line
        assert segment.options == {}
        assert os.listdir() == [photo.name]


class TestEigensolver:
    """`--eigensolver`, a call of a registered name, or the name alone."""

    @pytest.mark.parametrize(
        ("text", "eigensolver"),
        [
            ("ShiftInvert", ShiftInvert()),
            ("ShiftInvert()", ShiftInvert()),
            ("LOBPCG(preconditioner=Multigrid())", LOBPCG(preconditioner=Multigrid())),
            ("LOBPCG(tol=1e-4, max_iterations=9)", LOBPCG(tol=1e-4, max_iterations=9)),
        ],
    )
    def test_arrives(self, segment: FakeSegment, photo: Path, text: str, eigensolver: Eigensolver) -> None:
        assert main(["segment", photo.name, "--eigensolver", text, "-q"]) == 0
        assert segment.options["eigensolver"] == eigensolver

    def test_beside_the_published_settings(self, segment: FakeSegment, photo: Path) -> None:
        assert main(["segment", photo.name, "--published", "--eigensolver", "LOBPCG", "-q"]) == 0
        assert segment.options["settings"] is PUBLISHED
        assert segment.options["eigensolver"] == LOBPCG()

    @pytest.mark.usefixtures("unhooked")
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "expected one such as LOBPCG(), got ''"),
            ("LOBPCG(", "expected one such as LOBPCG(), got 'LOBPCG('"),
            ("Nonsense()", "expected one of LOBPCG, ShiftInvert, got Nonsense"),
            ("lobpcg", "expected calls of LOBPCG, ShiftInvert with plain values, got lobpcg"),
            ("Multigrid()", "expected an eigensolver, got 'Multigrid()'"),
            ("LOBPCG(tol=-1.0)", "tol: expected a finite number above 0, got -1.0"),
            ("LOBPCG(sharpness=1)", "sharpness"),
            (
                "LOBPCG(preconditioner=Nonsense())",
                "expected one of LocalInverse, Multigrid, ShiftedInverse, got Nonsense",
            ),
            (
                "LOBPCG(preconditioner=ShiftInvert())",
                "expected an instance of Preconditioner, got ShiftInvert",
            ),
            ("LOBPCG() + ShiftInvert()", "expected terms that add and scale"),
            ("__import__('os').remove('my photo.png')", "expected calls of LOBPCG, ShiftInvert"),
        ],
    )
    def test_a_bad_one_is_bad_usage(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        text: str,
        said: str,
    ) -> None:
        assert main(["segment", photo.name, "--eigensolver", text]) == 2
        line = one_line(capsys)
        assert "'--eigensolver'" in line
        assert said in line
        assert segment.options == {}
        assert os.listdir() == [photo.name]

    def test_computes(self, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Nothing faked, on more pixels than LAPACK solves."""
        pixels = np.full((30, 40, 3), (200, 60, 40), np.uint8)
        pixels[:, 20:] = (30, 80, 190)
        grain = np.random.default_rng(2).integers(0, 12, pixels.shape, dtype=np.uint8)
        Image.fromarray(pixels + grain).save(photo)
        options = "--features low-level --layers 2 --eigenvectors 10 --initial 4 --superpixels 40 -q"
        for name in ("LOBPCG", "ShiftInvert"):
            output = f"{name}.npz"
            assert main(["segment", photo.name, *options.split(), "--eigensolver", name, "-o", output]) == 0
        found = [softseg.SoftSegmentation.load(f"{name}.npz") for name in ("LOBPCG", "ShiftInvert")]
        iterated, exact = (result.eigenpairs.residuals.max() for result in found)
        # The exact solver's residuals are rounding; LOBPCG stops at errors of 1e-6 of the diagonal.
        assert exact < 1e-3 * iterated


class TestDamagedFeatures:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x93NUMPY",
            b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (9, 9, 3), }\n",
            b"\x93NUMPY\x01\x00\x04\x00((((",
            b"PK\x03\x04cut off",
            b"\x80\x04N.",  # a pickle
        ],
        ids=repr,
    )
    def test_are_said_in_a_line(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str], content: bytes
    ) -> None:
        Path("f.npy").write_bytes(content)
        assert main(["segment", photo.name, "--features", "f.npy"]) == 2
        assert "Invalid value for '--features': cannot read f.npy: " in one_line(capsys)
        assert segment.images == []

    def test_an_archive_of_several(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        np.savez("f.npz", a=np.zeros(3))
        Path("f.npz").rename("f.npy")
        assert main(["segment", photo.name, "--features", "f.npy"]) == 2
        assert "it holds several arrays" in one_line(capsys)

    def test_a_folder(self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        Path("f.npy").mkdir()
        assert main(["segment", photo.name, "--features", "f.npy"]) == 2
        assert "'--features': expected a file, got a folder: f.npy" in one_line(capsys)


class TestBadUsage:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "Missing command"),
            (["paint"], "paint"),
            (["segment"], "PHOTO"),
            (["segment", "no.png"], "no.png"),
            (["segment", "empty"], "no photos in the folder empty"),
            (["segment", "*.jpg"], "no such file: *.jpg"),
            (["segment", "my photo.png", "--sharpness", "3"], "--sharpness"),
            (["segment", "my photo.png", "--layers", "0"], "--layers"),
            (["segment", "my photo.png", "--layers", "many"], "--layers"),
            (["segment", "my photo.png", "--seed", "-1"], "--seed"),
            (["segment", "my photo.png", "-o", "my photo.png"], "'--output': my photo.png is a photo"),
            (["segment", "my photo.png", "-o", "out.gif"], "ends in .npz, .psd, .ora"),
            (["segment", "my photo.png", "bad.npy", "-o", "out.psd"], "put {name} into it"),
            (["segment", "*.png", "-o", "out.psd"], "put {name} into it"),
            (["segment", "my photo.png", "-o", ""], "got an empty name"),
            (["segment", "my photo.png", "-o", "new folder 1.2"], "end it with a slash"),
            (["segment", "my photo.png", "no.jpg", "-o", "out.psd"], "no such file: no.jpg"),
            (["segment", "no.jpg", "my photo.png", "-o", "out.psd"], "no such file: no.jpg"),
            (["segment", "my photo.png", "-o", "a", "-o", "a/layers.npz"], "file layers.npz of its own"),
            (["segment", "my photo.png", "--features", "empty.npy"], "cannot read empty.npy"),
            (["segment", "my photo.png", "--features", "empty"], "low-level, network or a file"),
            (["segment", "my photo.png", "--features", "no.npy"], "no such file: no.npy"),
            (["segment", "my photo.png", "--features", "bad.npy"], "cannot read bad.npy"),
            (["segment", "my photo.png", "--features", "unheard-of"], "low-level, network or a file"),
            (["demo", "--layers", "3"], "--layers"),
        ],
    )
    def test_exit_code_2_and_one_line(
        self,
        segment: FakeSegment,
        photo: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        arguments: list[str],
        said: str,
    ) -> None:
        monkeypatch.setitem(softseg.features.__dict__, "extractor_names", lambda: ("low-level", "network"))
        Path("bad.npy").write_text("no array")
        Path("empty.npy").touch()
        Path("empty").mkdir()
        assert main(arguments) == 2
        assert said in one_line(capsys)
        assert segment.options == {}
        assert sorted(os.listdir()) == ["bad.npy", "empty", "empty.npy", "my photo.png"]


def test_demo_takes_the_astronaut(
    segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo"]) == 0
    assert segment.images[0].shape == (512, 512, 3)
    assert set(segment.options) == {"progress"}
    assert {"layer_1.png", "contact_sheet.png", "layers.npz"} <= set(os.listdir("out"))
    assert "out/" in capsys.readouterr().out


def test_demo_replaces_its_own_layers_and_nothing_else(
    segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "-q"]) == 0
    assert main(["demo", "-q"]) == 0
    Path("out/layer_1.png").write_bytes(b"painted on")
    assert main(["demo", "-q"]) == 1
    assert "out: somebody changed it since softseg wrote it (--force replaces it)" in one_line(capsys)
    Path("mine").mkdir()
    Path("mine/layer_1.png").write_bytes(b"of another program")
    assert main(["demo", "-q", "-o", "mine"]) == 1
    assert "mine: it is there, and nothing says that softseg wrote it" in one_line(capsys)
    assert os.listdir("mine") == ["layer_1.png"]
    assert main(["demo", "-q", "--force"]) == 0
    assert Path("out/layer_1.png").read_bytes().startswith(b"\x89PNG")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr() == (f"softseg {softseg.__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["segment", "--help"], ["demo", "-h"], ["select", "-h"]])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "Usage: softseg" in printed.out
    if "segment" in arguments:
        assert "softseg segment photo.jpg -o layers --layers 7" in printed.out


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; from softseg.cli import main; main(['segment', '--help'])\n"
        "heavy = {'numpy', 'numba', 'scipy', 'skimage', 'torch', 'matplotlib', 'PIL'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    start = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert time.perf_counter() - start < 3  # 0.4 s alone; the rest is room for a busy machine


def test_python_dash_m(photo: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "softseg", "segment", "no.png"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stderr.startswith("softseg: Invalid value for 'PHOTO'")
    assert run.stderr.count("\n") == 1


def test_the_whole_method_from_photo_to_files(
    photo: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing faked: two regions with a little noise."""
    pixels = np.full((24, 32, 3), (200, 60, 40), np.uint8)
    pixels[:, 16:] = (30, 80, 190)
    Image.fromarray(pixels + rng.integers(0, 12, pixels.shape, dtype=np.uint8)).save(photo)
    options = "--layers 2 --eigenvectors 10 --initial 4 --superpixels 40 --seed 1 -o out"
    assert main(["segment", photo.name, *options.split()]) == 0
    loaded = softseg.SoftSegmentation.load("out/layers.npz")
    alphas, colors, image = loaded.alphas, loaded.colors, loaded.image
    assert alphas.shape[:2] == (24, 32)
    np.testing.assert_allclose(alphas.sum(axis=2), 1, atol=1e-5)
    # The photo comes back within half a step of 8 bits and the rounding of the colors to 8 bits.
    np.testing.assert_allclose(np.einsum("hwk, hwkc -> hwc", alphas, colors), image, atol=1 / 255)
    # Each half belongs to one layer, and not to the same one.
    left, right = alphas[:, :14].mean(axis=(0, 1)), alphas[:, 18:].mean(axis=(0, 1))
    assert left.max() > 0.9
    assert right.max() > 0.9
    assert left.argmax() != right.argmax()
    for number in range(1, alphas.shape[2] + 1):
        with Image.open(f"out/layer_{number}.png") as layer:
            np.testing.assert_allclose(
                np.asarray(layer)[..., 3] / 255, alphas[..., number - 1], atol=0.51 / 255
            )
    assert "total" in capsys.readouterr().out


def test_warm_up_compiles_all_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[bool] = []
    monkeypatch.setattr("softseg.warming.warm_up", lambda: called.append(True))
    monkeypatch.setattr("softseg.warm_up", lambda: called.append(True))
    assert main(["warm-up"]) == 0
    assert called == [True]
