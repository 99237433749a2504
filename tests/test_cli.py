"""The command line: what it asks of `segment`, what it writes, and how it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import softseg
from softseg.cli import main

PUBLISHED = object()


class FakeSegment:
    """Stands for `softseg.segment`: remembers what it was asked and returns two layers."""

    def __init__(self) -> None:
        self.image = np.empty(0)
        self.options: dict[str, Any] = {}
        self.action: Any = lambda: None

    def __call__(self, image: np.ndarray, **options: Any) -> SimpleNamespace:
        self.image, self.options = image, options
        for done in range(3):
            if options["progress"] is not None:
                options["progress"](f"stage {done}", done, 3)
        self.action()
        height, width = image.shape[:2]
        alphas = np.full((height, width, 2), 0.5, np.float32)
        colors = np.stack([image, image], axis=2).astype(np.float32)
        return SimpleNamespace(
            image=image,
            alphas=alphas,
            colors=colors,
            rgba=np.moveaxis(np.concatenate([colors, alphas[..., None]], axis=3), 2, 0),
            features=np.zeros((height, width, 3), np.float32),
            superpixels=np.zeros((height, width), int),
            initial_alphas=alphas,
            eigenpairs=SimpleNamespace(values=np.zeros(4), residuals=np.zeros(4), converged=True),
            timings={"features": 0.5, "eigenpairs": 1.25},
        )


@pytest.fixture
def segment(monkeypatch: pytest.MonkeyPatch) -> FakeSegment:
    fake = FakeSegment()
    monkeypatch.setitem(softseg.__dict__, "segment", fake)
    monkeypatch.setitem(softseg.__dict__, "PUBLISHED", PUBLISHED)
    return fake


@pytest.fixture
def photo(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a photo of 24 x 32 pixels into an empty folder and go there."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    path = folder / "my photo.png"
    Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(path)
    return path


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the only line on standard error; standard output must be empty."""
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("softseg: ")
    return printed.err


