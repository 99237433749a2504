"""What the command line says when something is wrong: a line each, and nothing else."""

from __future__ import annotations

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
