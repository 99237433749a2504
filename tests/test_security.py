"""What SECURITY.md promises: no network, nothing unpickled, and every dependency is listed."""

from __future__ import annotations

import ast
import contextlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import softseg

ROOT = Path(__file__).parents[1]
SOURCE = sorted((ROOT / "src" / "softseg").rglob("*.py"))

WITHOUT_SOCKETS = """
import socket, sys

def refuse(*_, **__):
    raise AssertionError("somebody tried to connect")

socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = socket.getaddrinfo = refuse
import numpy as np
import softseg

image = np.random.default_rng(0).random((24, 30, 3))
result = softseg.segment(image, n_eigenvectors=10, n_initial=5, n_layers=2)
result.select(point=(3, 4))
trimap = np.full((24, 30), 0.5)
trimap[:, 0], trimap[:, -1] = 0, 1
softseg.matte(image, trimap)
for name in ("a.npz", "a.psd", "a.ora", "a.exr", "a.tif", "a.html", "a.png", "a.json", "a"):
    result.save(f"{sys.argv[1]}/{name}")
softseg.SoftSegmentation.load(f"{sys.argv[1]}/a.npz").propagate(np.eye(24, 30, dtype=int), [1.0])
"""


def test_nothing_is_sent_or_fetched(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOCKETS, str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


class Payload:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


@pytest.mark.parametrize("name", ["alphas", "image", "affinity", "profile", "format"])
def test_archives_are_not_unpickled(name: str, tmp_path: Path) -> None:
    result = softseg.testing.random_result(np.random.default_rng(0), 8, 9, 2)
    result.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "a.npz", **{**arrays, name: np.array([Payload()], dtype=object)})
    with contextlib.suppress(ValueError):  # where the name means nothing to softseg, it loads
        softseg.SoftSegmentation.load(tmp_path / "a.npz")


def calls(function: str) -> Iterator[ast.Call]:
    """Yield the calls of a function in the source, such as ``"torch.load"``."""
    for path in SOURCE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == function:
                yield node


def test_torch_loads_weights_only() -> None:
    found = list(calls("torch.load"))
    assert found
    for call in found:
        assert "weights_only=True" in ast.unparse(call)


def test_numpy_loads_without_pickle() -> None:
    found = list(calls("np.load"))
    assert found
    for call in found:
        assert "allow_pickle=True" not in ast.unparse(call)


@pytest.mark.parametrize(
    "module", ["pickle", "marshal", "shelve", "dill", "joblib", "urllib", "requests", "socket"]
)
def test_such_modules_are_not_imported(module: str) -> None:
    for path in SOURCE:
        assert not re.search(rf"^\s*(import|from) {module}\b(?!\.parse)", path.read_text(), re.MULTILINE), (
            path
        )


def test_nothing_is_evaluated() -> None:
    assert list(calls("eval")) == []
    assert list(calls("exec")) == []


def test_every_dependency_is_listed_with_its_license() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = (ROOT / "docs" / "reference" / "dependencies.md").read_text()
    extras = [
        line
        for name in ("dinov2", "exr", "heif", "plot", "train")
        for line in project["optional-dependencies"][name]
    ]
    for line in [*project["dependencies"], *extras]:
        name = re.match(r"[\w.-]+", line)
        assert name is not None
        assert f"| {name[0]} |" in listed