class TestSegment:
    def test_writes_layers_sheet_and_arrays_and_says_so(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name]) == 0
        folder = photo.parent / "my photo_layers"
        written = {path.name for path in folder.iterdir()}
        assert written == {"layer_1.png", "layer_2.png", "contact_sheet.png", "layers.npz"}
        with np.load(folder / "layers.npz") as arrays:
            assert arrays["alphas"].shape == (24, 32, 2)
        with Image.open(folder / "layer_2.png") as layer:
            assert (layer.mode, layer.size) == ("RGBA", (32, 24))
        with Image.open(folder / "contact_sheet.png") as sheet:
            assert sheet.width > 1000
        printed = capsys.readouterr()
        assert printed.err == ""
        for text in ("my photo.png, 32 x 24 pixels", "2 soft layers in my photo_layers", "contact_sheet.png"):
            assert text in printed.out
        times = dict(line.split()[:2] for line in printed.out.split("Time\n")[1].splitlines())
        assert times == {"features": "0.50", "eigenpairs": "1.25", "total": "1.75"}

    def test_passes_on_only_what_was_asked_for(self, segment: FakeSegment, photo: Path) -> None:
        assert main(["segment", photo.name, "-q"]) == 0
        np.testing.assert_array_equal(segment.image, np.asarray(Image.open(photo)) / 255)
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
        monkeypatch.setitem(softseg.features.__dict__, "names", lambda: ("low-level", "network"))
        assert main(["segment", photo.name, "--features", "network"]) == 0
        assert segment.options["features"] == "network"

    def test_quiet_prints_nothing(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", photo.name, "--quiet"]) == 0
        assert capsys.readouterr() == ("", "")

    def test_warnings_are_one_line_each(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def warn() -> None:
            warnings.warn("fewer layers\n  survived than asked for", UserWarning, stacklevel=1)
            warnings.warn("not converged", RuntimeWarning, stacklevel=1)
            warnings.warn("for developers", DeprecationWarning, stacklevel=1)

        segment.action = warn
        assert main(["segment", photo.name, "-q"]) == 0
        assert capsys.readouterr().err.splitlines() == [
            "softseg: warning: fewer layers survived than asked for",
            "softseg: warning: not converged",
        ]

    def test_opaque_alpha_is_a_warning(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Image.open(photo).convert("RGBA").save("opaque.png")
        assert main(["segment", "opaque.png", "-q"]) == 0
        assert "softseg: warning: image: dropped its alpha" in one_line(capsys)


class TestBadUsage:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "Missing command"),
            (["paint"], "paint"),
            (["segment"], "PHOTO"),
            (["segment", "no.png"], "no.png"),
            (["segment", "."], "directory"),
            (["segment", "my photo.png", "--sharpness", "3"], "--sharpness"),
            (["segment", "my photo.png", "--layers", "0"], "--layers"),
            (["segment", "my photo.png", "--layers", "many"], "--layers"),
            (["segment", "my photo.png", "--seed", "-1"], "--seed"),
            (["segment", "my photo.png", "-o", "my photo.png"], "--output"),
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
        monkeypatch.setitem(softseg.features.__dict__, "names", lambda: ("low-level", "network"))
        Path("bad.npy").write_text("no array")
        assert main(arguments) == 2
        assert said in one_line(capsys)
        assert segment.options == {}
        assert sorted(os.listdir()) == ["bad.npy", "my photo.png"]


class TestPhotosThatCannotBeProcessed:
    @pytest.fixture(autouse=True)
    def bad_photos(self, photo: Path) -> None:
        Path("text.jpg").write_text("no image\nat all")
        Image.new("RGB", (2, 40)).save("thin.png")
        Image.new("RGBA", (9, 9), (1, 2, 3, 100)).save("glass.png")

    @pytest.mark.parametrize(
        ("name", "said"),
        [("text.jpg", "text.jpg"), ("thin.png", "at least 3x3 pixels"), ("glass.png", "composite it over")],
    )
    def test_exit_code_1_and_one_line(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str], name: str, said: str
    ) -> None:
        assert main(["segment", name]) == 1
        assert said in one_line(capsys)
        assert not [path for path in os.listdir() if path.endswith("_layers")]

    @pytest.mark.parametrize(
        "error", [ValueError("features: expected\nthis"), TypeError("features: expected\nthis")]
    )
    def test_errors_of_the_method(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str], error: Exception
    ) -> None:
        def fail() -> None:
            raise error

        segment.action = fail
        assert main(["segment", "my photo.png"]) == 1
        assert one_line(capsys) == "softseg: features: expected this\n"

    def test_out_of_memory(self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]) -> None:
        def fail() -> None:
            raise MemoryError

        segment.action = fail
        assert main(["segment", "my photo.png"]) == 1
        assert "out of memory" in one_line(capsys)

    def test_output_that_cannot_be_made(
        self, segment: FakeSegment, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["segment", "my photo.png", "-o", "text.jpg/layers"]) == 1
        assert "text.jpg/layers" in one_line(capsys)
        assert segment.options == {}  # known before any work

    def test_a_defect_of_ours_is_not_hidden(self, segment: FakeSegment) -> None:
        def fail() -> None:
            raise KeyError("defect")

        segment.action = fail
        with pytest.raises(KeyError):
            main(["segment", "my photo.png"])


def test_interrupted(segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    segment.action = interrupt
    assert main(["segment", photo.name]) == 130
    assert one_line(capsys) == "softseg: interrupted\n"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_control_c_in_a_process_of_its_own(photo: Path) -> None:
    script = (
        "import sys, time, softseg, softseg.cli\n"
        "def segment(image, **options):\n"
        "    print('started', flush=True)\n"
        "    time.sleep(60)\n"
        "softseg.segment = segment\n"
        "sys.exit(softseg.cli.main(['segment', sys.argv[1]]))\n"
    )
    command = [sys.executable, "-c", script, photo.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "softseg: interrupted\n"


def test_demo_takes_the_astronaut(
    segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo"]) == 0
    assert segment.image.shape == (512, 512, 3)
    assert set(segment.options) == {"progress"}
    assert {"layer_1.png", "contact_sheet.png", "layers.npz"} <= set(os.listdir("out"))
    assert "2 soft layers in out" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr() == (f"softseg {softseg.__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["segment", "--help"], ["demo", "-h"]])
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
    with np.load("out/layers.npz") as arrays:
        alphas, colors, image = arrays["alphas"], arrays["colors"].astype(float), arrays["image"] / 255
    assert alphas.shape[:2] == (24, 32)
    np.testing.assert_allclose(alphas.sum(axis=2), 1, atol=1e-5)
    # The photo comes back within half a step of 8 bits and the rounding of float16 colours.
    np.testing.assert_allclose(np.einsum("hwk, hwkc -> hwc", alphas, colors), image, atol=0.5 / 255 + 1e-3)
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
