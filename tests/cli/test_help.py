"""What ``--help`` and shell completion say, and that they answer at once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from softseg.cli.app import app

GROUP = typer.main.get_command(app)
COMMANDS = sorted(GROUP.commands)  # type: ignore[attr-defined]
# What takes more than a moment to import.
HEAVY = ("torch", "numba", "scipy", "skimage", "matplotlib", "numpy", "PIL", "distributed")
RUN = (
    "import sys\nfrom softseg.cli import main\ntry:\n    main()\nfinally:\n"
    f"    print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
)


def run(*arguments: str, **environment: str) -> str:
    """Run the command line on a terminal of 80 columns; return what it prints. It must load nothing heavy."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", **environment},
    )
    assert done.stderr.strip() == ""
    return done.stdout


def options_of(command: str) -> list[str]:
    parameters = GROUP.commands[command].params  # type: ignore[attr-defined]
    return [name for parameter in parameters for name in parameter.opts if name.startswith("--")]


class TestHelp:
    def test_lists_the_commands(self) -> None:
        text = run("--help")
        for command in COMMANDS:
            assert re.search(rf"^│ {command} +\S", text, re.M), command

    @pytest.mark.parametrize("command", COMMANDS)
    def test_of_a_command(self, command: str) -> None:
        text = run(command, "--help")
        assert max(map(len, text.splitlines())) <= 80
        assert "…" not in text  # which rich writes where something is cut off
        for option in options_of(command):
            assert re.search(rf"{option}\b", text), option
        assert re.search(rf"^ Usage: softseg {command} ", text, re.M)
        assert re.search(r"^ Examples *$", text, re.M)
        assert re.search(rf"^ .*softseg {command}\b", text.partition("Examples")[2], re.M)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_option_and_argument_says_what_it_is(self, command: str) -> None:
        for parameter in GROUP.commands[command].params:  # type: ignore[attr-defined]
            assert parameter.help.strip().endswith((".", ")", "[/dim]")), parameter.name

    def test_options_stand_in_groups(self) -> None:
        text = run("segment", "--help")
        for panel in ("What is written", "The method", "How photos are read", "How it runs", "What is said"):
            assert f"─ {panel} ─" in text


class TestCompletion:
    def test_bash(self) -> None:
        script = {"_SOFTSEG_COMPLETE": "complete_bash"}
        assert run(**script, COMP_WORDS="softseg se", COMP_CWORD="1").split() == ["segment", "select"]
        options = run(**script, COMP_WORDS="softseg segment --", COMP_CWORD="2").split()
        assert set(options_of("segment")) <= set(options)

    def test_zsh(self) -> None:
        offered = run(_SOFTSEG_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="softseg in")
        assert '"info":"' in offered

    @pytest.mark.parametrize("shell", ["bash", "zsh"])
    def test_the_script_is_one_of_the_shell(self, shell: str) -> None:
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed")
        script = run(_SOFTSEG_COMPLETE=f"source_{shell}")
        assert "complete_" + shell in script
        done = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True, timeout=20)
        assert done.stderr == ""

    def test_bash_completes(self, tmp_path: Path) -> None:
        if shutil.which("bash") is None:
            pytest.skip("bash is not installed")
        command = tmp_path / "softseg"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m softseg "$@"\n')
        command.chmod(0o755)
        script = run(_SOFTSEG_COMPLETE="source_bash")
        script += (
            "\nCOMP_WORDS=(softseg refine --qu) COMP_CWORD=2\n_softseg_completion softseg\n"
            'echo "${COMPREPLY[@]}"\n'
        )
        done = subprocess.run(
            ["bash"],
            input=script,
            text=True,
            capture_output=True,
            timeout=60,
            env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        )
        assert (done.stdout, done.stderr) == ("--quiet\n", "")
