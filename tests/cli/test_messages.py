"""What the command line says when something is wrong: a line each, and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image
from tests.cli.command import FakeSegment, one_line

from softseg.cli import main
from softseg.cli.messages import complain, one_line_warnings


def test_complaints_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain("features: expected\n  three channels,\tgot two\n")
    assert one_line(capsys) == "softseg: features: expected three channels, got two\n"


def test_names_of_files_stay_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    complain("two  spaces.png: \x1b[31mred")
    assert one_line(capsys) == "softseg: two  spaces.png: \\x1b[31mred\n"


def test_a_photo_is_one_line_whatever_it_is_called(
    segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["two\nlines.png", "\x1b[31mred.png"]
    for name in names:
        Path(name).write_bytes(photo.read_bytes())
    assert main(["segment", *names, "-o", "{name}.npz"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        r"two\nlines.png: 2 soft layers in two\nlines.npz",
        r"\x1b[31mred.png: 2 soft layers in \x1b[31mred.npz",
        "2 done",
    ]


class TestClosedStreams:
    """What a shell closes by ``>&-`` and ``2>&-``; Python then has None in its place."""

    def test_nobody_is_told(self, segment: FakeSegment, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdout", None)
        for command in (["-o", "a.npz"], ["-o", "b.npz", "--json"]):
            assert main(["segment", photo.name, *command]) == 0
        assert Path("b.npz").is_file()

    def test_errors_are_no_results(
        self, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stderr", None)
        assert main(["segment", "nowhere.png"]) == 2
        assert capsys.readouterr().out == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_full_disk_behind_standard_output(
    segment: FakeSegment,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: list[str],
) -> None:
    with monkeypatch.context() as patch, contextlib.suppress(OSError), open("/dev/full", "w") as full:
        patch.setattr(sys, "stdout", full)
        assert main(["segment", photo.name, "-o", "a.npz", *option]) == 1
    assert "cannot write standard output: No space left on device" in one_line(capsys)


class TestOneLineWarnings:
    def test_say_what_they_are_about(self, capsys: pytest.CaptureFixture[str]) -> None:
        with one_line_warnings("photo.jpg: "):
            warnings.warn("fewer\nlayers", UserWarning, stacklevel=1)
        assert one_line(capsys) == "softseg: warning: photo.jpg: fewer layers\n"

    def test_each_is_printed_as_often_as_it_is_raised(self, capsys: pytest.CaptureFixture[str]) -> None:
        with one_line_warnings():
            for _ in range(3):
                warnings.warn("not converged", RuntimeWarning, stacklevel=1)
        assert capsys.readouterr().err == 3 * "softseg: warning: not converged\n"

    def test_those_for_developers_are_not_printed(self, capsys: pytest.CaptureFixture[str]) -> None:
        with one_line_warnings():
            for category in (DeprecationWarning, FutureWarning, ResourceWarning):
                warnings.warn("for developers", category, stacklevel=1)
        assert capsys.readouterr() == ("", "")

    def test_what_was_set_before_is_set_again(self) -> None:
        before = warnings.showwarning, list(warnings.filters)
        with one_line_warnings():
            pass
        assert (warnings.showwarning, list(warnings.filters)) == before


class TestSegment:
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
            "softseg: warning: my photo.png: fewer layers survived than asked for",
            "softseg: warning: my photo.png: not converged",
        ]

    def test_transparency_is_a_warning(
        self, segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        image = Image.open(photo).convert("RGBA")
        image.putalpha(100)
        image.save("glass.png")
        assert main(["segment", "glass.png", "-q"]) == 0
        assert "softseg: warning: glass.png: image: 60.8% of it is transparent" in one_line(capsys)


def test_interrupted(segment: FakeSegment, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    segment.action = interrupt
    assert main(["segment", photo.name]) == 130
    assert one_line(capsys) == "softseg: interrupted\n"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_control_c_in_a_process_of_its_own(photo: Path) -> None:
    script = (
        "import signal, sys, time, softseg, softseg.cli\n"
        # A process started in the background of a script inherits that Control-C is ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
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
