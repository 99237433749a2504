"""The gallery's scripts are short, say what they do, are listed, and use photos that need no download.

`make docs` runs every one of them, and stops where one fails or warns.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data

import softseg

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
FOLDERS = ("explained", "use", "extend")
SCRIPTS = sorted(EXAMPLES.rglob("*.py"))

#: Lines of code that a script may have; those that explain the method show each of its stages.
MOST_LINES = {"explained": 150, "use": 60, "extend": 60}

scripts = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)


def read_gallery() -> dict[str, list[str]]:
    """Return the scripts that docs/conf.py puts into the gallery, in order, by folder."""
    for statement in ast.parse((ROOT / "docs" / "conf.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "GALLERY":
            return ast.literal_eval(statement.value)
    raise AssertionError("docs/conf.py has no GALLERY")


def find_photos() -> list[str]:
    """Return the names of scikit-image's photos that the scripts use."""
    return sorted({name for script in SCRIPTS for name in re.findall(r"\bdata\.(\w+)\(", script.read_text())})


def test_the_gallery_lists_every_script() -> None:
    gallery = read_gallery()
    assert tuple(gallery) == FOLDERS
    listed = {EXAMPLES / folder / name for folder, names in gallery.items() for name in names}
    assert listed == set(SCRIPTS)


@pytest.mark.parametrize("folder", ["", *FOLDERS])
def test_every_section_says_what_it_is_about(folder: str) -> None:
    title, line, blank, *text = (EXAMPLES / folder / "GALLERY_HEADER.rst").read_text().splitlines()
    assert set(line) in ({"="}, {"-"})
    assert len(line) == len(title)
    assert blank == ""
    assert text


@scripts
def test_begins_with_a_title_and_one_paragraph(script: Path) -> None:
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    assert text is not None
    title, line, blank, *paragraph = text.splitlines()
    assert line == "=" * len(title)
    assert blank == ""
    assert paragraph
    assert "" not in paragraph


@scripts
def test_is_short_and_at_top_level(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    code = [line for line in script.read_text().splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) <= MOST_LINES[script.parent.name]
    assert "main" not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@scripts
def test_draws_something(script: Path) -> None:
    assert "plt.show()" in script.read_text()


@scripts
def test_uses_no_network_of_its_own(script: Path) -> None:
    names = set(re.findall(r"^(?:import|from) (\w+)", script.read_text(), re.M))
    assert names <= {
        "dataclasses",
        "matplotlib",
        "numpy",
        "pathlib",
        "PIL",
        "psd_tools",
        "scipy",
        "skimage",
        "softseg",
        "tempfile",
    }


@pytest.mark.parametrize("photo", find_photos())
def test_photos_come_with_scikit_image(photo: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError(f"{photo} is downloaded")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert getattr(skimage.data, photo)() is not None


def test_every_parameter_is_in_the_table() -> None:
    text = (EXAMPLES / "explained" / "choosing_parameters.py").read_text(encoding="utf-8")
    rows = set(re.findall(r"^#    \* - ``(\w+)``", text, re.M))
    parameters = set(inspect.signature(softseg.segment).parameters) - {"image"}
    settings = {field.name for field in dataclasses.fields(softseg.Settings)}
    terms = {
        field.name
        for term in (softseg.MattingAffinity, softseg.SemanticAffinity, softseg.ColorAffinity)
        for field in dataclasses.fields(term)
    }
    assert rows == parameters | settings | terms


def test_a_script_runs_by_itself(tmp_path: Path) -> None:
    """The quickest one, where there is no screen."""
    run = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "use" / "refine_a_mask.py"],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert list(tmp_path.iterdir()) == []
