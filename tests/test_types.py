"""A type checker sees the types of the public names, although they are imported when first asked for."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import softseg

PACKAGES = ("affinity", "eigen", "features", "formats", "layers", "sparsify", "training")
NAMES = [f"softseg.{name}" for name in softseg.__all__] + [
    f"softseg.{package}.{name}"
    for package in PACKAGES
    for name in importlib.import_module(f"softseg.{package}").__all__
]

# Libraries whose types do not matter here, and take mypy long to read.
CONFIGURATION = """
[mypy]
ignore_missing_imports = true
disable_error_code = name-defined
[mypy-PIL.*,numba.*,rich.*,safetensors.*,scipy.*,skimage.*,torch.*,typer.*]
follow_imports = skip
"""

WRONG = "softseg.segment(1, 2, 3, nonsense=4)"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what mypy says of each line of a script that reveals every public name and makes one mistake."""
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    folder = tmp_path_factory.mktemp("types")
    lines = [*(f"import softseg.{package}" for package in PACKAGES), "import softseg"]
    lines += [*(f"reveal_type({name})" for name in NAMES), WRONG]
    (folder / "script.py").write_text("\n".join(lines) + "\n")
    (folder / "mypy.ini").write_text(CONFIGURATION)
    options = ["--config-file", "mypy.ini", "--cache-dir", "cache", "--no-error-summary", "--no-pretty"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "script.py"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    messages: dict[str, str] = {}
    for message in done.stdout.splitlines():
        found = re.fullmatch(r"script\.py:(\d+): (error|note): (.*)", message)
        if found:
            line = lines[int(found[1]) - 1]
            text = found[3].replace("builtins.", "")  # which mypy leaves out of late
            messages[line] = messages.get(line, "") + f"{found[2]}: {text}\n"
    return messages


def environment() -> dict[str, str]:
    """Return the environment of a process that finds the softseg that is tested here."""
    return {**os.environ, "MYPYPATH": str(Path(softseg.__file__).parents[1])}


@pytest.mark.parametrize("name", NAMES)
def test_public_names_have_types(said: dict[str, str], name: str) -> None:
    revealed = re.search(r'Revealed type is "(.*)"', said.get(f"reveal_type({name})", ""))
    assert revealed is not None
    assert revealed[1] != "Any"
    assert "error" not in said[f"reveal_type({name})"]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("softseg.segment", "n_eigenvectors: int ="),
        ("softseg.segment", "-> softseg.result.SoftSegmentation"),
        ("softseg.layers.load", "-> softseg.result.SoftSegmentation"),
        ("softseg.layers.save", "result: softseg.layers.stack.Decomposition"),
        ("softseg.affinity.register", "name: str"),
    ],
)
def test_signatures_are_seen(said: dict[str, str], name: str, part: str) -> None:
    assert part in said[f"reveal_type({name})"]


def test_a_call_that_does_not_fit_is_an_error(said: dict[str, str]) -> None:
    assert 'error: Unexpected keyword argument "nonsense" for "segment"' in said[WRONG]
